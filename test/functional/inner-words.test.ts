// What the cloud's own words are, the names of its hosts, their paths, what their hypervisors say, is for administrators: no answer
// to a member, and nothing that is kept of a failure for its owner, says it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { internal } from '../../src/base/errors.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';

const SECRET = 'cannot open /srv/guests/disk.qcow2 on rack-7';
const INNER = /host-1|rack-7|\/srv/;
const NOT_TOLD = 'The host could not carry out the request (libvirt.38).';

/** A host whose hypervisor refuses in its own words, and which cannot move servers. */
function refusing(driver: FakeDriver): FakeDriver {
  const refuse = async (): Promise<never> => {
    throw internal(SECRET, { code: 'libvirt.38' });
  };
  return {
    ...driver,
    console: refuse,
    powerOff: refuse,
    inventory: async () => {
      const seen = await driver.inventory();
      const { capabilities } = seen.facts;
      const verbs = capabilities.verbs.filter((verb) => verb !== 'migrateDisk');
      return { ...seen, facts: { ...seen.facts, capabilities: { ...capabilities, verbs } } };
    },
  };
}

for (const engine of engines) {
  describe(`the cloud's own words on ${engine}`, () => {
    let servers: Servers;
    let id = '';
    before(async () => {
      servers = await startServers({ engine, hosts: [{ name: 'host-1', wrap: refusing }] });
      id = await servers.create();
    });
    after(() => servers.close());

    /** Past the record of exchanges: what Nova does not declare is asked for here. */
    const readConsole = async () => {
      const answer = await fetch(`${servers.url}/v2.1/servers/${id}/action`, {
        method: 'POST',
        headers: { 'X-Auth-Token': 'member', 'Content-Type': 'application/json' },
        body: '{"os-getConsoleOutput": {}}',
      });
      return { status: answer.status, text: await answer.text() };
    };

    it('are in no answer', async () => {
      const server = await servers.world.server(id);
      assert.equal(server.host, 'host-1');
      assert.deepEqual(await readConsole(), {
        status: 500,
        text: JSON.stringify({ computeFault: { code: 500, message: NOT_TOLD } }),
      });
      const moved = await servers.act(id, { resize: { flavorRef: ELASTIC } });
      assert.equal(moved.status, 400, moved.text);
      assert.doesNotMatch(moved.text, INNER);
    });

    it('are in no fault for its owner, and in its details for administrators', async () => {
      await servers.set(id, { vm_state: 'error' });
      assert.equal((await servers.act(id, { 'os-stop': null })).status, 202);
      await servers.world.settled();
      await servers.set(id, { vm_state: 'error' });
      const { fault } = await servers.show(id);
      assert.deepEqual([fault.message, fault.details], [NOT_TOLD, undefined]);
      assert.match((await servers.show(id, { as: 'admin' })).fault.details, INNER);
      const list = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' });
      const [{ request_id: last }] = list.body.instanceActions;
      const path = `/servers/${id}/os-instance-actions/${last}`;
      const seen = await servers.request('GET', path, { as: 'member', version: '2.84' });
      assert.equal(seen.body.instanceAction.events.at(-1).result, 'Error');
      assert.doesNotMatch(seen.text, INNER);
    });

    it('are not told of a host that does not answer', async () => {
      await servers.world.killHost('host-1');
      const { status, text } = await readConsole();
      assert.equal(status, 503, text);
      assert.doesNotMatch(text, INNER);
    });
  });
}
