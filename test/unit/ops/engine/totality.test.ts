// A saga is whole when everything that is said of an action elsewhere is said of it: its row among the moves, its case in the suite of
// the three laws, its events' names, its notification, and a route with a policy. What is forgotten is found here, by its name.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { computeRoutes } from '../../../../src/api/compute/index.ts';
import type { RouteEntry } from '../../../../src/api/resource.ts';
import { MAX_MINOR } from '../../../../src/domain/microversions.ts';
import { eventNameOf, eventNames } from '../../../../src/domain/notifications/event-names.ts';
import { actionEventType } from '../../../../src/domain/notifications/notification.ts';
import { moves } from '../../../../src/domain/servers/moves.ts';
import { sagas } from '../../../../src/ops/engine/sagas.ts';
import { citedRules } from '../../../../src/policies/index.ts';
import { leastBody } from '../../../support/minimal.ts';
import { sagaCases } from '../../../support/saga-cases/index.ts';
import { makeOp } from '../../../support/world.ts';

interface SagaFacts {
  readonly name: string;
  readonly steps: readonly { readonly name: string }[];
  readonly variant?: unknown;
}

/** What must agree; each is taken from where it stands. */
interface Facts {
  readonly sagas: readonly SagaFacts[];
  readonly records: readonly (string | null)[];
  /** `saga`: the case is of this variant. */
  readonly cases: readonly { readonly name: string; readonly verb: string; readonly saga?: SagaFacts }[];
  readonly events: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The names of actions that are told of. */
  readonly told: readonly string[];
  /** The verbs that routes ask for, with their rules. */
  readonly routes: readonly { readonly verb: string; readonly policy: string | null }[];
  readonly rules: readonly string[];
}

/** Nova sends no notification of these. */
const untold: readonly string[] = ['changePassword'];

function eventGaps({ name, steps }: SagaFacts, variants: readonly SagaFacts[], row: Facts['events'][string]): string[] {
  const known = [steps, ...variants.map((one) => one.steps)].map((list) => list.map((step) => step.name));
  const stale = Object.keys(row).filter((step) => !known.flat().includes(step));
  const twice = known.filter(
    (list) => new Set(list.map((step) => row[step] ?? eventNameOf(name, step))).size < list.length,
  );
  return [
    ...stale.map((step) => `${name}: an event's name is of a step '${step}' that it has not`),
    ...twice.map(() => `${name}: two steps have one event's name`),
  ];
}

function gapsOf(saga: SagaFacts, facts: Facts): string[] {
  const { name } = saga;
  const cases = facts.cases.filter((one) => one.name === name);
  const variants = cases.flatMap((one) => one.saga ?? []);
  const verbs = cases.map(({ verb }) => verb);
  const routes = facts.routes.filter(({ verb }) => verbs.includes(verb));
  const row = facts.events[name];
  return [
    ...(facts.records.includes(name) ? [] : [`${name}: no move has it as its record`]),
    ...(cases.some((one) => one.saga === undefined) ? [] : [`${name}: no case in the suite`]),
    ...(saga.variant === undefined || variants.length > 0 ? [] : [`${name}: its variant has no case in the suite`]),
    ...(row === undefined ? [`${name}: its events have no names`] : eventGaps(saga, variants, row)),
    ...(facts.told.includes(name) || untold.includes(name) ? [] : [`${name}: no notification tells of it`]),
    ...(verbs.length === 0 || routes.length > 0 ? [] : [`${name}: no route leads to it`]),
    ...routes.flatMap(({ policy }) =>
      policy !== null && facts.rules.includes(policy) ? [] : [`${name}: a route to it has no policy`],
    ),
  ];
}

const gaps = (facts: Facts): string[] => facts.sagas.flatMap((saga) => gapsOf(saga, facts));

/** What no schema says: a server without an image is asked for with its volumes. */
function bodyOf(route: RouteEntry): unknown {
  const body = leastBody(route, MAX_MINOR);
  if (route.method !== 'POST' || route.path !== '/servers') return body;
  return { server: { ...(body as { server: object }).server, imageRef: '70a599e0-31e7-49b7-b260-868f441e862b' } };
}

/** The verb that a route asks for first; null: none. It is called as a request would call it, but nothing is behind it. */
async function verbOf(route: RouteEntry): Promise<string | null> {
  let first: string | null = null;
  const get = (_ops: object, verb: string) => () => {
    first ??= verb;
    return Promise.reject(new Error('nothing is behind the verbs here'));
  };
  const call = {
    op: makeOp(),
    services: { ops: new Proxy({}, { get }), settings: {} },
    params: {},
    query: {},
    target: { uuid: '', image: null, flavor: {} },
    url: {},
    allows: () => true,
    enforce: () => undefined,
    expiresAt: () => undefined,
    header: () => undefined,
  };
  try {
    await route.run({ ...call, body: bodyOf(route) } as unknown as Parameters<typeof route.run>[0]);
  } catch {
    // what failed before a verb was asked for leads to none
  }
  return first;
}

async function routesToVerbs(): Promise<Facts['routes']> {
  const found: { verb: string; policy: string | null }[] = [];
  for (const route of computeRoutes.filter(({ method }) => method !== 'GET')) {
    const verb = await verbOf(route);
    if (verb !== null) found.push({ verb, policy: route.policy });
  }
  return found;
}

describe('totality of sagas', () => {
  const all = [...sagas.values()] as readonly SagaFacts[];
  let whole: Facts;
  before(async () => {
    whole = {
      sagas: all,
      records: Object.values(moves).map(({ record }) => record),
      cases: sagaCases as unknown as Facts['cases'],
      events: eventNames,
      told: all.map(({ name }) => name).filter((name) => actionEventType(name, 'start') !== null),
      routes: await routesToVerbs(),
      rules: citedRules.map(({ name }) => name),
    };
  });

  it('is given: nothing is forgotten', () => {
    assert.ok(whole.sagas.length > 25);
    assert.deepEqual(gaps(whole), []);
  });

  it('says what Nova tells nobody of, and nothing more', () => {
    assert.deepEqual(
      untold.filter((name) => whole.told.includes(name)),
      [],
    );
  });

  /** What one saga less of something is found as, for each saga. */
  function finds(what: string, without: (name: string) => Partial<Facts>, said: string, but: readonly string[] = []) {
    it(`finds ${what}, whichever it is`, () => {
      for (const { name } of all.filter((one) => !but.includes(one.name))) {
        const found = gaps({ ...whole, ...without(name) });
        assert.ok(found.includes(`${name}: ${said}`), `${name}: ${found.join()}`);
        assert.deepEqual([...new Set(found.map((one) => one.split(':')[0]))], [name]);
      }
    });
  }

  finds(
    'a move that is missing',
    (name) => ({ records: whole.records.filter((record) => record !== name) }),
    'no move has it as its record',
  );
  finds(
    'a case that is missing',
    (name) => ({ cases: whole.cases.filter((one) => one.name !== name) }),
    'no case in the suite',
  );
  finds(
    'names of events that are missing',
    (name) => ({ events: Object.fromEntries(Object.entries(whole.events).filter(([action]) => action !== name)) }),
    'its events have no names',
  );
  finds(
    'a notification that is missing',
    (name) => ({ told: whole.told.filter((one) => one !== name) }),
    'no notification tells of it',
    untold,
  );

  const verbsOf = (name: string) => whole.cases.filter((one) => one.name === name).map(({ verb }) => verb);
  finds(
    'a route that is missing',
    (name) => ({ routes: whole.routes.filter(({ verb }) => !verbsOf(name).includes(verb)) }),
    'no route leads to it',
  );
  finds(
    'a policy that is missing',
    (name) => ({
      routes: whole.routes.map((one) => (verbsOf(name).includes(one.verb) ? { ...one, policy: null } : one)),
    }),
    'a route to it has no policy',
  );
  finds(
    'a name of an event that no step has',
    (name) => ({ events: { ...whole.events, [name]: { ...whole.events[name], gone: 'compute_gone' } } }),
    "an event's name is of a step 'gone' that it has not",
  );
  finds(
    'a name that two events have',
    (name) => ({
      sagas: all.map((one) => (one.name === name ? { ...one, steps: [...one.steps, ...one.steps] } : one)),
    }),
    "two steps have one event's name",
  );

  it('finds a variant without a case', () => {
    const varied = all.filter(({ variant }) => variant !== undefined).map(({ name }) => name);
    assert.deepEqual(varied.toSorted(), ['delete', 'shelve', 'unshelve']);
    for (const name of varied) {
      const cases = whole.cases.filter((one) => one.name !== name || one.saga === undefined);
      assert.ok(gaps({ ...whole, cases }).includes(`${name}: its variant has no case in the suite`));
    }
  });

  it('finds a saga that is new and of which nothing else is said', () => {
    const sagaOnly = { name: 'newborn', steps: [{ name: 'guest' }] };
    assert.deepEqual(gaps({ ...whole, sagas: [...all, sagaOnly] }), [
      'newborn: no move has it as its record',
      'newborn: no case in the suite',
      'newborn: its events have no names',
      'newborn: no notification tells of it',
    ]);
  });
});
