// A server's addresses alone: the same as the server itself shows, without types and MACs.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

interface Address {
  readonly version: number;
  readonly addr: string;
}

for (const engine of engines) {
  describe(`addresses of servers on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create({}, { version: '2.37' });
    });
    after(() => servers.close());

    const get = (network = '', as: Who = 'member', version = '2.1', of = id) =>
      servers.request('GET', `/servers/${of}/ips${network}`, { as, version });

    it('are listed by network, and for one of them', async () => {
      const whole = (await servers.show(id)).addresses as Record<string, Address[]>;
      const expected = Object.fromEntries(
        Object.entries(whole).map(([label, list]) => [label, list.map(({ version, addr }) => ({ version, addr }))]),
      );
      const [label] = Object.keys(expected);
      assert.ok(label !== undefined && (expected[label]?.length ?? 0) > 0);
      const list = await get();
      assert.deepEqual([list.status, list.body], [200, { addresses: expected }]);
      const one = await get(`/${encodeURIComponent(label)}`, 'reader');
      assert.deepEqual([one.status, one.body], [200, { [label]: expected[label] }]);
    });

    it('no network by that name is 404, and a server without any has none', async () => {
      for (const label of ['nothing', 'toString', '__proto__']) {
        const missing = await get(`/${label}`);
        assert.deepEqual(
          [missing.status, missing.body.itemNotFound.message],
          [404, 'Instance is not a member of specified network'],
        );
      }
      const alone = await servers.create({ networks: 'none' }, { version: '2.37' });
      assert.deepEqual((await get('', 'member', '2.1', alone)).body, { addresses: {} });
    });

    it('are hidden from other projects, and unknown parameters refused from 2.102 on', async () => {
      assert.equal((await get('', 'other')).status, 404);
      assert.equal((await get('?x=1', 'member', '2.101')).status, 200);
      assert.equal((await get('?x=1', 'member', '2.102')).status, 400);
    });
  });
}
