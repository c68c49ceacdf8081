// Why: the day of who runs the cloud: hosts, sizes, limits, and servers that go from host to host with their addresses.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { before, describe, it } from 'node:test';
import { eventually } from '../support/serve.ts';
import { type Json, NEW, PATIENCE_MS, type World } from './world.ts';

/** @param given of the whole cloud, in which project `demo` has server `web` with a floating address */
export function describeAdministrator(given: () => { readonly world: World }): void {
  describe('the day of an administrator', { concurrency: 1 }, () => {
    let world: World;
    let address: string;
    const admin = (...words: string[]) => world.openstack('xloud', ...words);
    const value = (column: string, ...words: string[]) => world.value('xloud', column, ...words);
    const web = () => world.idOf('web');
    const portOf = async (): Promise<Json> => {
      const [port] = await world.json('xloud', 'port', 'list', '--server', await web());
      return world.json('xloud', 'port', 'show', port.ID);
    };
    const reached = (what: string) =>
      eventually(what, PATIENCE_MS, async () => ((await world.answers(address)) ? true : null), 500);
    const otherThan = (host: string): string => (host === 'compute-1' ? 'compute-2' : 'compute-1');
    const becomes = (name: string, status: string) =>
      eventually(`${name} ${status}`, PATIENCE_MS, async () => {
        const now = await value('status', 'server', 'show', await world.idOf(name));
        assert.ok(now !== 'ERROR' || status === 'ERROR', `${name} is in ERROR`);
        return now === status ? true : null;
      });

    before(async () => {
      ({ world } = given());
      address = await world.value('demo', 'Floating IP Address', 'floating', 'ip', 'list');
    });

    it('sees hosts, services and agents', async () => {
      const services: Json[] = await world.json('xloud', 'compute', 'service', 'list');
      assert.deepEqual(services.map((one) => [one.Binary, one.Status, one.State].join(' ')).toSorted(), [
        ...['nova-compute enabled up', 'nova-compute enabled up'],
        ...['nova-conductor enabled up', 'nova-scheduler enabled up'],
      ]);
      const names = (await value('Hypervisor Hostname', 'hypervisor', 'list')).split('\n').toSorted();
      assert.deepEqual(names, ['compute-1', 'compute-2']);
      const one = await world.json('xloud', 'hypervisor', 'show', 'compute-1', '--os-compute-api-version', '2.87');
      assert.deepEqual([one.hypervisor_type, one.state, one.status], ['QEMU', 'up', 'enabled']);
      const agents = await value('Binary', 'network', 'agent', 'list');
      assert.match(agents, /ovn-controller/);
      assert.match(agents, /neutron-ovn-metadata-agent/);
    });

    it('groups hosts, and keeps servers of a flavor on them', { timeout: PATIENCE_MS }, async () => {
      await admin('aggregate', 'create', '--property', 'disk=fast', 'fast');
      await admin('aggregate', 'add', 'host', 'fast', 'compute-2');
      const pinned = ['--property', 'aggregate_instance_extra_specs:disk=fast'];
      await admin('flavor', 'create', 'fast', '--vcpus', '1', '--ram', '128', '--disk', '1', ...pinned);
      await world.openstack(
        'demo',
        'server',
        'create',
        'there',
        '--image',
        'guest',
        '--flavor',
        'fast',
        '--network',
        'lan',
        '--wait',
      );
      assert.equal(await world.hostOf('there'), 'compute-2');
      await world.openstack('demo', 'server', 'delete', '--wait', 'there');
      await admin('aggregate', 'remove', 'host', 'fast', 'compute-2');
      await admin('aggregate', 'delete', 'fast');
    });

    it('makes flavors with a minimum, for some projects alone', async () => {
      const minimum = ['--property', 'minimum_cpu=1', '--property', 'minimum_memory=128'];
      await admin('flavor', 'create', 'own', '--private', '--vcpus', '2', '--ram', '256', '--disk', '1', ...minimum);
      await admin('flavor', 'set', '--project', 'demo', 'own');
      assert.match(await world.value('demo', 'Name', 'flavor', 'list'), /^own$/m);
      assert.doesNotMatch(await world.value('other', 'Name', 'flavor', 'list'), /^own$/m);
      // what sets them says why not in its log
      await world.refused(/flavor set|failed/i, 'xloud', 'flavor', 'set', '--property', 'minimum_cpu=9', 'own');
      assert.equal((await world.json('xloud', 'flavor', 'show', 'own')).properties.minimum_cpu, '1');
    });

    it('limits a project', async () => {
      const id = await world.value('xloud', 'id', 'project', 'show', 'demo');
      const used = (await world.value('demo', 'ID', 'server', 'list')).split('\n').length;
      await admin('quota', 'set', '--instances', String(used), id);
      const wish = ['server', 'create', 'more', '--image', 'guest', '--flavor', 'small', '--network', 'lan'];
      await world.refused(/Quota exceeded for instances/, 'demo', ...wish);
      await admin('quota', 'set', '--instances', '10', id);
    });

    it('moves a server that is off, or is put off, to the other host', { timeout: 2 * PATIENCE_MS }, async () => {
      const [id, from] = [await web(), await world.hostOf('web')];
      await admin('server', 'migrate', '--wait', id);
      await becomes('web', 'VERIFY_RESIZE');
      assert.equal(await world.hostOf('web'), otherThan(from));
      await admin('server', 'migration', 'confirm', id);
      await becomes('web', 'ACTIVE');
      const port = await portOf();
      assert.deepEqual([port.binding_host_id, port.status], [otherThan(from), 'ACTIVE']);
      await reached('a way in, on the other host');
      assert.doesNotMatch(await world.virsh(from, 'list', '--all', '--uuid'), new RegExp(id));
    });

    it('moves a server as it runs, which answers meanwhile and goes on', { timeout: 2 * PATIENCE_MS }, async () => {
      const [id, from] = [await web(), await world.hostOf('web')];
      const bootId = await world.inside('web', 'cat /proc/sys/kernel/random/boot_id');
      const [command, ...rest] = [...world.cloud.outside, 'busybox', 'ping', '-i', '0.5', address];
      const pings = spawn(command, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
      let said = '';
      pings.stdout.on('data', (piece: Buffer) => (said += piece.toString()));
      await admin('server', 'migrate', '--live-migration', '--host', otherThan(from), ...NEW, '--wait', id);
      await becomes('web', 'ACTIVE');
      assert.equal(await world.hostOf('web'), otherThan(from));
      await reached('a way in, on the other host');
      const at = said.length;
      await eventually('answers again', PATIENCE_MS, () => (said.length > at + 300 ? true : null));
      pings.kill('SIGINT');
      const seen = [...said.matchAll(/seq=(\d+)/g)].map(([, seq]) => Number(seq));
      const gaps = seen.slice(1).map((seq, index) => seq - (seen[index] as number) - 1);
      const longest = Math.max(...gaps);
      console.log(
        `live migration: ${seen.length} of ${(seen.at(-1) ?? 0) + 1} pings answered, ${longest} lost in a row at most`,
      );
      assert.ok(longest <= 10, `${longest} lost, of two a second`);
      // as OVN changes the chassis, Neutron calls the port DOWN for a moment; pings go on
      const port = await eventually('the port is ACTIVE', PATIENCE_MS, async () => {
        const now = await portOf();
        return now.status === 'ACTIVE' ? now : null;
      });
      assert.equal(port.binding_host_id, otherThan(from));
      assert.equal(port.binding_profile.migrating_to, undefined);
      assert.equal(await world.inside('web', 'cat /proc/sys/kernel/random/boot_id'), bootId, 'it is the same boot');
      assert.doesNotMatch(await world.virsh(from, 'list', '--all', '--uuid'), new RegExp(id));
      const moves: Json[] = await world.json('xloud', 'server', 'migration', 'list', ...NEW, '--server', id);
      assert.deepEqual(moves.map((one) => `${one.Type} ${one.Status}`).toSorted(), [
        'live-migration completed',
        'migration confirmed',
        'resize confirmed',
      ]);
    });

    it('takes a cold migration back', { timeout: 2 * PATIENCE_MS }, async () => {
      const [id, from] = [await web(), await world.hostOf('web')];
      await admin('server', 'migrate', '--wait', id);
      await becomes('web', 'VERIFY_RESIZE');
      await admin('server', 'migration', 'revert', id);
      await becomes('web', 'ACTIVE');
      assert.equal(await world.hostOf('web'), from);
      assert.equal((await portOf()).binding_host_id, from);
      await reached('a way in, at home');
    });

    it('has a server shelved, which comes back with its address', { timeout: 2 * PATIENCE_MS }, async () => {
      const id = await web();
      await world.openstack('demo', 'server', 'shelve', '--wait', 'web');
      await becomes('web', 'SHELVED_OFFLOADED');
      for (const { name } of world.cloud.ovn.hosts)
        assert.doesNotMatch(await world.virsh(name, 'list', '--all', '--uuid'), new RegExp(id));
      assert.ok(!(await world.answers(address)));
      await world.openstack('demo', 'server', 'unshelve', '--wait', 'web');
      await becomes('web', 'ACTIVE');
      assert.equal((await portOf()).status, 'ACTIVE');
      await reached('a way in');
    });

    it('puts no server on a host that is out of service', { timeout: PATIENCE_MS }, async () => {
      for (const { name } of world.cloud.ovn.hosts) {
        await admin('compute', 'service', 'set', '--disable', '--disable-reason', 'repair', name, 'nova-compute');
      }
      await world.openstack(
        'demo',
        'server',
        'create',
        'none',
        '--image',
        'guest',
        '--flavor',
        'small',
        '--network',
        'lan',
      );
      await becomes('none', 'ERROR');
      assert.match(await value('fault', 'server', 'show', await world.idOf('none')), /No valid host/);
      await world.openstack('demo', 'server', 'delete', '--wait', 'none');
      for (const { name } of world.cloud.ovn.hosts)
        await admin('compute', 'service', 'set', '--enable', name, 'nova-compute');
    });

    it('reads what was done, and how each step ended', async () => {
      const id = await web();
      const actions: Json[] = await world.json('xloud', 'server', 'event', 'list', id);
      const live = actions.find((one) => one.Action === 'live-migration');
      assert.ok(live !== undefined, JSON.stringify(actions));
      const shown = await world.json('xloud', 'server', 'event', 'show', id, live['Request ID']);
      assert.ok(shown.events.length > 0);
      for (const one of shown.events) assert.equal(one.result, 'Success', JSON.stringify(one));
    });
  });
}
