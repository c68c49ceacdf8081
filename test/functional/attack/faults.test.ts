// What is told of what went wrong is told as Nova tells it: a fault has the code of its exception, a host that is gone no status; and
// what is on record as left behind is no news in the log.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../../src/base/log.ts';
import { conflict, internal, notFound } from '../../../src/base/errors.ts';
import { addRemnant } from '../../../src/db/remnants.ts';
import { loadDetail } from '../../../src/db/server-details.ts';
import { tx } from '../../../src/db/tx.ts';
import { reconcileHost } from '../../../src/ops/reconcile/guests.ts';
import { recordFailure } from '../../../src/ops/engine/settle.ts';
import { engines } from '../../support/database.ts';
import { type Servers, startServers } from '../../support/servers.ts';

for (const engine of engines) {
  describe(`faults on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, hosts: [{ name: 'host-1' }, { name: 'host-2' }] });
    });
    after(() => servers.close());

    it('have the code of their exception; what a hypervisor said, and no valid host, have 500', async () => {
      const { world } = servers;
      const id = await servers.create();
      // only then a fault is shown
      await servers.set(id, { vm_state: 'error' });
      const server = await world.server(id);
      for (const [{ kind, code, message }, expected] of [
        [notFound('Port x is not attached', { code: 'PortNotFound' }), 404],
        [conflict('The server is busy.'), 409],
        [internal('Something broke.'), 500],
        [conflict('domain is not running', { code: 'libvirt.55' }), 500],
        [notFound('No valid host was found.', { code: 'noValidHost' }), 500],
      ] as const) {
        await tx(world.database, (t) => recordFailure(t, server, { kind, code, message, detail: null }, Date.now()));
        assert.equal((await loadDetail(world.database.read, server)).fault?.code, expected, message);
      }
    });

    it('of a deleted server tell no status of its host', async () => {
      const id = await servers.create();
      assert.equal((await servers.show(id, { as: 'admin', version: '2.16' })).host_status, 'UP');
      assert.equal((await servers.request('DELETE', `/servers/${id}`)).status, 204);
      await servers.world.settled();
      const list = await servers.request('GET', '/servers/detail?all_tenants=1&deleted=true', {
        as: 'admin',
        version: '2.16',
      });
      const gone = (list.body.servers as { id: string; host_status: string }[]).find((one) => one.id === id);
      assert.equal(gone?.host_status, '');
    });

    it('are none for the guest of a known remnant', async () => {
      const { world } = servers;
      const id = await servers.create();
      const server = await world.server(id);
      const other = server.host === 'host-1' ? 'host-2' : 'host-1';
      const errors: unknown[] = [];
      const log = { ...silentLog, error: (...words: unknown[]) => void errors.push(words) };
      const view = await world.drivers.get(server.host as string)?.inspect({ uuid: id });
      assert.ok(view);
      const deps = { ...world.deps, log: log as typeof silentLog };
      await reconcileHost(deps, other, [view]);
      assert.equal(errors.length, 1);
      await tx(world.database, (t) => addRemnant(t, { serverUuid: id, host: other }, Date.now()));
      await reconcileHost(deps, other, [view]);
      assert.equal(errors.length, 1);
    });
  });
}
