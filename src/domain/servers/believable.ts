// Why: a guest may say anything of itself: its agent how many vCPUs are online, its balloon's driver how much memory it has and has
// left. What can't be is never believed: it comes no further than the agent of its host.

import { type AdjustOutcome, fewestOnline, type GuestView, onlineOf, type PartOutcome } from './guests.ts';
import { power } from './servers.ts';

/** A whole number between two others; one that is no number is the higher, since so much may be held. */
const within = (value: number, low: number, high: number): number =>
  Number.isFinite(value) ? Math.min(Math.max(Math.floor(value), low), Math.max(low, high)) : Math.max(low, high);

const isSaid = (value: number | null): value is number => value !== null && Number.isFinite(value);

/** A guest without what can't be: 1 to all plugged vCPUs are online, and of memory there are 0 MiB to its maximum. */
export function believableView(view: GuestView): GuestView {
  const { size, maximum, onlineVcpus, availableMb, heldVcpus } = view;
  return {
    ...view,
    // of a balloon the guest's own driver tells how large it is
    size: { vcpus: size.vcpus, memoryMb: within(size.memoryMb, 0, maximum.memoryMb) },
    onlineVcpus: onlineOf(onlineVcpus, size.vcpus),
    availableMb: isSaid(availableMb) ? within(availableMb, 0, maximum.memoryMb) : null,
    ...(heldVcpus === undefined ? {} : { heldVcpus: within(heldVcpus, fewestOnline, size.vcpus) }),
  };
}

const part = (outcome: PartOutcome, low: number, high: number, most: number): PartOutcome => ({
  ...outcome,
  reached: within(outcome.reached, low, high),
  held: within(outcome.held, low, most),
});

/** As `believableView`, for what an adjustment came to: no more vCPUs were reached than are plugged. */
export function believableOutcome(outcome: AdjustOutcome): AdjustOutcome {
  const view = believableView(outcome.view);
  const { maximum, powerState, size } = view;
  // one that is off meanwhile has none plugged: its size is what it boots with
  const there = powerState === power.running || powerState === power.paused ? size.vcpus : maximum.vcpus;
  return {
    vcpus: part(outcome.vcpus, fewestOnline, there, maximum.vcpus),
    memoryMb: part(outcome.memoryMb, 0, maximum.memoryMb, maximum.memoryMb),
    view,
  };
}

const has = <Key extends string>(value: unknown, key: Key): value is Record<Key, unknown> =>
  typeof value === 'object' && value !== null && key in value;

/** What an agent replies, whatever it was asked: guests in it, and adjustments, without what can't be. */
export function believable<Reply>(reply: Reply): Reply {
  // what these are, their keys say: no other reply has them
  const heard: unknown = Array.isArray(reply)
    ? reply.map((one: unknown) => believable(one))
    : has(reply, 'onlineVcpus')
      ? believableView(reply as unknown as GuestView)
      : has(reply, 'view') && has(reply, 'vcpus')
        ? believableOutcome(reply as unknown as AdjustOutcome)
        : reply;
  return heard as Reply;
}
