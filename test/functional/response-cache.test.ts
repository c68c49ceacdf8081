// Answers that are kept until somebody commits: whatever is written, by whatever connection, the next answer shows; nobody is
// given what another caller was given; and what time alone changes does change.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { keptReads } from '../../src/db/engine.ts';
import { freshDatabase } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const VERSION = { version: '2.104' };

describe('kept answers', () => {
  let servers: Servers;
  let id: string;
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
  before(async () => {
    servers = await startServers({ clock });
    id = await servers.create({ name: 'kept' });
  });
  after(() => servers.close());

  const kept = () => keptReads(servers.world.database.read);

  it('are kept while nothing is written', async () => {
    const first = await servers.show(id, VERSION);
    const map = kept();
    assert.ok(map !== null && map.size > 0);
    assert.deepEqual(await servers.show(id, VERSION), first);
    assert.equal(kept(), map, 'reading writes nothing');
  });

  it('show what the API changed, the row alone, and what stands beside it', async () => {
    const names: string[] = [];
    for (const name of ['one', 'two', 'three']) {
      const answer = await servers.request('PUT', `/servers/${id}`, { as: 'member', body: { server: { name } } });
      assert.equal(answer.status, 200, answer.text);
      names.push((await servers.show(id, VERSION)).name);
    }
    assert.deepEqual(names, ['one', 'two', 'three']);
    await servers.set(id, { vm_state: 'paused' });
    assert.equal((await servers.show(id, VERSION)).status, 'PAUSED');
    await servers.set(id, { vm_state: 'active' });
    const { write } = servers.world.database;
    const [row] = await write('servers').select('id').where({ uuid: id });
    await write('server_metadata').insert({ server_id: row.id, key: 'beside', value: 'the row' });
    assert.deepEqual((await servers.show(id, VERSION)).metadata, { beside: 'the row' });
  });

  it('differ by caller, version, address and query', async () => {
    assert.equal('OS-EXT-SRV-ATTR:host' in (await servers.show(id, { ...VERSION, as: 'admin' })), true);
    assert.equal('OS-EXT-SRV-ATTR:host' in (await servers.show(id, VERSION)), false);
    const path = `/servers/${id}`;
    const other = await servers.request('GET', path, { as: 'other', ...VERSION });
    assert.equal(other.status, 404);
    assert.equal((await servers.request('GET', path, { headers: { 'X-Auth-Token': 'nobody' } })).status, 401);
    assert.equal('tags' in (await servers.show(id, { version: '2.25' })), false);
    assert.equal('tags' in (await servers.show(id, { version: '2.26' })), true);
    const strict = await servers.request('GET', `${path}?unknown=1`, { as: 'member', ...VERSION });
    assert.equal(strict.status, 400);
    for (const endpoint of ['v2', 'v2.1']) {
      const { links } = (await servers.request('GET', `/${endpoint}${path}`, { as: 'member' })).body.server;
      assert.ok(links[0].href.endsWith(`/${endpoint}${path}`), links[0].href);
    }
  });

  it('end when a host falls silent, with nothing written', async () => {
    const word = async () => (await servers.show(id, { ...VERSION, as: 'admin' })).host_status as string;
    assert.equal(await word(), 'UP');
    assert.equal(await word(), 'UP');
    aheadMs = servers.world.deps.config.hostDownMs + 60_000;
    assert.equal(await word(), 'UNKNOWN');
    aheadMs = 0;
  });

  it('are never kept where the engine cannot tell of a change', async () => {
    const store = await freshDatabase('mysql');
    assert.equal(keptReads(store.database.read), null);
    await store.close();
  });
});
