// A profile is what a flavor's extra specs would be, whoever reads them: the scheduler, the guest, the API; and a server is given another
// one that it has from its next start on.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { profileNames } from '../../src/domain/machines/profiles.ts';
import type { Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`profiles on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
      await servers.world.flavor({
        id: 'ubuntu',
        specs: { 'xloud:profile': 'ubuntu-24.04', 'hw:watchdog_action': 'pause' },
      });
    });
    after(() => servers.close());

    const specs = (id: string) => servers.world.drivers.get('host-1')?.store.get(id)?.spec.extraSpecs;
    const shown = async (id: string, as: Who = 'reader') =>
      servers.request('GET', `/servers/${id}/os-xloud-profile`, { as });
    const apply = (id: string, profile: unknown, as: Who = 'admin') =>
      servers.request('PUT', `/servers/${id}/os-xloud-profile`, { as, body: { profile } });
    /** The host says no more that it can bound what guests take of its processors. */
    async function withoutLimits(): Promise<void> {
      const { facts } = await servers.world.database.read('hosts').first('facts');
      const { traits, ...others } = JSON.parse(facts);
      const left = traits.filter((trait: string) => trait !== 'CUSTOM_XLOUD_CPU_LIMITS');
      assert.ok(left.length < traits.length);
      await servers.world.database.write('hosts').update({ facts: JSON.stringify({ ...others, traits: left }) });
    }
    const knobs = (body: { knobs: { extra_spec: string; value: string; from: string }[] }) =>
      Object.fromEntries(body.knobs.map(({ extra_spec, value, from }) => [extra_spec, `${value} (${from})`]));

    it('are listed with what each knob does', async () => {
      const { body } = await servers.request('GET', '/os-xloud-profiles', { as: 'reader' });
      assert.deepEqual(
        body.profiles.map(({ name }: { name: string }) => name),
        profileNames,
      );
      for (const { knobs: all } of body.profiles) {
        for (const { does, by } of all) assert.ok(does !== '' && by !== null, does);
      }
    });

    it('are what the flavor says, but for what it says itself', async () => {
      const id = await servers.create({ flavorRef: 'ubuntu' });
      const expected = {
        'xloud:profile': 'ubuntu-24.04',
        'hw:watchdog_action': 'pause',
        'hw_rng:allowed': 'true',
        'hw:vif_multiqueue_enabled': 'true',
        'hw:virtio_packed_ring': 'true',
        'hw:usb_model': 'qemu-xhci',
      };
      assert.deepEqual(specs(id), expected);
      assert.deepEqual((await servers.show(id, { version: '2.47' })).flavor.extra_specs, expected);
      const { body } = await shown(id);
      assert.deepEqual([body.profile, body.pending], ['ubuntu-24.04', false]);
      assert.equal(knobs(body)['hw:watchdog_action'], 'pause (flavor)');
      assert.equal(knobs(body)['hw:usb_model'], 'qemu-xhci (profile)');
      // the flavor itself is as it was written
      const flavor = await servers.request('GET', '/flavors/ubuntu/os-extra_specs', { as: 'member' });
      assert.deepEqual(flavor.body.extra_specs, { 'xloud:profile': 'ubuntu-24.04', 'hw:watchdog_action': 'pause' });
    });

    it('are refused for a flavor where there is none of that name, or it does not fit', async () => {
      const set = (id: string, extra_specs: object, version: string) =>
        servers.request('POST', `/flavors/${id}/os-extra_specs`, { as: 'admin', version, body: { extra_specs } });
      for (const version of ['2.1', '2.86']) {
        const answer = await set(PLAIN, { 'xloud:profile': 'fast' }, version);
        assert.equal(answer.status, 400);
        assert.match(answer.text, /'fast' is not one of: balanced/);
      }
      const elastic = await set(ELASTIC, { 'xloud:profile': 'low-latency' }, '2.1');
      assert.equal(elastic.status, 400);
      assert.match(elastic.text, /has a fixed size/);
    });

    it('are given to a server from its next start on', async () => {
      const id = await servers.create();
      assert.deepEqual((await shown(id)).body, { server_id: id, profile: null, pending: false, knobs: [] });
      const given = await apply(id, 'balanced');
      assert.equal(given.status, 200, given.text);
      assert.deepEqual([given.body.profile, given.body.pending], ['balanced', true]);
      assert.deepEqual((await shown(id)).body, given.body);
      assert.equal(specs(id)?.['hw_rng:allowed'], undefined);
      assert.equal((await servers.act(id, { reboot: { type: 'HARD' } })).status, 202);
      await servers.world.settled();
      assert.equal(specs(id)?.['hw_rng:allowed'], 'true');
      assert.deepEqual((await shown(id)).body, { ...given.body, pending: false });
      const actions = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'admin' });
      assert.deepEqual(
        actions.body.instanceActions.map(({ action }: { action: string }) => action),
        ['reboot', 'profile', 'create'],
      );
      assert.equal((await apply(id, null)).body.profile, null);
      assert.equal((await servers.act(id, { 'os-stop': null })).status, 202);
      await servers.world.settled();
      assert.equal((await shown(id)).body.pending, true);
      assert.equal((await servers.act(id, { 'os-start': null })).status, 202);
      await servers.world.settled();
      assert.deepEqual([(await shown(id)).body.pending, specs(id)], [false, {}]);
    });

    it('are not given where there is none, the host cannot, or it would be another place', async () => {
      const id = await servers.create();
      const refused = async (profile: unknown, status: number, why: RegExp, as: Who = 'admin') => {
        const answer = await apply(id, profile, as);
        assert.equal(answer.status, status, answer.text);
        assert.match(answer.text, why);
        assert.equal((await shown(id)).body.profile, null);
      };
      await refused('fast', 400, /There is no profile 'fast'/);
      await withoutLimits();
      await refused('energy-efficient', 409, /host-1 .* TraitsFilter: has no trait CUSTOM_XLOUD_CPU_LIMITS/);
      await refused('low-latency', 409, /resize it to a flavor with that profile/);
      await refused('balanced', 403, /os_compute_api:xloud:profiles:apply/, 'member');
      await refused('balanced', 404, /could not be found/, 'other');
      assert.equal((await shown(id, 'other')).status, 404);
      // as a flavor that asks for the same
      await servers.world.flavor({ id: 'efficient', specs: { 'xloud:profile': 'energy-efficient' } });
      const lost = await servers.create({ flavorRef: 'efficient' });
      assert.equal((await servers.show(lost)).status, 'ERROR');
    });
  });
}
