// Devices of hosts are not given through to guests: who asks for one is refused, in Nova's words for an alias that nobody defined.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Servers, startServers } from '../support/servers.ts';

describe('devices by alias', () => {
  let api: Servers;
  before(async () => {
    api = await startServers();
    const specs = { 'pci_passthrough:alias': 'gpu:1, nic:2' };
    await api.world.flavor({ id: 'gpu', vcpus: 2, memoryMb: 512, specs });
  });
  after(() => api.close());

  const refusal = { badRequest: { code: 400, message: 'PCI alias gpu is not defined' } };

  it('are refused when a server is created', async () => {
    const answer = await api.post({ flavorRef: 'gpu' });
    assert.equal(answer.status, 400);
    assert.deepEqual(answer.body, refusal);
    assert.deepEqual((await api.request('GET', '/servers', { as: 'member' })).body.servers, []);
  });

  it('are refused when a server is resized, which stays as it was', async () => {
    const id = await api.create();
    const answer = await api.act(id, { resize: { flavorRef: 'gpu' } });
    assert.equal(answer.status, 400);
    assert.deepEqual(answer.body, refusal);
    assert.equal((await api.show(id)).status, 'ACTIVE');
  });

  it('are refused when the scheduler is asked', async () => {
    const body = { flavor_id: 'gpu' };
    const answer = await api.request('POST', '/os-xloud-scheduler/explain', { as: 'admin', body });
    assert.equal(answer.status, 400);
    assert.deepEqual(answer.body, refusal);
  });
});
