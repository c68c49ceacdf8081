// Why: one way to list, show, create, update and delete for all of Neutron's collections.

import { badRequest, conflict, Fault, forbidden, unavailable } from '../base/errors.ts';
import { faultCodeOf } from '../base/fault-codes.ts';
import type { Caller } from '../base/op.ts';
import { mustHaveId, mustHaveList, mustHaveObject, record, records, textOf } from './answer-values.ts';
import { type Neighbour, type NeighbourAnswer, wordsOf } from './neighbour.ts';

/** Ids in one query at most, to keep its address short enough for any proxy. */
const IDS_PER_QUERY = 50;

/** Pages of one list at most: a Neutron that never comes to an end must not hold a request for ever. */
const MAX_PAGES = 1_000;

/** Collections that every Neutron has; those of extensions it may not know. */
const CORE: ReadonlySet<string> = new Set(['networks', 'ports', 'subnets']);

export type Json = Readonly<Record<string, unknown>>;
type Pairs = readonly (readonly [string, string])[];

interface Page {
  readonly rows: readonly Json[];
  readonly isLast: boolean;
}

export interface NeutronHttp {
  /** All of a collection, page by page; one that this Neutron does not have is empty. */
  list(as: Caller | null, collection: string, pairs: Pairs): Promise<readonly Json[]>;
  /** The objects whose `key` is among `ids`. */
  listBy(as: Caller | null, collection: string, key: string, ids: readonly string[]): Promise<readonly Json[]>;
  /** Null: there is none, or not for this caller. */
  show(as: Caller | null, noun: string, id: string): Promise<Json | null>;
  create(as: Caller | null, noun: string, body: Json): Promise<Json>;
  /**
   * Null: it is gone.
   * @param revision which it must still have; null: any. Rejects with `preconditionFailed` where somebody changed it meanwhile
   */
  update(as: Caller | null, noun: string, id: string, body: Json, revision?: number | null): Promise<Json | null>;
  /** False: it was gone. */
  remove(as: Caller | null, noun: string, id: string): Promise<boolean>;
}

/** The fault for a refused request. */
export function networkRefusal(answer: NeighbourAnswer, what: string): Fault {
  const options = { code: faultCodeOf(answer.type, 'NetworkRefused'), detail: wordsOf(answer) };
  const message = answer.message === '' ? `The network service refused to ${what}.` : answer.message;
  if (answer.status === 403) return forbidden(message, options);
  if (answer.status === 409) return conflict(message, options);
  if (answer.status === 412) return new Fault('preconditionFailed', message, options);
  return badRequest(message, options);
}

function chunks<T>(values: readonly T[]): (readonly T[])[] {
  const result: (readonly T[])[] = [];
  for (let at = 0; at < values.length; at += IDS_PER_QUERY) result.push(values.slice(at, at + IDS_PER_QUERY));
  return result;
}

const queryText = (pairs: Pairs): string =>
  pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');

const pathOf = (collection: string): string => `/v2.0/${collection.replaceAll('_', '-')}`;

export function neutronHttp(neutron: Pick<Neighbour, 'ask'>): NeutronHttp {
  const memberPath = (noun: string, id: string): string => `${pathOf(`${noun}s`)}/${encodeURIComponent(id)}`;
  const memberOf = ({ body }: NeighbourAnswer, noun: string): Json => mustHaveObject('network', body, noun);

  async function page(as: Caller | null, collection: string, pairs: Pairs): Promise<Page> {
    const answer = await neutron.ask(as, 'GET', `${pathOf(collection)}?${queryText(pairs)}`);
    // ports that cannot be listed are no reason to forget them
    if (answer.status === 404 && !CORE.has(collection)) return { rows: [], isLast: true };
    if (answer.status === 404)
      throw unavailable('The network service is not available now.', { detail: answer.message });
    if (answer.status !== 200) throw networkRefusal(answer, `list ${collection}`);
    const rows = mustHaveList('network', answer.body, collection);
    const links = records(record(answer.body)[`${collection}_links`]);
    return { rows, isLast: !links.some(({ rel }) => rel === 'next') };
  }

  /** Neutron cuts a list into pages by itself if its operator says so (`pagination_max_limit`). */
  async function list(as: Caller | null, collection: string, pairs: Pairs): Promise<readonly Json[]> {
    const found: Json[] = [];
    let marker: Pairs = [];
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const { rows, isLast } = await page(as, collection, [...pairs, ...marker]);
      found.push(...rows);
      const last = textOf(rows.at(-1)?.['id']);
      if (isLast || last === '') return found;
      marker = [['marker', last]];
    }
    throw unavailable('The network service is not available now.', {
      detail: `its list of ${collection} does not end`,
    });
  }

  return {
    list,
    async listBy(as, collection, key, ids) {
      const parts = chunks(ids).map((some) =>
        list(
          as,
          collection,
          some.map((id) => [key, id]),
        ),
      );
      return (await Promise.all(parts)).flat();
    },
    async show(as, noun, id) {
      const answer = await neutron.ask(as, 'GET', memberPath(noun, id));
      if (answer.status === 404) return null;
      if (answer.status !== 200) throw networkRefusal(answer, `show a ${noun}`);
      return memberOf(answer, noun);
    },
    async create(as, noun, body) {
      const answer = await neutron.ask(as, 'POST', pathOf(`${noun}s`), { [noun]: body });
      if (answer.status !== 201) throw networkRefusal(answer, `make a ${noun}`);
      const made = memberOf(answer, noun);
      mustHaveId('network', { id: textOf(made['id']) });
      return made;
    },
    async update(as, noun, id, body, revision = null) {
      const headers = revision === null ? {} : { headers: { 'If-Match': `revision_number=${revision}` } };
      const answer = await neutron.ask(as, 'PUT', memberPath(noun, id), { [noun]: body }, headers);
      if (answer.status === 404) return null;
      if (answer.status !== 200) throw networkRefusal(answer, `change a ${noun}`);
      return memberOf(answer, noun);
    },
    async remove(as, noun, id) {
      const answer = await neutron.ask(as, 'DELETE', memberPath(noun, id));
      if (answer.status === 404) return false;
      if (answer.status !== 204) throw networkRefusal(answer, `delete a ${noun}`);
      return true;
    },
  };
}
