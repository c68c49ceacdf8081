import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allPages } from '../../../src/client/compute.ts';

test('a list goes on while the service says so, however short its pages are', async () => {
  const asked: string[] = [];
  const pages = [{ hosts: [{ id: 'a' }, { id: 'b/c' }], hosts_links: [{ rel: 'next' }] }, { hosts: [{ id: 'd' }] }];
  const found = await allPages(
    async (path) => {
      asked.push(path);
      return pages[asked.length - 1];
    },
    '/hosts?all=1',
    'hosts',
  );
  assert.deepEqual(found, [{ id: 'a' }, { id: 'b/c' }, { id: 'd' }]);
  assert.deepEqual(asked, ['/hosts?all=1&limit=1000', '/hosts?all=1&limit=1000&marker=b%2Fc']);
});
