// Why: what reaches into a running guest: its agent, and an interrupt that it cannot ignore.

import { notImplemented } from '../../base/errors.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { CloudInitFiles } from '../../domain/servers/cloud-init-status.ts';
import { power } from '../../domain/servers/servers.ts';
import { behaviourOf } from './behaviour.ts';
import { type FakeHost, notRunning } from './host.ts';
import { written } from './store.ts';

/** As cloud-init leaves them at its end. */
function cloudInitFiles(fails: boolean): CloudInitFiles {
  const datasource = 'DataSourceOpenStackLocal [net,ver=2]';
  const errors = fails ? ["('runcmd', ProcessExecutionError('It was told to fail.'))"] : [];
  const stage = (start: number, finished: number) => ({ errors: [], start, finished });
  const early = { 'init-local': stage(1, 2), init: stage(2, 3), 'modules-config': stage(3, 4) };
  const v1 = { datasource, ...early, 'modules-final': { ...stage(4, 6), errors }, stage: null };
  const log = `Cloud-init finished. Datasource ${datasource}.\n`;
  return { status: JSON.stringify({ v1 }), result: JSON.stringify({ v1: { datasource, errors } }), log };
}

export function insideVerbs(
  host: FakeHost,
): Pick<AgentVerbs, 'setAdminPassword' | 'injectNmi' | 'syncGuest' | 'cloudInit'> {
  return {
    async setAdminPassword({ uuid, user, password }) {
      await host.begin('setAdminPassword', uuid);
      const guest = host.guestOf(uuid);
      if (guest.powerState !== power.running) throw notRunning(uuid);
      if (behaviourOf(guest).mute) {
        throw notImplemented('No agent answers in the guest.', { code: 'driver.setAdminPassword' });
      }
      host.store.put({ ...guest, passwords: { ...guest.passwords, [user]: password } });
      return null;
    },

    async syncGuest({ uuid }) {
      await host.begin('syncGuest', uuid);
      const guest = host.guestOf(uuid);
      if (guest.powerState !== power.running) throw notRunning(uuid);
      if (behaviourOf(guest).mute) {
        throw notImplemented('No agent answers in the guest.', { code: 'driver.syncGuest' });
      }
      const synced = { ...guest, clockOffMs: 0 };
      host.store.put(synced);
      return host.view(synced);
    },

    async cloudInit({ uuid }) {
      await host.begin('cloudInit', uuid);
      const guest = host.guestOf(uuid);
      if (guest.powerState !== power.running) throw notRunning(uuid);
      const { mute, initFails } = behaviourOf(guest);
      return mute ? null : cloudInitFiles(initFails);
    },

    async injectNmi({ uuid }) {
      await host.begin('injectNmi', uuid);
      const guest = host.guestOf(uuid);
      if (guest.powerState !== power.running && guest.powerState !== power.paused) throw notRunning(uuid);
      host.store.put(written(guest, 'NMI received: dumping memory'));
      return null;
    },
  };
}
