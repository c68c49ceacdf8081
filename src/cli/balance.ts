// Why: `xloud host balance`: servers grow where their host has room; a few of them moved from full hosts to others open it. The service
// says which, and the command makes the moves by the same calls as any administrator.

import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, messageOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { table } from '../base/table.ts';
import { lastMessage } from './last-message.ts';
import { type Session, VERSION } from '../client/session.ts';

export interface BalanceOptions {
  /** The most moves. */
  readonly moves: number;
  /** Only says what would be done. */
  readonly dryRun: boolean;
  /** Hears of the progress whenever it changed. */
  readonly tell: (line: string) => void;
}

interface Move {
  readonly server_id: string;
  readonly server_name: string;
  readonly from_host: string;
  readonly to_host: string;
}

interface Plan {
  readonly moves: readonly Move[];
  readonly hosts: readonly { readonly host: string; readonly claimed_before: number; readonly claimed_after: number }[];
}

interface Shown {
  readonly server: {
    readonly 'OS-EXT-SRV-ATTR:host': string | null;
    readonly 'OS-EXT-STS:task_state': string | null;
  };
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** The plan as people read it. */
export function planText({ moves, hosts }: Plan): string {
  const changed = hosts.filter((host) => host.claimed_before !== host.claimed_after);
  if (moves.length === 0) return 'No move opens room that is worth it.';
  const servers = moves.map((move) => [move.server_id, move.server_name, move.from_host, move.to_host]);
  const rooms = changed.map((host) => [host.host, percent(host.claimed_before), percent(host.claimed_after)]);
  return [
    table([['server', 'name', 'from', 'to'], ...servers], [0, 1, 2, 3]),
    table([['host', 'claimed', 'then'], ...rooms]),
  ].join('\n\n');
}

/** The server, as soon as the service answers; throws what it refuses, and an outage of more than `limits.drainOutageMs`. */
async function lookAt(session: Session, id: string): Promise<Shown> {
  const giveUpAt = performance.now() + limits.drainOutageMs;
  for (;;) {
    try {
      return (await session.compute('GET', `/servers/${id}`, undefined, VERSION)) as Shown;
    } catch (error) {
      const isOutage = error instanceof Fault && error.kind === 'unavailable';
      if (!isOutage || performance.now() > giveUpAt) throw error;
      await sleep(limits.drainPollMs);
    }
  }
}

/** Moves one server as it runs. Null: it is there; else why not. A move that began is waited for, also while the service is away. */
async function makeMove(session: Session, { server_id: id, to_host: host }: Move): Promise<string | null> {
  try {
    const action = { 'os-migrateLive': { host, block_migration: 'auto' } };
    await session.compute('POST', `/servers/${id}/action`, action, VERSION);
    for (;;) {
      const { server } = await lookAt(session, id);
      if (server['OS-EXT-STS:task_state'] === null) {
        return server['OS-EXT-SRV-ATTR:host'] === host ? null : await lastMessage(session, id);
      }
      await sleep(limits.drainPollMs);
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return messageOf(error);
  }
}

/**
 * Asks for a plan and makes its moves one after another, since each was planned with those before it made.
 * @returns what is to be printed, and whether all went well
 */
export async function balanceHosts(
  session: Session,
  { moves: most, dryRun, tell }: BalanceOptions,
): Promise<{ readonly text: string; readonly well: boolean }> {
  const plan = (await session.compute('POST', '/os-xloud-scheduler/balance', { moves: most })) as Plan;
  if (dryRun || plan.moves.length === 0) return { text: planText(plan), well: true };
  const failed: string[][] = [];
  for (const [index, move] of plan.moves.entries()) {
    tell(`${index} of ${plan.moves.length} moved, ${move.server_name} is on its way to ${move.to_host}`);
    const why = await makeMove(session, move);
    if (why !== null) failed.push([move.server_id, move.server_name, move.to_host, why]);
  }
  const done = `${plan.moves.length - failed.length} of ${plan.moves.length} moved.`;
  if (failed.length === 0) return { text: done, well: true };
  return { text: `${done}\n\n${table([['server', 'name', 'to', 'why not'], ...failed], [0, 1, 2, 3])}`, well: false };
}
