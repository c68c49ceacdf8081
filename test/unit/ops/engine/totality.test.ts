// An action is whole when what its definition can't hold is there too: its case in the suite of the three laws, and a route with a
// policy. What is forgotten is found here, by its name.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { computeRoutes } from '../../../../src/api/compute/index.ts';
import type { RouteEntry } from '../../../../src/api/resource.ts';
import { MAX_MINOR } from '../../../../src/domain/microversions.ts';
import { actions } from '../../../../src/ops/actions.ts';
import { eventName } from '../../../../src/ops/engine/saga.ts';
import { citedRules } from '../../../../src/policies/index.ts';
import { leastBody } from '../../../support/minimal.ts';
import { sagaCases } from '../../../support/saga-cases/index.ts';
import { askedOf } from '../../../support/request-of.ts';
import { makeOp } from '../../../support/world.ts';

interface SagaFacts {
  readonly name: string;
  readonly steps: readonly { readonly name: string; readonly event?: string }[];
  readonly notification: string | null;
  readonly transitions?: object;
  readonly variant?: unknown;
}

/** What must agree; each is taken from where it stands. */
interface Facts {
  readonly sagas: readonly SagaFacts[];
  /** `saga`: the case is of this variant. */
  readonly cases: readonly { readonly name: string; readonly verb: string; readonly saga?: SagaFacts }[];
  /** The verbs that routes ask for, with their rules. */
  readonly routes: readonly { readonly verb: string; readonly policy: string | null }[];
  readonly rules: readonly string[];
}

/** Nova sends no notification of these. */
const untold: readonly string[] = ['changePassword'];

/** A saga's, or a variant's, whose events could not be told apart. */
const isAmbiguous = (name: string, { steps }: SagaFacts): boolean =>
  new Set(steps.map((step) => eventName({ name }, step))).size < steps.length;

function gapsOf(saga: SagaFacts, facts: Facts): string[] {
  const { name } = saga;
  const cases = facts.cases.filter((one) => one.name === name);
  const variants = cases.flatMap((one) => one.saga ?? []);
  const verbs = cases.map(({ verb }) => verb);
  const routes = facts.routes.filter(({ verb }) => verbs.includes(verb));
  return [
    ...(Object.keys(saga.transitions ?? {}).length > 0 ? [] : [`${name}: it starts nowhere`]),
    ...(cases.some((one) => one.saga === undefined) ? [] : [`${name}: no case in the suite`]),
    ...(saga.variant === undefined || variants.length > 0 ? [] : [`${name}: its variant has no case in the suite`]),
    ...([saga, ...variants].some((one) => isAmbiguous(name, one)) ? [`${name}: two steps have one event's name`] : []),
    ...(saga.notification !== null || untold.includes(name) ? [] : [`${name}: no notification tells of it`]),
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
  const get =
    (_ops: object, verb: string) =>
    (...args: readonly unknown[]) => {
      first ??= askedOf(verb, args);
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

describe('totality of actions', () => {
  const all = [...actions.values()] as readonly SagaFacts[];
  let whole: Facts;
  before(async () => {
    whole = {
      sagas: all,
      cases: sagaCases as unknown as Facts['cases'],
      routes: await routesToVerbs(),
      rules: citedRules.map(({ name }) => name),
    };
  });

  it('is given: nothing is forgotten', () => {
    assert.ok(whole.sagas.length > 25);
    assert.deepEqual(gaps(whole), []);
  });

  it('says what Nova tells nobody of, and nothing more', () => {
    const silent = all.filter(({ notification }) => notification === null).map(({ name }) => name);
    assert.deepEqual(silent, untold);
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

  const changed = (name: string, change: Partial<SagaFacts>) => ({
    sagas: all.map((one) => (one.name === name ? { ...one, ...change } : one)),
  });
  finds('a transition that is missing', (name) => changed(name, { transitions: {} }), 'it starts nowhere');
  finds(
    'a case that is missing',
    (name) => ({ cases: whole.cases.filter((one) => one.name !== name) }),
    'no case in the suite',
  );
  finds(
    'a notification that is missing',
    (name) => changed(name, { notification: null }),
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
    'a name that two events have',
    (name) => {
      const steps = all.find((one) => one.name === name)?.steps ?? [];
      return changed(name, { steps: [...steps, ...steps] });
    },
    "two steps have one event's name",
  );

  it('finds a variant without a case', () => {
    const varied = all.filter(({ variant }) => variant !== undefined).map(({ name }) => name);
    assert.deepEqual(varied.toSorted(), ['create', 'createImage', 'delete', 'rebuild', 'shelve', 'unshelve']);
    for (const name of varied) {
      const cases = whole.cases.filter((one) => one.name !== name || one.saga === undefined);
      assert.ok(gaps({ ...whole, cases }).includes(`${name}: its variant has no case in the suite`));
    }
  });

  it('finds an action that is new and of which nothing else is said', () => {
    const newborn = { name: 'newborn', steps: [{ name: 'guest' }], notification: null };
    assert.deepEqual(gaps({ ...whole, sagas: [...all, newborn] }), [
      'newborn: it starts nowhere',
      'newborn: no case in the suite',
      'newborn: no notification tells of it',
    ]);
  });
});
