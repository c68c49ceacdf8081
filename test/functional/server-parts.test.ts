// What few servers have: an encrypted password, and NUMA nodes of their own.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { tx } from '../../src/db/tx.ts';
import { writePassword } from '../../src/db/server-parts.ts';
import type { Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`parts of servers on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    let number: number;
    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create();
      number = (await servers.world.server(id)).id;
    });
    after(() => servers.close());

    const ask = (method: string, part: string, as: Who = 'member', version = '2.1') =>
      servers.request(method, `/servers/${id}/${part}`, { as, version });

    it('a password is empty until there is one, and after it was cleared', async () => {
      const password = async (as: Who = 'reader') => (await ask('GET', 'os-server-password', as)).body;
      assert.deepEqual(await password(), { password: '' });
      const first = 'x'.repeat(1020);
      await tx(servers.world.database, (t) => writePassword(t, number, first));
      assert.deepEqual(await password(), { password: first });
      await tx(servers.world.database, (t) => writePassword(t, number, 'second'));
      assert.deepEqual(await password(), { password: 'second' });
      const cleared = await ask('DELETE', 'os-server-password');
      assert.deepEqual([cleared.status, cleared.text], [204, '']);
      assert.deepEqual(await password(), { password: '' });
      assert.equal((await ask('DELETE', 'os-server-password')).status, 204);
    });

    it('a password is seen by readers, cleared by members, and nobody else’s business', async () => {
      assert.equal((await ask('DELETE', 'os-server-password', 'reader')).status, 403);
      for (const method of ['GET', 'DELETE']) {
        assert.equal((await ask(method, 'os-server-password', 'other')).status, 404);
      }
    });

    it('a server without NUMA nodes says so from 2.78 on', async () => {
      assert.equal((await ask('GET', 'topology', 'member', '2.77')).status, 404);
      for (const as of ['reader', 'admin'] as const) {
        assert.deepEqual((await ask('GET', 'topology', as, '2.78')).body, { nodes: [], pagesize_kb: null });
      }
    });

    it('unknown parameters are refused from 2.102 on', async () => {
      for (const part of ['topology?x=1', 'os-server-password?x=1']) {
        assert.equal((await ask('GET', part, 'member', '2.101')).status, 200);
        assert.equal((await ask('GET', part, 'member', '2.102')).status, 400);
      }
    });
  });
}
