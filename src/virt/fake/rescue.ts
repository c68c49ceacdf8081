// Why: a guest that is rescued runs from another image and keeps its own disks.

import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { GuestSpec, GuestView } from '../../domain/servers/guests.ts';
import { power } from '../../domain/servers/servers.ts';
import type { FakeHost } from './host.ts';
import type { FakeImages } from './images.ts';
import type { FakeGuest } from './store.ts';

interface Switch {
  readonly start: (guest: FakeGuest, spec: GuestSpec) => GuestView;
  readonly stop: (uuid: string, reason: string) => void;
}

export function rescueVerbs(
  host: FakeHost,
  images: FakeImages,
  { start, stop }: Switch,
): Pick<AgentVerbs, 'rescue' | 'unrescue'> {
  /** Whether the guest runs from what the spec says already. */
  const runs = ({ uuid, rescue }: GuestSpec): boolean => {
    const guest = host.guestOf(uuid);
    return guest.powerState === power.running && guest.spec.rescue?.id === rescue?.id;
  };
  const verb =
    (name: 'rescue' | 'unrescue') =>
    async ({ spec }: { readonly spec: GuestSpec }) => {
      const { uuid } = spec;
      if (runs(spec)) return host.view(host.guestOf(uuid));
      if (spec.rescue !== undefined) await images.fetch(spec.rescue);
      await host.begin(name, uuid);
      stop(uuid, 'destroyed');
      return start(host.guestOf(uuid), spec);
    };
  return { rescue: verb('rescue'), unrescue: verb('unrescue') };
}
