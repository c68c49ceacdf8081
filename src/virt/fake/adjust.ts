// Why: a guest of pure data grows and shrinks as far as it was told to, and the answer says how far that was.

import { invariant } from '../../base/invariant.ts';
import { badRequest } from '../../base/errors.ts';
import { adjustOrder } from '../../domain/adjustment/adjust.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { PartOutcome } from '../../domain/servers/guests.ts';
import { power } from '../../domain/servers/servers.ts';
import { memoryMethodOf } from '../../domain/adjustment/memory-method.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import { type Behaviour, behaviourOf } from './behaviour.ts';
import { type FakeHost, notRunning } from './host.ts';
import { blocksOf, memoryDriverLoaded, usedBy } from './memory.ts';
import { type FakeGuest, written } from './store.ts';

export const sizeLine = (size: Size): string => `xloud-guest: online_vcpus=${size.vcpus} memory_mb=${size.memoryMb}`;

/** How far a part gets that goes `percent` of the way, rounded towards where it was. */
function reachedOf(before: number, target: number, percent: number): number {
  return before + Math.trunc(((target - before) * percent) / 100);
}

interface Moves {
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly problems: { readonly vcpus: string | null; readonly memoryMb: string | null };
}

/** Moves the parts in their order; when one does not move at all, the pair is given up and what moved before is put back. */
function move(guest: FakeGuest, before: Size, target: Size, percent: Behaviour['percent']): Moves {
  const reached = { vcpus: before.vcpus, memoryMb: before.memoryMb };
  const problems: { vcpus: string | null; memoryMb: string | null } = { vcpus: null, memoryMb: null };
  const names = { vcpus: 'vCPUs', memoryMb: 'memory' } as const;
  const done: ('vcpus' | 'memoryMb')[] = [];
  const order = adjustOrder(before, target);
  for (const part of order) {
    reached[part] = reachedOf(before[part], target[part], percent[part]);
    if (part === 'memoryMb') reached.memoryMb = blocksOf(guest, reached.memoryMb);
    if (reached[part] === before[part]) {
      problems[part] = `the guest refused to change its ${names[part]}`;
      for (const other of order) {
        if (other === part) continue;
        reached[other] = before[other];
        problems[other] = done.includes(other)
          ? `put back, because the ${names[part]} could not be changed`
          : `not tried, because the ${names[part]} could not be changed`;
      }
      break;
    }
    if (reached[part] !== target[part]) problems[part] = `the guest went only a part of the way`;
    done.push(part);
  }
  return { ...reached, problems };
}

export function adjustVerb(host: FakeHost): Pick<AgentVerbs, 'adjust'> {
  return {
    async adjust({ uuid, request: { target, persist, timeoutMs } }) {
      const { maximum } = host.guestOf(uuid).spec;
      if (
        target.vcpus > maximum.vcpus ||
        target.memoryMb > maximum.memoryMb ||
        target.vcpus < 1 ||
        target.memoryMb < 1
      ) {
        throw badRequest(
          `Instance ${uuid} cannot have ${target.vcpus} vCPUs and ${target.memoryMb} MiB: ` +
            `its ceiling is ${maximum.vcpus} vCPUs and ${maximum.memoryMb} MiB.`,
          { code: 'virt.above_maximum' },
        );
      }
      await host.begin('adjust', uuid);
      const loadsInMs = (host.guestOf(uuid).memoryDriverAtMs ?? Infinity) - host.clock.now();
      // a driver that comes in time takes the target that it finds; a timer may be a millisecond early
      if (loadsInMs > 0 && loadsInMs < timeoutMs) await host.clock.sleep(loadsInMs + 1);
      const guest = host.guestOf(uuid);
      const behaviour = behaviourOf(guest);
      if (guest.powerState !== power.running) {
        throw notRunning(uuid);
      }
      const before = usedBy(guest, host.clock.now());
      const loaded = memoryDriverLoaded(guest, host.clock.now());
      const percent = { ...behaviour.percent, ...(loaded ? {} : { memoryMb: 0 }) };
      const moved = move(guest, before, target, percent);
      const after: Size = { vcpus: moved.vcpus, memoryMb: moved.memoryMb };
      const offline = behaviour.guestOffline && after.vcpus < before.vcpus;
      const pluggedVcpus =
        offline || after.vcpus === before.vcpus ? Math.max(guest.pluggedVcpus, after.vcpus) : after.vcpus;
      invariant(
        pluggedVcpus >= 1 && pluggedVcpus <= maximum.vcpus && after.memoryMb <= maximum.memoryMb,
        `guest ${uuid} has no more than it was made for`,
      );
      const changed = after.vcpus !== before.vcpus || after.memoryMb !== before.memoryMb;
      const next: FakeGuest = { ...guest, size: after, pluggedVcpus, boot: persist ? after : guest.boot };
      host.store.put(changed ? written(next, sizeLine(after)) : next);
      if (changed) host.emit({ kind: 'resized', uuid });

      const confirmedBy = behaviour.mute ? 'hypervisor' : 'guest';
      const vcpus: PartOutcome = {
        target: target.vcpus,
        reached: after.vcpus,
        confirmedBy,
        method: after.vcpus === before.vcpus ? 'none' : offline ? 'guest-offline' : 'hotplug',
        held: Math.max(pluggedVcpus, after.vcpus),
        problem: moved.problems.vcpus,
      };
      const memoryMb: PartOutcome = {
        target: target.memoryMb,
        reached: after.memoryMb,
        confirmedBy,
        method: after.memoryMb === before.memoryMb ? 'none' : memoryMethodOf(guest.spec),
        held: after.memoryMb,
        problem: moved.problems.memoryMb,
      };
      return { vcpus, memoryMb, view: host.view(host.guestOf(uuid)) };
    },
  };
}
