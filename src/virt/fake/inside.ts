// Why: what reaches into a running guest: its agent, and an interrupt that it cannot ignore.

import { notImplemented } from '../../base/errors.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import { power } from '../../domain/servers/servers.ts';
import { behaviourOf } from './behaviour.ts';
import { type FakeHost, notRunning } from './host.ts';
import { written } from './store.ts';

export function insideVerbs(host: FakeHost): Pick<AgentVerbs, 'setAdminPassword' | 'injectNmi' | 'syncGuest'> {
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

    async injectNmi({ uuid }) {
      await host.begin('injectNmi', uuid);
      const guest = host.guestOf(uuid);
      if (guest.powerState !== power.running && guest.powerState !== power.paused) throw notRunning(uuid);
      host.store.put(written(guest, 'NMI received: dumping memory'));
      return null;
    },
  };
}
