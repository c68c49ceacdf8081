// Why: guests are made, started, stopped and taken away: the verbs without which there is none.

import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import { power } from '../../domain/servers/servers.ts';
import { behaviourOf, behaviourTextOf, parseBehaviour } from './behaviour.ts';
import type { FakeImages } from './images.ts';
import type { FakeMachinery } from './machine.ts';
import { newGuest, written } from './store.ts';

type MakingVerbs = Pick<AgentVerbs, 'spawn' | 'rebuild' | 'destroy'>;
type PowerVerbs = Pick<AgentVerbs, 'powerOn' | 'powerOff' | 'reboot'>;

/** What makes guests and takes them away. */
export function makingVerbs(
  { store, guestOf, view, emit, take, start, stop }: FakeMachinery,
  images: FakeImages,
): MakingVerbs {
  return {
    async spawn({ spec }) {
      const behaviour = parseBehaviour(behaviourTextOf(spec));
      const before = store.get(spec.uuid);
      if (before?.powerState === power.running) return view(before);
      if (before === undefined) {
        store.put(newGuest(spec));
      }
      try {
        await images.fetchFor(spec);
        await take('spawn', behaviour);
        return start(guestOf(spec.uuid), spec);
      } catch (error) {
        // disks of a guest that ran before are not ours to take
        if (store.get(spec.uuid)?.starts === 0) store.remove(spec.uuid);
        throw error;
      }
    },

    async rebuild({ spec, preserveEphemeral }) {
      await images.fetchFor(spec);
      await take('rebuild', parseBehaviour(behaviourTextOf(spec)));
      const before = store.get(spec.uuid);
      if (before !== undefined) stop(spec.uuid, 'destroyed');
      store.put(newGuest(spec, before, preserveEphemeral));
      return start(guestOf(spec.uuid), spec);
    },

    async destroy({ uuid }) {
      const guest = store.get(uuid);
      if (guest === undefined) return null;
      await take('destroy', behaviourOf(guest));
      if (store.get(uuid)?.powerState === power.running) emit({ kind: 'stopped', uuid, reason: 'destroyed' });
      store.remove(uuid);
      return null;
    },
  };
}

/** What turns guests on and off. */
export function powerVerbs({ clock, guestOf, view, emit, take, start, stop }: FakeMachinery): PowerVerbs {
  return {
    async powerOn({ spec }) {
      const guest = guestOf(spec.uuid);
      if (guest.powerState === power.running) return view(guest);
      await take('powerOn', behaviourOf({ ...guest, spec }));
      return start(guestOf(spec.uuid), spec);
    },

    async powerOff({ uuid, timeoutMs }) {
      const guest = guestOf(uuid);
      const behaviour = behaviourOf(guest);
      await take('powerOff', behaviour);
      if (behaviour.deaf && guest.powerState === power.running && timeoutMs > 0) await clock.sleep(timeoutMs);
      stop(uuid, behaviour.deaf || timeoutMs === 0 ? 'destroyed' : 'shutdown');
      return view(guestOf(uuid));
    },

    async reboot({ spec, type, timeoutMs }) {
      const guest = guestOf(spec.uuid);
      const behaviour = behaviourOf({ ...guest, spec });
      await take('reboot', behaviour);
      // either way a power cycle: asked or not, the machine is then started as the spec says
      const asks = type === 'SOFT' && guest.powerState === power.running;
      if (asks && behaviour.deaf) await clock.sleep(timeoutMs);
      const now = guestOf(spec.uuid);
      const again = start(asks && !behaviour.deaf ? written(now, 'reboot: Restarting system') : now, spec);
      emit({ kind: 'rebooted', uuid: spec.uuid });
      return again;
    },
  };
}
