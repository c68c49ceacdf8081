// Why: what a guest became without a request (an operator's virsh, its own user) is told with before and after. Decided here,
// without I/O: what is news, and in which words.

import { type GuestView, heldOf } from '../servers/guests.ts';
import { type PowerState, powerNames, type Server } from '../servers/servers.ts';
import { type Size, sameSize } from './size.ts';

export interface SizeDrift {
  readonly before: Size;
  readonly after: Size;
}

/** Whether an adjustment stands that reached a part, or nothing: its reason is what its owner shall read. */
export const hasReason = ({ adjustStatus }: Pick<Server, 'adjustStatus'>): boolean =>
  adjustStatus === 'partial' || adjustStatus === 'error' || adjustStatus === 'unseen';

/**
 * Whether a change is still the answer to an adjustment that was not reached: vCPUs that come nearer to what was asked, memory that
 * moves at all, since a guest that could not give or take it goes on trying, back and forth.
 */
function isLateAnswer(server: Server, { before, after }: SizeDrift): boolean {
  if (!hasReason(server)) return false;
  const { targetVcpus: target } = server;
  return Math.abs(after.vcpus - target) <= Math.abs(before.vcpus - target);
}

/**
 * How the size of a guest that went on differs from its row; null where nobody but the guest itself has to do with it (vCPUs
 * turned off inside stay plugged) or where an adjustment is answered late. `current`: the row's size now; `raised`: more vCPUs
 * are plugged than were claimed, whether the guest uses them or not.
 */
export function sizeDrift(server: Server, view: GuestView, current: Size, raised: boolean): SizeDrift | null {
  const before: Size = { vcpus: server.currentVcpus, memoryMb: server.currentMemoryMb };
  const inside = view.onlineVcpus !== null && view.onlineVcpus < view.size.vcpus;
  const vcpus = raised ? heldOf(view).vcpus : inside ? before.vcpus : current.vcpus;
  const drift = { before, after: { vcpus, memoryMb: current.memoryMb } };
  return sameSize(before, drift.after) || isLateAnswer(server, drift) ? null : drift;
}

/** For the server's owner. */
export function sizeText({ before, after }: SizeDrift): string {
  const vcpus = `${before.vcpus} vCPUs before, ${after.vcpus} now`;
  const memory = `${before.memoryMb} MiB before, ${after.memoryMb} MiB now`;
  const changed = [
    ...(before.vcpus === after.vcpus ? [] : [vcpus]),
    ...(before.memoryMb === after.memoryMb ? [] : [memory]),
  ];
  const what = changed.length === 0 ? 'and came back' : `without a request: ${changed.join('; ')}`;
  return `The size changed on the host ${what}.`;
}

/** `reason`: what the host told of it, if anything. */
export function powerText(before: PowerState, after: PowerState, reason: string | null): string {
  const why = reason === null ? '' : ` (${reason})`;
  return `The guest changed on the host without a request: ${powerNames[before]} before, ${powerNames[after]} now${why}.`;
}
