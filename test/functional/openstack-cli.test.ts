// Debian's own `openstack` client, unmodified, with the clouds.yaml that `xloud serve` wrote: a day of an administrator and of a
// tenant, every answer checked field by field.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { withoutClient } from '../support/openstack/process.ts';
import { type CloudName, eventually, type Service, startService } from '../support/serve.ts';

const skip = withoutClient('debian');
const PUBLIC_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me';
const FINGERPRINT = '65:96:2d:fc:e8:d5:a9:11:64:0c:0f:ea:00:6e:5b:bd';
const UUID = /^[0-9a-f-]{36}$/;
const BYTES = Buffer.alloc(1 << 20, 'image');

type Row = Readonly<Record<string, unknown>>;

describe('the stock client on xloud serve', { skip, concurrency: 1 }, () => {
  let service: Service;
  let dir: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'xloud-cli-'));
    writeFileSync(join(dir, 'image'), BYTES);
    writeFileSync(join(dir, 'key.pub'), `${PUBLIC_KEY}\n`);
    writeFileSync(join(dir, 'user-data'), '#!/bin/sh\necho hi\n');
    service = await startService({ driver: 'fake' });
  });
  after(async () => {
    await service.close();
    await rm(dir, { recursive: true, force: true });
  });

  const plain = (cloud: CloudName, ...words: string[]): Promise<string> => service.openstack(cloud, ...words);
  const json = async (cloud: CloudName, ...words: string[]): Promise<unknown> =>
    JSON.parse(await plain(cloud, ...words, '-f', 'json'));
  const row = async (cloud: CloudName, ...words: string[]): Promise<Row> => (await json(cloud, ...words)) as Row;
  const rows = async (cloud: CloudName, ...words: string[]): Promise<readonly Row[]> =>
    (await json(cloud, ...words)) as readonly Row[];
  const fails = (pattern: RegExp, cloud: CloudName, ...words: string[]): Promise<void> =>
    assert.rejects(plain(cloud, ...words), (error: unknown) => {
      assert.match((error as { stderr: string }).stderr, pattern);
      return true;
    });
  const pick = (from: Row, ...names: string[]): unknown[] => names.map((name) => from[name]);
  const named = (list: readonly Row[], name: string): Row => list.find((one) => one.Name === name) ?? assert.fail(name);

  describe('images', () => {
    it('creates, lists, shows, saves', async () => {
      const words = ['--public', '--disk-format', 'raw', '--container-format', 'bare', '--property', 'os_distro=none'];
      const made = await row('xloud', 'image', 'create', 'small', ...words, '--file', join(dir, 'image'));
      assert.match(String(made.id), UUID);
      assert.deepEqual(pick(made, 'name', 'disk_format', 'container_format', 'visibility'), [
        ...['small', 'raw', 'bare', 'public'],
      ]);
      const [listed, shown] = await Promise.all([
        rows('xloud-demo', 'image', 'list', '--long'),
        row('xloud-demo', 'image', 'show', 'small'),
      ]);
      const entry = named(listed, 'small');
      assert.deepEqual(pick(entry, 'ID', 'Status', 'Visibility', 'Disk Format', 'Size'), [
        ...[made.id, 'active', 'public', 'raw', BYTES.length],
      ]);
      assert.deepEqual(pick(shown, 'id', 'status', 'size', 'checksum'), [
        ...[made.id, 'active', BYTES.length, createHash('md5').update(BYTES).digest('hex')],
      ]);
      const properties = shown.properties as Row;
      assert.deepEqual(pick(properties, 'os_distro', 'os_hash_algo', 'os_hash_value'), [
        ...['none', 'sha512', createHash('sha512').update(BYTES).digest('hex')],
      ]);
      const saved = join(dir, 'saved');
      await plain('xloud-demo', 'image', 'save', '--file', saved, 'small');
      assert.ok(readFileSync(saved).equals(BYTES), 'byte for byte');
    });

    it('deletes', async () => {
      const words = ['--disk-format', 'raw', '--container-format', 'bare', '--file', join(dir, 'image')];
      await plain('xloud-demo', 'image', 'create', 'mine', ...words);
      await plain('xloud-demo', 'image', 'delete', 'mine');
      await fails(/No Image found for mine/, 'xloud-demo', 'image', 'show', 'mine');
      await fails(/HttpException: 403|ForbiddenException|403/, 'xloud-demo', 'image', 'delete', 'small');
    });
  });

  describe('flavors, keys, limits', () => {
    it('makes flavors with properties, and takes them off', async () => {
      const specs = ['--property', 'minimum_cpu=1', '--property', 'minimum_memory=256', '--property', 'note=x'];
      const size = ['--vcpus', '4', '--ram', '1024', '--disk', '1'];
      const made = await row('xloud', 'flavor', 'create', 'elastic', ...size, ...specs);
      assert.deepEqual(pick(made, 'name', 'vcpus', 'ram', 'disk', 'os-flavor-access:is_public'), [
        ...['elastic', 4, 1024, 1, true],
      ]);
      assert.deepEqual(made.properties, { minimum_cpu: '1', minimum_memory: '256', note: 'x' });
      await plain('xloud', 'flavor', 'unset', '--property', 'note', 'elastic');
      const entry = named(await rows('xloud-demo', 'flavor', 'list', '--long'), 'elastic');
      assert.deepEqual(pick(entry, 'ID', 'RAM', 'Disk', 'Ephemeral', 'VCPUs', 'Is Public', 'RXTX Factor'), [
        ...[made.id, 1024, 1, 0, 4, true, 1],
      ]);
      assert.deepEqual(entry.Properties, { minimum_cpu: '1', minimum_memory: '256' });
      await fails(/minimum_cpu/, 'xloud', 'flavor', 'set', '--property', 'minimum_cpu=9', 'elastic');
      await fails(/Policy|403/, 'xloud-demo', 'flavor', 'create', 'x', ...size);
    });

    it('imports a key', async () => {
      const made = await row('xloud-demo', 'keypair', 'create', '--public-key', join(dir, 'key.pub'), 'mine');
      assert.deepEqual(pick(made, 'name', 'type', 'fingerprint'), ['mine', 'ssh', FINGERPRINT]);
      const [entry] = await rows('xloud-demo', 'keypair', 'list');
      assert.deepEqual(entry, { Name: 'mine', Fingerprint: FINGERPRINT, Type: 'ssh' });
      assert.deepEqual(await rows('xloud', 'keypair', 'list'), [], "a key is its user's alone");
    });

    it('shows the host to an administrator', async () => {
      const [hypervisors, services, zones] = await Promise.all([
        rows('xloud', 'hypervisor', 'list', '--long'),
        rows('xloud', 'compute', 'service', 'list'),
        rows('xloud-demo', 'availability', 'zone', 'list'),
      ]);
      const [hypervisor = {}] = hypervisors;
      assert.deepEqual(pick(hypervisor, 'Hypervisor Hostname', 'Hypervisor Type', 'State', 'vCPUs Used', 'vCPUs'), [
        ...[hostname(), 'fake', 'up', 0, 64],
      ]);
      assert.deepEqual(
        services.map((one) => pick(one, 'Binary', 'Host', 'Zone', 'Status', 'State').join(' ')).toSorted(),
        [
          `nova-compute ${hostname()} nova enabled up`,
          `nova-conductor ${hostname()} internal enabled up`,
          `nova-scheduler ${hostname()} internal enabled up`,
        ],
      );
      // that of servers, and that of volumes
      const zone = { 'Zone Name': 'nova', 'Zone Status': 'available' };
      assert.deepEqual(zones, [zone, zone]);
      await fails(/Policy|403/, 'xloud-demo', 'hypervisor', 'list');
    });
  });

  describe('servers of a member', () => {
    const base = ['--image', 'small', '--flavor', 'elastic'];
    let ids: Readonly<Record<string, string>> = {};

    it('creates them in every way', async () => {
      const data = ['--user-data', join(dir, 'user-data'), '--config-drive', 'True'];
      const create = (name: string, ...words: string[]): Promise<Row> =>
        row(
          'xloud-demo',
          ...(name === 'alone' ? ['--os-compute-api-version', '2.37'] : []),
          ...[...['server', 'create', name, ...base, ...words, '--wait']],
        );
      const full = create('full', '--network', 'private', '--key-name', 'mine', '--property', 'role=db', ...data);
      const [first, second, third] = await Promise.all([create('bare'), full, create('alone', '--nic', 'none')]);
      for (const server of [first, second, third]) {
        assert.deepEqual(pick(server, 'status', 'OS-EXT-STS:vm_state', 'OS-EXT-STS:power_state'), [
          ...['ACTIVE', 'active', 1],
        ]);
        assert.match(String(server.adminPass), /^\w{12}$/);
        assert.match(String(server.image), /^small \(/);
      }
      ids = { bare: String(first.id), full: String(second.id), alone: String(third.id) };
      assert.deepEqual(Object.keys(first.addresses as Row), ['private']);
      assert.deepEqual(third.addresses, {});
      assert.deepEqual(pick(second, 'key_name', 'config_drive', 'properties', 'security_groups'), [
        ...['mine', 'True', { role: 'db' }, [{ name: 'default' }]],
      ]);
      assert.match(String((second.addresses as { private: string[] }).private[0]), /^10\.123\.\d+\.\d+$/);
    });

    it('lists and shows them', async () => {
      const [own, everybody] = await Promise.all([
        rows('xloud-demo', 'server', 'list', '--long'),
        rows('xloud', 'server', 'list', '--all-projects', '--long'),
      ]);
      for (const list of [own, everybody]) {
        assert.deepEqual(
          list.map((one) => String(one.Name)).toSorted((a, b) => a.localeCompare(b)),
          ['alone', 'bare', 'full'],
        );
      }
      const entry = named(everybody, 'full');
      assert.deepEqual(pick(entry, 'ID', 'Status', 'Task State', 'Power State', 'Image Name', 'Flavor Name', 'Host'), [
        ...[ids.full, 'ACTIVE', null, 1, 'small', 'elastic', hostname()],
      ]);
      assert.deepEqual(pick(entry, 'Availability Zone', 'Properties'), ['nova', { role: 'db' }]);
      assert.equal(named(own, 'full').Host, '', 'a tenant does not see the host');
      const shown = await row('xloud-demo', 'server', 'show', 'full');
      assert.deepEqual(pick(shown, 'id', 'status', 'key_name', 'properties'), [
        ...[ids.full, 'ACTIVE', 'mine', { role: 'db' }],
      ]);
    });

    it('counts them', async () => {
      const [limits, quota] = await Promise.all([
        rows('xloud-demo', 'limits', 'show', '--absolute'),
        row('xloud-demo', 'quota', 'show'),
      ]);
      const limit = (name: string) => named(limits, name).Value;
      assert.deepEqual([limit('maxTotalInstances'), limit('totalInstancesUsed')], [10, 3]);
      assert.deepEqual([limit('totalCoresUsed'), limit('totalRAMUsed')], [3, 768], 'what is claimed: the minimum');
      assert.deepEqual(pick(quota, 'instances', 'cores', 'ram', 'key-pairs'), [10, 20, 51_200, 100]);
    });

    it('renames them', async () => {
      await plain('xloud-demo', 'server', 'set', '--name', 'renamed', 'bare');
      const shown = await row('xloud-demo', 'server', 'show', ids.bare ?? '');
      assert.deepEqual(pick(shown, 'id', 'name', 'status'), [ids.bare, 'renamed', 'ACTIVE']);
    });

    it('reads the console', async () => {
      assert.match(
        await plain('xloud-demo', 'console', 'log', 'show', 'full'),
        /Brought up 1 node, 1 CPUs[\s\S]*login:/,
      );
      const lines = await plain('xloud-demo', 'console', 'log', 'show', '--lines', '2', 'full');
      assert.equal(lines.trim(), 'full login:');
    });

    it('reboots, stops and starts, and tells what was done', async () => {
      const reaches = (status: string) =>
        eventually(status, 30_000, async () =>
          (await row('xloud-demo', 'server', 'show', 'full')).status === status ? true : null,
        );
      await plain('xloud-demo', 'server', 'reboot', '--hard', '--wait', 'full');
      await plain('xloud-demo', 'server', 'stop', 'full');
      await reaches('SHUTOFF');
      await fails(/Cannot 'stop' instance .* vm_state stopped/, 'xloud-demo', 'server', 'stop', 'full');
      await plain('xloud-demo', 'server', 'start', 'full');
      await reaches('ACTIVE');
      const events = await rows('xloud-demo', 'server', 'event', 'list', 'full');
      assert.deepEqual(
        events.map((event) => event.Action),
        ['start', 'stop', 'reboot', 'create'],
      );
      assert.ok(events.every((event) => event['Server ID'] === ids.full));
      const [, , reboot = {}] = events;
      const id = String(reboot['Request ID']);
      assert.match(id, /^req-[0-9a-f-]{36}$/);
      const shown = await row('xloud', 'server', 'event', 'show', ids.full ?? '', id);
      assert.deepEqual(pick(shown, 'action', 'instance_uuid', 'message', 'request_id'), [
        ...['reboot', ids.full, null, id],
      ]);
    });

    it('locks, suspends, rescues and rebuilds', async () => {
      const is = (status: string) =>
        eventually(status, 30_000, async () =>
          (await row('xloud-demo', 'server', 'show', 'renamed')).status === status ? true : null,
        );
      const at273 = ['--os-compute-api-version', '2.73'];
      await plain('xloud-demo', ...at273, 'server', 'lock', '--reason', 'being tested', 'renamed');
      const locked = await row('xloud-demo', ...at273, 'server', 'show', 'renamed');
      assert.deepEqual(pick(locked, 'locked', 'locked_reason'), [true, 'being tested']);
      await fails(/is locked/, 'xloud-demo', 'server', 'suspend', 'renamed');
      await plain('xloud-demo', 'server', 'unlock', 'renamed');
      for (const [verb, status] of [
        ['suspend', 'SUSPENDED'],
        ['resume', 'ACTIVE'],
        ['rescue', 'RESCUE'],
        ['unrescue', 'ACTIVE'],
      ] as const) {
        await plain('xloud-demo', 'server', verb, 'renamed');
        await is(status);
      }
      const rebuilt = await row('xloud-demo', 'server', 'rebuild', '--image', 'small', 'renamed');
      assert.equal(rebuilt.id, ids.bare);
      await is('ACTIVE');
    });

    it("does not see another project's server, nor may touch it", async () => {
      const made = await row('xloud', 'server', 'create', 'secret', ...base, '--wait');
      const id = String(made.id);
      const own = await rows('xloud-demo', 'server', 'list');
      assert.ok(own.every((one) => one.ID !== id));
      await fails(/No server with a name or ID of|No Server found/, 'xloud-demo', 'server', 'show', id);
      await fails(/No server with a name or ID|No Server found/, 'xloud-demo', 'server', 'delete', 'secret');
      await fails(/Policy|403/, 'xloud-demo', 'server', 'list', '--all-projects');
      await plain('xloud', 'server', 'delete', '--wait', id);
    });

    it('deletes them, and nothing is left', async () => {
      await plain('xloud-demo', 'server', 'delete', '--wait', 'renamed', 'full', 'alone');
      const [left, ports, limits, [hypervisor = {}]] = await Promise.all([
        rows('xloud', 'server', 'list', '--all-projects'),
        rows('xloud', 'port', 'list'),
        rows('xloud-demo', 'limits', 'show', '--absolute'),
        rows('xloud', 'hypervisor', 'list', '--long'),
      ]);
      assert.deepEqual([left, ports], [[], []]);
      assert.equal(named(limits, 'totalInstancesUsed').Value, 0);
      assert.equal(hypervisor['vCPUs Used'], 0);
      await plain('xloud-demo', 'keypair', 'delete', 'mine');
      await plain('xloud', 'flavor', 'delete', 'elastic');
    });
  });

  it('is the version of the client that Debian has', async () => {
    assert.match(await plain('xloud', '--version'), /^openstack \d+\./);
  });
});
