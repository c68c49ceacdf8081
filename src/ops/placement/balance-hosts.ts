// Why: which servers to move so that hosts have room again is decided on a snapshot; nothing is claimed and nothing is moved here.
// Whoever asked makes the moves, as live migrations that are checked again.

import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import { listCandidates } from '../../db/candidates.ts';
import { findClaims } from '../../db/claims.ts';
import { listServers } from '../../db/server-list.ts';
import type { Candidate } from '../../domain/placement/hosts.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { refusal } from '../../domain/servers/transition.ts';
import { type BalancePlan, fullness, type Movable, planBalance } from '../../scheduler/balance.ts';
import type { OpsDeps } from '../deps.ts';
import { liveMigrateAction, liveProblem, misfit } from '../servers/live-migrate.ts';
import { moveRequest } from '../servers/migrations.ts';
import { isUp } from './host-up.ts';
import { groupOf, optionsOf, specOf } from './place.ts';

export type { BalancePlan } from '../../scheduler/balance.ts';

const suits = (source: Candidate, host: Candidate): boolean => migrates(host) && misfit(source, host) === null;

const migrates = ({ inventory }: Candidate): boolean => inventory.facts.capabilities.verbs.includes('liveMigrate');

/** The servers of a host that could move as they run: the most that are looked at are those that were made first. */
async function movablesOf(deps: OpsDeps, source: Candidate): Promise<Movable[]> {
  const { read } = deps.database;
  const page = { limit: limits.balanceServers, marker: null, sort: [{ key: 'created_at', dir: 'asc' }] } as const;
  const servers = await listServers(read, { where: { host: source.host }, vmStates: ['active', 'paused'] }, page);
  const can = servers.filter(
    (server) =>
      refusal(server, liveMigrateAction.transitions.liveMigrate, true) === null && liveProblem(server) === null,
  );
  const claims = await findClaims(
    read,
    can.map(({ id }) => id),
  );
  const movable = async (server: Server): Promise<Movable[]> => {
    const claim = claims.get(server.id);
    if (claim === undefined) return [];
    const { vcpus, memoryMb, numa, pci } = claim;
    const request = moveRequest({ deps }, server, { minimum: { vcpus, memoryMb } });
    const spec = await specOf(deps, request, await groupOf(read, server));
    return [{ uuid: server.uuid, name: server.displayName, spec, numa, pci }];
  };
  return (await Promise.all(can.map(movable))).flat();
}

/** Up to `most` live migrations that open room on the hosts that are fullest. */
export async function balanceHosts(deps: OpsDeps, _op: Op, most: number): Promise<BalancePlan> {
  const snapshot = await listCandidates(deps.database.read, 'all');
  const fullest = snapshot
    .filter((host) => migrates(host) && isUp(deps, host))
    .sort((a, b) => fullness(b) - fullness(a))
    .slice(0, limits.balanceHosts);
  const movables = new Map<string, Movable[]>();
  for (const host of fullest) movables.set(host.host, await movablesOf(deps, host));
  return planBalance(snapshot, movables, suits, most, { ...optionsOf(deps), enough: limits.hostsWeighed });
}
