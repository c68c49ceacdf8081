// Why: flavors, key pairs, quotas, groups and aggregates are copied row by row. An object that exists here with another content is refused and
// never overwritten.

import { isDeepStrictEqual } from 'node:util';
import { addAggregateHost, findAggregate, listAggregates, mergeAggregateMetadata } from '../../db/aggregates.ts';
import { findFlavor, findFlavorByName, flavorProjects, insertFlavor, insertFlavorProject } from '../../db/flavors.ts';
import { findKeypair, insertKeypair, type KeypairType } from '../../db/keypairs.ts';
import { findImport, type ImportKind, insertImport, type NovaImport } from '../../db/nova-imports.ts';
import { type LimitOwner, setLimit } from '../../db/quota-sets.ts';
import { findServerGroup, insertServerGroup } from '../../db/server-groups.ts';
import { type Tx, tx } from '../../db/tx.ts';
import {
  type NovaAggregate,
  novaAggregates,
  type NovaFlavor,
  novaFlavors,
  type NovaGroup,
  novaGroups,
  novaKeypairs,
  type NovaLimit,
  novaLimits,
} from '../../db/nova/api.ts';
import { flavorProblem, lostOfFlavor, readFlavor } from '../../domain/moving/nova-flavor.ts';
import { jsonIn, type NovaRow, numberIn, objectIn, textIn, timeIn } from '../../domain/moving/nova-rows.ts';
import { quotaResources, UNLIMITED } from '../../domain/placement/quota-sets.ts';
import { type Line, type MovingDeps, type Step, verdictOf } from './deps.ts';

/** One object of Nova's, and how to find and insert it here. */
interface Thing {
  readonly kind: ImportKind;
  readonly name: string;
  readonly title?: string;
  /** Why it cannot be taken over; null: it can. */
  readonly problem: string | null;
  readonly changes?: readonly string[];
  /** What exists here under its name: the same object, another one, or nothing (null). */
  readonly here: () => Promise<'same' | 'other' | null>;
  readonly insert: (t: Tx) => Promise<void>;
}

async function stepOf(deps: MovingDeps, thing: Thing): Promise<Step> {
  const { kind, name, title, problem, changes = [], here, insert } = thing;
  const line = (verdict: Line['verdict'], why: readonly string[]): Line => ({
    ...{ kind, name, verdict, why },
    ...(title !== undefined && { title }),
  });
  if ((await findImport(deps.database.read, kind, name)) !== null) return { line: line('adopted', []), carry: null };
  if (problem !== null) return { line: line('refuse', [problem]), carry: null };
  const found = await here();
  if (found === 'same') return { line: line('there', []), carry: null };
  if (found === 'other') return { line: line('refuse', ['another one with this name or id exists here']), carry: null };
  const carry = (): Promise<void> =>
    tx(deps.database, async (t) => {
      await insert(t);
      await insertImport(t, { kind, name, host: null, facts: {}, createdAt: deps.clock.now() });
    });
  return { line: line(verdictOf(changes), changes), carry };
}

function flavorThing({ database, clock }: MovingDeps, { row, extraSpecs, projects }: NovaFlavor): Thing {
  const flavor = readFlavor(row, extraSpecs);
  return {
    kind: 'flavor',
    name: flavor.flavorid,
    title: flavor.name,
    problem: flavorProblem(flavor),
    changes: lostOfFlavor(row),
    async here() {
      const found =
        (await findFlavor(database.read, flavor.flavorid)) ?? (await findFlavorByName(database.read, flavor.name));
      if (found === null) return null;
      const { id, createdAt: _, updatedAt: __, ...rest } = found;
      const same =
        isDeepStrictEqual(rest, flavor) && isDeepStrictEqual(await flavorProjects(database.read, id), projects);
      return same ? 'same' : 'other';
    },
    async insert(t) {
      const id = await insertFlavor(t, flavor, timeIn(row, 'created_at') ?? clock.now());
      for (const project of projects) await insertFlavorProject(t, id, project);
    },
  };
}

/** The name of a key pair's import record: user id and key name, separated by the first slash (`%` and `/` of the id are escaped). */
const keypairName = (userId: string, name: string): string =>
  `${userId.replaceAll('%', '%25').replaceAll('/', '%2F')}/${name}`;

function keypairOf(record: string): { readonly user_id: string; readonly name: string } {
  const slash = record.indexOf('/');
  const user_id = record.slice(0, slash).replaceAll('%2F', '/').replaceAll('%25', '%');
  return { user_id, name: record.slice(slash + 1) };
}

function keypairThing({ database, clock }: MovingDeps, row: NovaRow): Thing {
  const text = (column: string) => textIn(row, column) ?? '';
  const [userId, name, type] = [text('user_id'), text('name'), text('type') || 'ssh'];
  const key = { userId, name, fingerprint: text('fingerprint'), publicKey: text('public_key') };
  return {
    kind: 'keypair',
    name: keypairName(userId, name),
    problem: type === 'ssh' || type === 'x509' ? null : `its type is ${type}`,
    async here() {
      const found = await findKeypair(database.read, userId, name);
      if (found === null) return null;
      return found.publicKey === key.publicKey && found.type === type ? 'same' : 'other';
    },
    async insert(t) {
      const createdAt = timeIn(row, 'created_at') ?? clock.now();
      await insertKeypair(t, { ...key, type: type as KeypairType, createdAt });
    },
  };
}

const ownerOf = ({ scope, scopeId, userId }: NovaLimit): LimitOwner =>
  scope === 'user' ? { scope, scopeId, userId } : { scope, scopeId };

/** The name of a quota's import record, from which it is found again. */
const limitName = ({ scope, scopeId, userId, resource }: NovaLimit): string =>
  JSON.stringify([scope, scopeId, userId, resource]);

function limitThing({ database }: MovingDeps, limit: NovaLimit): Thing {
  const { scope, scopeId, userId, resource } = limit;
  // for Nova any negative number means unlimited; here, as in its API, only -1 does
  const most = Math.max(limit.limit, UNLIMITED);
  const where = { scope, scope_id: scopeId, user_id: userId, resource };
  return {
    kind: scope === 'class' ? 'quota_class' : 'quota',
    name: limitName(limit),
    title: [scopeId, userId, resource].filter(Boolean).join(' '),
    problem: quotaResources.some((one) => one === resource) ? null : 'there is no such quota here',
    changes: most === limit.limit ? [] : [`${limit.limit} means unlimited, which is ${UNLIMITED} here`],
    async here() {
      const row: { hard_limit: number } | undefined = await database
        .read('quota_limits')
        .select('hard_limit')
        .where(where)
        .first();
      if (row === undefined) return null;
      return Number(row.hard_limit) === most ? 'same' : 'other';
    },
    insert: (t) => setLimit(t, ownerOf(limit), resource, most),
  };
}

function groupThing({ database, clock }: MovingDeps, { row, policy, rules }: NovaGroup): Thing {
  const text = (column: string) => textIn(row, column) ?? '';
  const uuid = text('uuid');
  const most = Number(objectIn(jsonIn(rules))['max_server_per_host']);
  const known = ['affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity'] as const;
  const found = known.find((one) => one === policy);
  return {
    kind: 'server_group',
    name: uuid,
    title: text('name'),
    problem: found === undefined ? `its policy is ${JSON.stringify(policy)}` : null,
    here: async () => ((await findServerGroup(database.read, uuid)) === null ? null : 'other'),
    async insert(t) {
      const group = { uuid, projectId: text('project_id'), userId: text('user_id'), name: text('name') };
      const maxServerPerHost = Number.isSafeInteger(most) && most > 0 ? most : null;
      const made = { ...group, policy: found ?? 'affinity', maxServerPerHost };
      await insertServerGroup(t, made, timeIn(row, 'created_at') ?? clock.now());
    },
  };
}

function aggregateThing({ database, clock }: MovingDeps, { row, hosts, metadata }: NovaAggregate): Thing {
  const id = numberIn(row, 'id') ?? 0;
  const [uuid, name] = [textIn(row, 'uuid') ?? '', textIn(row, 'name') ?? ''];
  return {
    kind: 'aggregate',
    name: uuid,
    title: name,
    problem: uuid === '' || name === '' ? 'it has no name or id' : null,
    async here() {
      const found = (await listAggregates(database.read)).find((one) => one.uuid === uuid || one.name === name);
      if (found === undefined) return (await findAggregate(database.read, id)) === null ? null : 'other';
      const same = isDeepStrictEqual([found.id, found.uuid, found.hosts, found.metadata], [id, uuid, hosts, metadata]);
      return same ? 'same' : 'other';
    },
    async insert(t) {
      // with its id, since operators' scripts use it
      await t('aggregates').insert({ id, uuid, name, created_at: timeIn(row, 'created_at') ?? clock.now() });
      await mergeAggregateMetadata(t, id, metadata);
      for (const host of hosts) await addAggregateHost(t, id, host);
    },
  };
}

/** Everything that a Nova has besides servers, in the order of their dependencies. */
export async function* nounSteps(deps: MovingDeps): AsyncGenerator<Step> {
  for (const flavor of await novaFlavors(deps.api)) yield await stepOf(deps, flavorThing(deps, flavor));
  for await (const row of novaKeypairs(deps.api)) yield await stepOf(deps, keypairThing(deps, row));
  for (const limit of await novaLimits(deps.api)) yield await stepOf(deps, limitThing(deps, limit));
  for (const one of await novaAggregates(deps.api)) yield await stepOf(deps, aggregateThing(deps, one));
  for (const group of await novaGroups(deps.api)) yield await stepOf(deps, groupThing(deps, group));
}

/**
 * Deletes one of them, by the name of its import record.
 * @returns whether it was there; an object that was created under its name since then is another one and stays
 */
export async function takeBackNoun(
  t: Tx,
  kind: Exclude<ImportKind, 'server'>,
  { name, createdAt: takenMs }: Pick<NovaImport, 'name' | 'createdAt'>,
): Promise<boolean> {
  const taken = (table: string, where: Readonly<Record<string, string>>): Promise<number> =>
    t(table).where(where).where('created_at', '<=', takenMs).delete();
  switch (kind) {
    case 'flavor':
      return (await taken('flavors', { flavorid: name })) > 0;
    case 'keypair':
      return (await taken('key_pairs', { ...keypairOf(name) })) > 0;
    case 'quota':
    case 'quota_class': {
      const [scope, scope_id, user_id, resource] = JSON.parse(name) as string[];
      const touched = await t('quota_limits')
        .where({ scope, scope_id, user_id, resource } as object)
        .delete();
      return touched > 0;
    }
    case 'aggregate':
      return (await taken('aggregates', { uuid: name })) > 0;
    case 'server_group':
      return (await taken('server_groups', { uuid: name })) > 0;
  }
}
