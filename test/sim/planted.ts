// Why: a simulation that finds nothing may be looking at nothing. Mistakes of the kind that it is there for are planted into the
// program, and it must find each of them soon.

import { findClaim, setClaim } from '../../src/db/claims.ts';
import { findBuild, updateServer } from '../../src/db/servers.ts';
import type { Saga, Step, StepContext } from '../../src/ops/engine/saga.ts';
import { hostsFor, placementOf, whereOf } from '../../src/ops/placement/place.ts';
import type { BuildRequest } from '../../src/ops/servers/build.ts';
import { createAction } from '../../src/ops/servers/create.ts';

export interface Planted {
  readonly name: string;
  /** Puts the mistake there; returns what takes it away. */
  readonly plant: () => () => void;
  /** The first of the seeds that look for it, where those before would take minutes and find nothing; default 1. */
  readonly from?: number;
}

type Context = StepContext<unknown>;
type Mutable = { -readonly [K in keyof Step<unknown>]: Step<unknown>[K] };

/** Replaces a part of a step by what `make` makes of it. */
function replaced<I, K extends 'run' | 'undo'>(
  saga: Saga<I>,
  name: string,
  part: K,
  make: (before: Step<unknown>[K]) => Step<unknown>[K],
): () => void {
  const step = saga.steps.find((one) => one.name === name) as unknown as Mutable | undefined;
  if (step === undefined) throw new Error(`no step '${name}' of '${saga.name}'`);
  const before = step[part];
  step[part] = make(before);
  return () => {
    step[part] = before;
  };
}

/** Takes the best host as it was when it was looked at, whoever took what of it since. */
async function claimBlindly(context: Context): Promise<{ readonly host: string }> {
  const { deps, server, commit } = context;
  if (server.host !== null && (await findClaim(deps.database.read, server.id)) !== null) return { host: server.host };
  const wish = placementOf(deps, server, await findBuild<BuildRequest>(deps.database.read, server.id), server.flavor);
  const { hosts, spec } = await hostsFor(deps, server, { ...wish, excluded: [] }, 'all');
  const [host] = hosts;
  if (host === undefined) throw new Error('no host');
  const { minimum, maximum, diskGb } = spec;
  const claim = {
    serverId: server.id,
    hostId: host.id,
    ...minimum,
    diskGb,
    maximum,
    numa: null,
    resources: null,
    pci: null,
  };
  await commit(async (t, nowMs) => {
    await setClaim(t, claim);
    await updateServer(t, server.id, { ...whereOf(host), taskState: 'networking' }, nowMs);
  });
  return { host: host.host };
}

/** Asks for other ports each time. */
function othersEachTime(run: (context: Context) => Promise<unknown>) {
  let times = 0;
  return (context: Context): Promise<unknown> => {
    const { network } = context.deps;
    const first = 10 * times;
    times += 1;
    const again: typeof network = { ...network, allocate: (server, plan) => network.allocate(server, plan, first) };
    return run({ ...context, deps: { ...context.deps, network: again } });
  };
}

export const planted: readonly Planted[] = [
  { name: 'a lost undo', plant: () => replaced(createAction, 'ports', 'undo', () => 'nothing was made'), from: 350 },
  { name: 'a double claim', plant: () => replaced(createAction, 'place', 'run', () => claimBlindly), from: 110 },
  { name: 'a step that is not idempotent', plant: () => replaced(createAction, 'ports', 'run', othersEachTime) },
];
