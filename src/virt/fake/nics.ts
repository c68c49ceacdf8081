// Why: ports come and go while a guest runs; the fake one keeps them where its spec has them, so that the next start finds them.

import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { FakeHost } from './host.ts';

export function nicVerbs(host: FakeHost): Pick<AgentVerbs, 'attachNic' | 'detachNic'> {
  return {
    async attachNic({ uuid, nic }) {
      await host.begin('attachNic', uuid);
      const guest = host.guestOf(uuid);
      const { nics } = guest.spec;
      const plugged = nics.some(({ portId }) => portId === nic.portId);
      const next = plugged ? nics.map((one) => (one.portId === nic.portId ? nic : one)) : [...nics, nic];
      host.store.put({ ...guest, spec: { ...guest.spec, nics: next } });
      return host.view(host.guestOf(uuid));
    },
    async detachNic({ uuid, portId }) {
      await host.begin('detachNic', uuid);
      const guest = host.guestOf(uuid);
      const nics = guest.spec.nics.filter((nic) => nic.portId !== portId);
      host.store.put({ ...guest, spec: { ...guest.spec, nics } });
      return host.view(host.guestOf(uuid));
    },
  };
}
