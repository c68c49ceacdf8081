// Why: a guest may be frozen or its memory stored, and let go on. What libvirt calls suspending is freezing; storing is its
// managed save, whose file goes with the domain.

import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { GuestView } from '../../domain/servers/guests.ts';
import { power } from '../../domain/servers/servers.ts';
import { instanceDir } from './disks.ts';
import { powerOf } from './guest.ts';
import { domainOf, type Host, preparePorts, view } from './host.ts';
import { readPorts } from './nics.ts';
import type { DomainRef } from './rpc/types.ts';

type StateVerb = 'pause' | 'unpause' | 'suspend' | 'resume';

export function stateVerbs(host: Host): Pick<AgentVerbs, StateVerb> {
  const { connection } = host;
  /** Does what it takes unless the guest is there already; in the guest's own turn. */
  const verb =
    (to: number, change: (domain: DomainRef) => Promise<unknown>) =>
    ({ uuid }: { readonly uuid: string }): Promise<GuestView> =>
      host.guests(uuid, async () => {
        const domain = await domainOf(host, uuid);
        if ((await powerOf(connection, domain)) !== to) await change(domain);
        return view(host, domain);
      });
  return {
    pause: verb(power.paused, (domain) => connection.domainSuspend(domain)),
    unpause: verb(power.running, (domain) => connection.domainResume(domain)),
    suspend: verb(power.suspended, (domain) => connection.domainManagedSave(domain)),
    resume: verb(power.running, async (domain) => {
      await preparePorts(host, await readPorts(instanceDir(host.instancesDir, domain.uuid)));
      await connection.domainCreateWithFlags(domain);
    }),
  };
}
