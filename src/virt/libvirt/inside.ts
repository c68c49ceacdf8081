// Why: what reaches into a running guest: its agent, and an interrupt that it cannot ignore.

import { conflict, notImplemented } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import { isVirError } from './errors.ts';
import { isOff } from './guest.ts';
import { domainOf, type Host, view } from './host.ts';
import type { DomainRef } from './rpc/types.ts';

export function insideVerbs(
  host: Host,
): Pick<AgentVerbs, 'setAdminPassword' | 'injectNmi' | 'syncGuest' | 'cloudInit'> {
  const { connection } = host;
  const running = async (uuid: string): Promise<DomainRef> => {
    const domain = await domainOf(host, uuid);
    if (!(await isOff(connection, domain))) return domain;
    throw conflict(`Instance ${uuid} is not running.`, { code: 'virt.not_running' });
  };
  return {
    setAdminPassword: ({ uuid, user, password }) =>
      host.guests(uuid, async () => {
        const domain = await running(uuid);
        await connection.domainSetUserPassword(domain, user, password).catch((error: unknown) => {
          if (!isVirError(error, 'VIR_ERR_AGENT_UNRESPONSIVE')) throw error;
          throw notImplemented('No agent answers in the guest.', { code: 'driver.setAdminPassword', cause: error });
        });
        return null;
      }),
    syncGuest: ({ uuid }) =>
      host.guests(uuid, async () => {
        const domain = await running(uuid);
        // one that slept may have been given up meanwhile
        host.agent.forgive(uuid);
        if (!(await host.agent.setTime(domain, host.clock.now()))) {
          throw notImplemented('No agent answers in the guest.', { code: 'driver.syncGuest' });
        }
        return view(host, domain);
      }),
    cloudInit: async ({ uuid }) => {
      const domain = await running(uuid);
      const { agent } = host;
      if (!(await agent.answers(domain))) return null;
      const text = async (path: string, part: Parameters<typeof agent.read>[2]) =>
        (await agent.read(domain, path, part))?.toString() ?? null;
      const first = limits.cloudInitFileBytes;
      return {
        status: await text('/run/cloud-init/status.json', { first }),
        result: await text('/run/cloud-init/result.json', { first }),
        log: await text('/var/log/cloud-init-output.log', { last: limits.cloudInitLogBytes }),
      };
    },
    injectNmi: ({ uuid }) =>
      host.guests(uuid, async () => {
        await connection.domainInjectNMI(await running(uuid));
        return null;
      }),
  };
}
