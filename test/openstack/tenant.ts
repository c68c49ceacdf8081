// Why: the day of a tenant: from nothing to servers that are reached, change, are copied, and leave nothing behind.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Stock } from '../support/openstack-stock.ts';
import { eventually } from '../support/serve.ts';
import { makeKey, PATIENCE_MS, type World } from './world.ts';

export interface Guests {
  /** Of the floating address of server `web`. */
  readonly address: string;
  readonly key: string;
}

const ADJUST = '/compute/v2.1/os-xloud-adjust';
const SECTOR = 2_000;

/** @param given of the whole cloud, once it is up */
export function describeTenant(given: () => { readonly world: World; readonly stock: Stock }): void {
  describe('the day of a tenant', { concurrency: 1 }, () => {
    let world: World;
    let stock: Stock;
    let key: string;
    let address: string;
    const demo = (...words: string[]) => world.openstack('demo', ...words);
    const made = (column: string, ...words: string[]) => world.value('demo', column, ...words);
    const portsOf = async (name: string): Promise<{ ID: string; Status: string }[]> =>
      world.json('demo', 'port', 'list', '--server', name, '--long');
    const fixedAddressOf = async (name: string, network: string): Promise<string> =>
      (await world.json('demo', 'server', 'show', name)).addresses[network][0];
    const reached = (what: string, wanted: boolean) =>
      eventually(what, PATIENCE_MS, async () => ((await world.answers(address)) === wanted ? true : null), 500);

    before(async () => {
      ({ world, stock } = given());
      key = await makeKey(world.cloud.directory);
    });

    it('makes a network with a way out, rules of who is let in, a key and an image', async () => {
      await demo('network', 'create', 'lan');
      await demo('subnet', 'create', 'lan', '--network', 'lan', '--subnet-range', '10.0.0.0/24');
      await demo('router', 'create', 'way');
      await demo('router', 'set', 'way', '--external-gateway', 'public');
      await demo('router', 'add', 'subnet', 'way', 'lan');
      await demo('security', 'group', 'create', 'web');
      await demo('security', 'group', 'rule', 'create', 'web', '--protocol', 'icmp');
      await demo('security', 'group', 'rule', 'create', 'web', '--protocol', 'tcp', '--dst-port', '22');
      await demo('keypair', 'create', 'own', '--public-key', `${key}.pub`);
      const shape = ['--disk-format', 'qcow2', '--container-format', 'bare', '--file', stock.disk];
      await demo('image', 'create', 'own', '--private', ...shape, ...stock.properties);
      assert.equal(await made('status', 'image', 'show', 'own'), 'active');
      assert.equal(await made('visibility', 'image', 'show', 'own'), 'private');
    });

    it('has a server that gets its address from Neutron and says so on its console', {
      timeout: PATIENCE_MS,
    }, async () => {
      const shape = ['--image', 'own', '--flavor', 'elastic', '--network', 'lan', '--security-group', 'web'];
      const more = ['--key-name', 'own', '--property', 'role=front', '--tag', 'first'];
      await demo('server', 'create', 'web', ...shape, ...more, '--os-compute-api-version', '2.90', '--wait');
      const [port] = await portsOf('web');
      assert.equal(port?.Status, 'ACTIVE');
      const wanted = await fixedAddressOf('web', 'lan');
      assert.match(wanted, /^10\.0\.0\./);
      await eventually('its address', PATIENCE_MS, async () =>
        (await world.inside('web', 'ip -4 addr')).includes(`${wanted}/24`) ? true : null,
      );
      assert.match(await demo('console', 'log', 'show', 'web'), /xloud-guest ready/);
      assert.match(await made('url', 'console', 'url', 'show', 'web'), /^ws?|http/);
    });

    it('is reached from outside by a floating address, as its groups say', { timeout: PATIENCE_MS }, async () => {
      address = await made('floating_ip_address', 'floating', 'ip', 'create', 'public');
      assert.ok(!(await world.answers(address)), 'nobody has it yet');
      await demo('server', 'add', 'floating', 'ip', 'web', address);
      await reached('a way in', true);
      await demo('server', 'remove', 'security', 'group', 'web', 'web');
      await reached('a closed door', false);
      await demo('server', 'add', 'security', 'group', 'web', 'web');
      await reached('an open one', true);
    });

    it('is let in by its key, and told who it is by the metadata agent of its host', {
      timeout: PATIENCE_MS,
    }, async () => {
      const said = await eventually('SSH', PATIENCE_MS, () =>
        world.ssh(key, address, 'wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json').then(
          (text) => text,
          () => null,
        ),
      );
      const { uuid, name, meta } = JSON.parse(said);
      assert.deepEqual([uuid, name, meta], [await world.idOf('web'), 'web', { role: 'front' }]);
    });

    it('stops, starts and reboots', { timeout: 2 * PATIENCE_MS }, async () => {
      const [id, host] = [await world.idOf('web'), await world.hostOf('web')];
      await demo('server', 'stop', 'web');
      await eventually('SHUTOFF', PATIENCE_MS, async () =>
        (await made('status', 'server', 'show', 'web')) === 'SHUTOFF' ? true : null,
      );
      assert.equal(await world.virsh(host, 'domstate', id), 'shut off');
      assert.ok(!(await world.answers(address)));
      await demo('server', 'start', 'web');
      await eventually('ACTIVE', PATIENCE_MS, async () =>
        (await made('status', 'server', 'show', 'web')) === 'ACTIVE' ? true : null,
      );
      await reached('a way in', true);
      const bootId = () => world.inside('web', 'cat /proc/sys/kernel/random/boot_id');
      const first = await bootId();
      await demo('server', 'reboot', '--hard', '--wait', 'web');
      assert.notEqual(await bootId(), first);
      await reached('a way in', true);
    });

    it('has one more interface while it runs, and gives it back', { timeout: PATIENCE_MS }, async () => {
      await demo('network', 'create', 'back');
      await demo('subnet', 'create', 'back', '--network', 'back', '--subnet-range', '10.1.0.0/24', '--gateway', 'none');
      await demo('server', 'add', 'network', 'web', 'back');
      const wanted = await fixedAddressOf('web', 'back');
      await eventually('its address', PATIENCE_MS, async () =>
        (await world.inside('web', 'ip -4 addr')).includes(`${wanted}/24`) ? true : null,
      );
      await demo('server', 'remove', 'network', 'web', 'back');
      await eventually('one port', PATIENCE_MS, async () => ((await portsOf('web')).length === 1 ? true : null));
      assert.doesNotMatch(await world.inside('web', 'ip -4 addr'), /10\.1\.0\./);
    });

    it('grows and shrinks as it runs, which the guest sees', { timeout: 2 * PATIENCE_MS }, async () => {
      const id = await world.idOf('web');
      const boot = await world.inside('web', 'cat /proc/sys/kernel/random/boot_id');
      const sizes = async () =>
        (await world.inside('web', "nproc; awk '/MemAvailable/ { print $2 }' /proc/meminfo"))
          .trim()
          .split('\n')
          .map(Number);
      const [one, small] = await sizes();
      assert.equal(one, 1);
      const adjusted = async (body: object) => {
        const { status, body: said } = await world.ask('demo', 'POST', `${ADJUST}/${id}`, body);
        assert.equal(status, 202, JSON.stringify(said));
        await eventually('an adjusted server', PATIENCE_MS, async () => {
          const { body: now } = await world.ask('demo', 'GET', `${ADJUST}/${id}`);
          assert.ok(!['error', 'partial'].includes(now.status), JSON.stringify(now));
          return now.status === 'idle' ? true : null;
        });
      };
      await adjusted({ current_vcpus: 2, current_memory_mb: 512 });
      const [two, large] = await sizes();
      assert.equal(two, 2);
      assert.ok((large as number) > (small as number) + 150_000, `${small} KiB, then ${large}`);
      await adjusted({ current_vcpus: 1, current_memory_mb: 256 });
      assert.equal((await sizes())[0], 1);
      assert.equal(await world.inside('web', 'cat /proc/sys/kernel/random/boot_id'), boot, 'it went on running');
      assert.ok(await world.answers(address));
    });

    it('becomes larger by a resize, with the same address', { timeout: 2 * PATIENCE_MS }, async () => {
      await world.openstack('xloud', 'flavor', 'create', 'large', '--vcpus', '2', '--ram', '640', '--disk', '1');
      await demo('server', 'resize', '--flavor', 'large', '--wait', 'web');
      assert.equal(await made('status', 'server', 'show', 'web'), 'VERIFY_RESIZE');
      await demo('server', 'resize', 'confirm', 'web');
      await eventually('ACTIVE', PATIENCE_MS, async () =>
        (await made('status', 'server', 'show', 'web')) === 'ACTIVE' ? true : null,
      );
      const seen = await world.inside('web', "nproc; awk '/MemTotal/ { print $2 }' /proc/meminfo");
      const [cpus, kib] = seen.trim().split('\n').map(Number);
      assert.ok(cpus === 2 && (kib as number) > 520_000, seen);
      await reached('a way in', true);
    });

    it('is copied into an image of Glance, and that into a server', { timeout: 2 * PATIENCE_MS }, async () => {
      const mark = `mark-${Date.now()}`;
      await world.inside('web', `printf ${mark} | dd of=/dev/vda bs=512 seek=${SECTOR} conv=notrunc,fsync`);
      await demo('server', 'image', 'create', '--name', 'copy', '--wait', 'web');
      const image = await world.json('demo', 'image', 'show', 'copy');
      assert.deepEqual([image.status, image.properties.image_type], ['active', 'snapshot']);
      const shape = ['--image', 'copy', '--flavor', 'small', '--network', 'lan', '--config-drive', 'true'];
      await demo('server', 'create', 'twin', ...shape, '--wait');
      const read = await world.inside(
        'twin',
        `dd if=/dev/vda bs=512 skip=${SECTOR} count=1 2>/dev/null | head -c ${mark.length}`,
      );
      assert.equal(read.trim(), mark);
      const other = await fixedAddressOf('web', 'lan');
      const pings = await world.inside(
        'twin',
        `for i in 1 2 3 4; do ping -c 1 -W 3 ${other} >/dev/null && echo yes && break; done`,
      );
      assert.equal(pings.trim(), 'yes', 'they are in one network');
    });

    it('has metadata, tags and a history', async () => {
      await demo(
        'server',
        'set',
        '--property',
        'tier=gold',
        '--tag',
        'second',
        '--os-compute-api-version',
        '2.90',
        'web',
      );
      const shown = await world.json('demo', 'server', 'show', 'web', '--os-compute-api-version', '2.90');
      assert.deepEqual(shown.properties, { role: 'front', tier: 'gold' });
      assert.deepEqual(shown.tags.toSorted(), ['first', 'second']);
      const found = await made('Name', 'server', 'list', '--tags', 'second', '--os-compute-api-version', '2.90');
      assert.equal(found, 'web');
      const told = await world.inside('web', 'wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json');
      assert.equal(JSON.parse(told).meta.tier, 'gold');
      const events = (await made('Action', 'server', 'event', 'list', 'web')).split('\n');
      for (const one of ['create', 'stop', 'start', 'reboot', 'adjust', 'resize', 'confirmResize', 'createImage'])
        assert.ok(events.includes(one), `${one} in ${events.join(' ')}`);
      assert.ok(events.includes('attach_interface') && events.includes('detach_interface'), events.join(' '));
    });

    it('is nobody else’s: another tenant sees and does nothing', async () => {
      const id = await world.idOf('web');
      assert.equal(await world.value('other', 'ID', 'server', 'list'), '');
      await world.refused(/No server/i, 'other', 'server', 'show', id);
      await world.refused(/No server/i, 'other', 'server', 'delete', id);
      await world.refused(/No server/i, 'other', 'console', 'log', 'show', id);
      await world.refused(/not authorized|Forbidden|Policy/i, 'other', 'server', 'list', '--all-projects');
      assert.equal((await world.ask('other', 'POST', `${ADJUST}/${id}`, { current_vcpus: 1 })).status, 404);
      await world.refused(/No Image found|404/, 'other', 'image', 'show', 'own');
      const networks = (await world.value('other', 'Name', 'network', 'list')).split('\n');
      assert.deepEqual(networks, ['public']);
      const [port] = await portsOf('web');
      const lan = await made('id', 'network', 'show', 'lan');
      const wish = { name: 'thief', imageRef: stock.imageId, flavorRef: await made('id', 'flavor', 'show', 'small') };
      for (const network of [{ uuid: lan }, { port: port?.ID }]) {
        const server = { ...wish, networks: [network] };
        const answer = await world.ask('other', 'POST', '/compute/v2.1/servers', { server });
        assert.ok([400, 404].includes(answer.status), JSON.stringify(answer));
      }
      assert.equal(await made('status', 'server', 'show', 'web'), 'ACTIVE');
    });
  });
}

/** The end of that day. */
export function describeCleaning(given: () => { readonly world: World }): void {
  describe('the end of the day', { concurrency: 1 }, () => {
    it('leaves nothing where everything is deleted', { timeout: PATIENCE_MS }, async () => {
      const { world } = given();
      const names = (await world.value('demo', 'Name', 'server', 'list')).split('\n').filter(Boolean);
      assert.ok(names.length > 0);
      await world.openstack('demo', 'server', 'delete', '--wait', ...names);
      assert.equal(await world.value('demo', 'ID', 'server', 'list'), '');
      const owners = await world.value('demo', 'Device Owner', 'port', 'list', '--long');
      assert.doesNotMatch(owners, /compute/);
      for (const host of world.cloud.ovn.hosts) {
        assert.equal(await world.virsh(host.name, 'list', '--all', '--name'), '');
        assert.doesNotMatch(await host.inside('ovs-vsctl', 'list-ports', 'br-int'), /^(vnet|tap)/m);
      }
      for (const one of (await world.value('demo', 'ID', 'floating', 'ip', 'list')).split('\n').filter(Boolean))
        await world.openstack('demo', 'floating', 'ip', 'delete', one);
      await world.openstack('demo', 'router', 'remove', 'subnet', 'way', 'lan');
      await world.openstack('demo', 'router', 'delete', 'way');
      await world.openstack('demo', 'network', 'delete', 'lan', 'back');
      await world.openstack('demo', 'image', 'delete', 'own', 'copy');
      assert.equal(await world.value('demo', 'Name', 'network', 'list'), 'public');
    });
  });
}
