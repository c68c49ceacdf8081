// MySQL takes a key for the same with blanks at its end, and JavaScript does not: what is named so is not found, and what differs
// in nothing else is refused.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../../support/database.ts';
import { type Servers, startServers } from '../../support/servers.ts';

for (const engine of engines) {
  describe(`names that end in blanks, on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create();
    });
    after(() => servers.close());

    it('are nobody\u2019s', async () => {
      for (const [method, path] of [
        ['GET', `/servers/${id}%20`],
        ['DELETE', `/servers/${id}%20`],
        ['GET', `/servers/${id}%20/metadata`],
        ['GET', '/flavors/plain%20'],
      ] as const) {
        assert.equal((await servers.request(method, path, { as: 'member' })).status, 404, path);
      }
      assert.equal((await servers.show(id)).status, 'ACTIVE');
    });

    it('are refused or kept apart, and never a failure', async () => {
      const twice = { kk: '1', 'kk ': '2' };
      for (const [method, path, body, version] of [
        [
          'POST',
          '/servers',
          { server: { name: 'a', flavorRef: 'plain', imageRef: servers.imageId, metadata: twice } },
          '2.1',
        ],
        ['POST', `/servers/${id}/metadata`, { metadata: twice }, '2.1'],
        ['PUT', `/servers/${id}/metadata`, { metadata: twice }, '2.1'],
        ['PUT', `/servers/${id}/tags`, { tags: ['a', 'a '] }, '2.26'],
      ] as const) {
        const { status, text, body: told } = await servers.request(method, path, { as: 'member', body, version });
        if (status >= 300) {
          assert.ok(status === 409 || status === 400, `${method} ${path}: ${status} ${text}`);
          continue;
        }
        await servers.world.settled();
        const of = path === '/servers' ? `/servers/${told.server.id}` : path;
        const kept = await servers.request('GET', of, { as: 'member', version });
        if ('tags' in body) assert.deepEqual(kept.body, body);
        else
          assert.deepEqual((path === '/servers' ? kept.body.server : kept.body).metadata, twice, `${method} ${path}`);
      }
    });

    it('and a pattern that only the engine cannot read is a bad one', async () => {
      const { status, text } = await servers.request('GET', '/servers?name=[[.a.]]', { as: 'member' });
      assert.ok(status === 200 || status === 400, text);
    });
  });
}
