// Why: what is only read of guests: whether they are there, what they have, what they said.

import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import { power } from '../../domain/servers/servers.ts';
import { behaviourOf } from './behaviour.ts';
import { fakeDiagnostics } from './diagnostics.ts';
import { notRunning } from './host.ts';
import type { FakeMachinery } from './machine.ts';

export const readingVerbs = ({
  store,
  guestOf,
  view,
  take,
  begin,
}: FakeMachinery): Pick<AgentVerbs, 'console' | 'inspect' | 'diagnostics' | 'list'> => ({
  async console({ uuid, maxBytes }) {
    await begin('console', uuid);
    const bytes = Buffer.from(guestOf(uuid).console);
    let from = Math.max(0, bytes.length - maxBytes);
    // not from the middle of a character
    while (from < bytes.length && ((bytes[from] as number) & 0xc0) === 0x80) from += 1;
    return bytes.subarray(from).toString();
  },

  async inspect({ uuid }) {
    const guest = store.get(uuid);
    if (guest === undefined) return null;
    await take('inspect', behaviourOf(guest));
    const now = store.get(uuid);
    return now === undefined ? null : view(now);
  },

  async diagnostics({ uuid }) {
    const guest = guestOf(uuid);
    await take('diagnostics', behaviourOf(guest));
    if (guest.powerState !== power.running) throw notRunning(uuid);
    return fakeDiagnostics(guest);
  },

  async list() {
    return store.all().map(view);
  },
});
