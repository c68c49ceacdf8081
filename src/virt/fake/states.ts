// Why: a guest may be frozen or stored and let go on; only its state changes, and asking twice is asking once.

import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { GuestEvent } from '../../domain/servers/guests.ts';
import { power, type PowerState } from '../../domain/servers/servers.ts';
import { type FakeHost, notRunning } from './host.ts';

type StateVerb = 'pause' | 'unpause' | 'suspend' | 'resume';

interface Change {
  readonly from: PowerState;
  readonly to: PowerState;
  readonly event: (uuid: string) => GuestEvent;
}

const changes: Readonly<Record<StateVerb, Change>> = {
  pause: { from: power.running, to: power.paused, event: (uuid) => ({ kind: 'paused', uuid }) },
  unpause: { from: power.paused, to: power.running, event: (uuid) => ({ kind: 'resumed', uuid }) },
  suspend: { from: power.running, to: power.suspended, event: (uuid) => ({ kind: 'stopped', uuid, reason: 'saved' }) },
  resume: { from: power.suspended, to: power.running, event: (uuid) => ({ kind: 'started', uuid }) },
};

export function stateVerbs(host: FakeHost): Pick<AgentVerbs, StateVerb> {
  const verb =
    (name: StateVerb) =>
    async ({ uuid }: { readonly uuid: string }) => {
      const { from, to, event } = changes[name];
      await host.begin(name, uuid);
      const guest = host.guestOf(uuid);
      if (guest.powerState === to) return host.view(guest);
      if (guest.powerState !== from) throw notRunning(uuid);
      host.store.put({ ...guest, powerState: to });
      host.emit(event(uuid));
      return host.view(host.guestOf(uuid));
    };
  return { pause: verb('pause'), unpause: verb('unpause'), suspend: verb('suspend'), resume: verb('resume') };
}
