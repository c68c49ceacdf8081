// News from other services: each event gets its code, and those that are taken are followed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const NOBODY = '11111111-2222-4333-8444-555555555555';

for (const engine of engines) {
  describe(`external events on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    let homeless: string;
    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create();
      homeless = await servers.create();
      await servers.set(homeless, { host: null });
    });
    after(() => servers.close());

    const tell = (events: readonly unknown[], version = '2.104') =>
      servers.request('POST', '/os-server-external-events', { version, body: { events } });
    const event = (name: string, more: object = {}) => ({ name, server_uuid: id, ...more });
    const addresses = async () => JSON.stringify((await servers.show(id)).addresses);

    it('have a code each, and 207 where one was not taken', async () => {
      const one = event('network-vif-plugged', { tag: 'port', status: 'in-progress' });
      const taken = await tell([one]);
      assert.deepEqual([taken.status, taken.body], [200, { events: [{ ...one, status: 'completed', code: 200 }] }]);
      const mixed = [
        event('network-vif-unplugged'),
        event('network-changed', { server_uuid: NOBODY }),
        event('volume-extended'),
        event('power-update', { server_uuid: homeless, tag: 'POWER_ON' }),
        event('power-update', { server_uuid: NOBODY }),
      ];
      const some = await tell(mixed);
      assert.equal(some.status, 207);
      const outcomes = some.body.events.map(({ status, code }: { status: string; code: number }) => [status, code]);
      assert.deepEqual(outcomes, [
        ['completed', 200],
        ['failed', 404],
        ['failed', 400],
        ['failed', 422],
        ['failed', 404],
      ]);
      assert.deepEqual(
        some.body.events.map(({ status: _status, code: _code, ...rest }: Record<string, unknown>) => rest),
        mixed,
      );
    });

    it('need a tag where they are about a part of a server', async () => {
      for (const [name, code] of [
        ['volume-extended', 400],
        ['power-update', 400],
        ['accelerator-request-bound', 400],
        ['volume-reimaged', 200],
        ['network-changed', 200],
        ['network-vif-deleted', 200],
      ] as const) {
        assert.equal((await tell([event(name)])).body.events[0].code, code, name);
        assert.equal((await tell([event(name, { tag: 'x' })])).body.events[0].code, 200, name);
      }
    });

    it('are known from their versions on', async () => {
      for (const [name, from] of [
        ['volume-extended', 51],
        ['power-update', 76],
        ['accelerator-request-bound', 82],
        ['volume-reimaged', 93],
      ] as const) {
        assert.equal((await tell([event(name, { tag: 'x' })], `2.${from - 1}`)).status, 400, name);
        assert.equal((await tell([event(name, { tag: 'x' })], `2.${from}`)).status, 200, name);
      }
      for (const events of [
        [],
        [{}],
        [event('rain')],
        [event('network-changed', { status: 'over' })],
        [event('network-changed', { server_uuid: 'x' })],
      ]) {
        assert.equal((await tell(events)).status, 400, JSON.stringify(events));
      }
    });

    it('a power update has the row follow its guest', async () => {
      const driver = servers.world.drivers.get('host-1');
      const guest = driver?.store.get(id);
      assert.ok(driver !== undefined && guest !== undefined);
      // changed where no event comes from
      driver.store.put({ ...guest, powerState: 4 });
      assert.equal((await servers.show(id)).status, 'ACTIVE');
      assert.equal((await tell([event('power-update', { tag: 'POWER_OFF' })])).status, 200);
      const { status, 'OS-EXT-STS:power_state': state } = await servers.show(id);
      assert.deepEqual([status, state], ['SHUTOFF', 4]);
      driver.store.put(guest);
      await tell([event('power-update', { tag: 'POWER_ON' })]);
      assert.equal((await servers.show(id)).status, 'ACTIVE');
    });

    it('a network change has the rows follow the ports, and a deleted port leaves the guest', async () => {
      const { networks } = servers.world;
      const before = await addresses();
      await networks.addFixedIp(await servers.world.server(id), 'net');
      assert.equal(await addresses(), before);
      assert.equal((await tell([event('network-changed')])).status, 200);
      assert.match(await addresses(), /10\.9\.255\.1/);
      const [port] = networks.ports().filter(({ serverUuid }) => serverUuid === id);
      assert.ok(port !== undefined);
      const { portId } = port.nic;
      const inGuest = () =>
        servers.world.drivers
          .get('host-1')
          ?.store.get(id)
          ?.spec.nics.some((nic) => nic.portId === portId);
      await networks.release(await servers.world.server(id), { portId });
      assert.equal(inGuest(), true);
      assert.equal((await tell([event('network-vif-deleted', { tag: portId })])).status, 200);
      assert.equal(await addresses(), '{}');
      assert.equal(inGuest(), false);
    });

    it('one that cannot be followed is taken all the same', async () => {
      await servers.world.killHost('host-1');
      const answer = await tell([event('power-update', { tag: 'POWER_OFF' })]);
      assert.deepEqual([answer.status, answer.body.events[0].code], [200, 200]);
      assert.equal((await servers.show(id)).status, 'ACTIVE');
    });

    it('come from services and administrators', async () => {
      for (const as of ['member', 'manager'] as const) {
        const answer = await servers.request('POST', '/os-server-external-events', {
          as,
          body: { events: [event('network-changed')] },
        });
        assert.equal(answer.status, 403);
      }
    });
  });
}
