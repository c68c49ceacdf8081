// Debian's own `openstack` client plugs networks, ports and addresses into a server and takes them out, and puts it into groups.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { withoutClient } from '../support/openstack/process.ts';
import { type CloudName, eventually, type Service, startService } from '../support/serve.ts';

const skip = withoutClient('debian');
const UNPLUG_MS = 60_000;

describe('networks of a server by the stock client', { skip, concurrency: 1 }, () => {
  let service: Service;
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'xloud-cli-net-'));
    writeFileSync(join(dir, 'image'), Buffer.alloc(4096, 'image'));
    service = await startService({ driver: 'fake' });
    const image = ['image', 'create', 'small', '--public', '--disk-format', 'raw', '--file', join(dir, 'image')];
    await run('xloud', ...image);
    await run('xloud', 'flavor', 'create', 'tiny', '--vcpus', '1', '--ram', '256', '--disk', '1');
    await demo('network', 'create', 'own');
    await demo(
      'subnet',
      'create',
      '--network',
      'own',
      '--subnet-range',
      '10.50.0.0/24',
      '--allocation-pool',
      'start=10.50.0.128,end=10.50.0.254',
      'own',
    );
    await demo('server', 'create', '--image', 'small', '--flavor', 'tiny', '--network', 'private', '--wait', 'vm');
  });
  after(async () => {
    await service.close();
    await rm(dir, { recursive: true, force: true });
  });

  const run = (cloud: CloudName, ...words: string[]): Promise<string> => service.openstack(cloud, ...words);
  const demo = (...words: string[]) => run('xloud-demo', ...words);
  const shown = async () =>
    JSON.parse(await demo('server', 'show', 'vm', '-f', 'json')) as {
      readonly addresses: Readonly<Record<string, readonly string[]>>;
      readonly security_groups?: readonly { readonly name: string }[];
    };
  const counts = async () =>
    Object.fromEntries(Object.entries((await shown()).addresses).map(([network, list]) => [network, list.length]));

  /** An interface is unplugged after the client was answered. */
  const becomes = (expected: Readonly<Record<string, number>>) =>
    eventually(JSON.stringify(expected), UNPLUG_MS, async () =>
      isDeepStrictEqual(await counts(), expected) ? true : null,
    );

  it('gets a floating address, points it to the server, and gives it back', async () => {
    const ips = async () => JSON.parse(await demo('floating', 'ip', 'list', '-f', 'json')) as Record<string, unknown>[];
    await run('xloud', 'network', 'create', '--external', 'public');
    const range = ['--subnet-range', '198.51.100.0/24', '--no-dhcp'];
    await run('xloud', 'subnet', 'create', '--network', 'public', ...range, 'public');
    await demo('floating', 'ip', 'create', '--description', 'front', '--tag', 'web', 'public');
    const [made] = await ips();
    const address = String(made?.['Floating IP Address']);
    assert.match(address, /^198\.51\.100\./);
    await demo('server', 'add', 'floating', 'ip', 'vm', address);
    await becomes({ private: 2 });
    assert.ok((await shown()).addresses['private']?.includes(address));
    await demo('server', 'remove', 'floating', 'ip', 'vm', address);
    await becomes({ private: 1 });
    const vm = (await demo('port', 'list', '--server', 'vm', '--network', 'private', '-f', 'value', '-c', 'ID')).trim();
    await demo('floating', 'ip', 'set', '--port', vm, address);
    await becomes({ private: 2 });
    const leads = JSON.parse(await demo('floating', 'ip', 'show', address, '-f', 'json')) as Record<string, unknown>;
    assert.deepEqual(
      [leads['port_id'], leads['status'], leads['router_id'], leads['description'], leads['tags']],
      [vm, 'ACTIVE', null, 'front', ['web']],
    );
    await demo('floating', 'ip', 'unset', '--port', address);
    await becomes({ private: 1 });
    await demo('floating', 'ip', 'delete', address);
    assert.deepEqual(await ips(), []);
  });

  it('adds and removes a network', async () => {
    await demo('server', 'add', 'network', 'vm', 'own');
    assert.deepEqual(await counts(), { private: 1, own: 1 });
    await demo('server', 'remove', 'network', 'vm', 'own');
    await becomes({ private: 1 });
  });

  it('adds and removes a port, and an address of its own choice', async () => {
    await demo('port', 'create', '--network', 'own', '--fixed-ip', 'ip-address=10.50.0.40', 'mine');
    await demo('server', 'add', 'port', 'vm', 'mine');
    assert.deepEqual((await shown()).addresses['own'], ['10.50.0.40']);
    await demo('server', 'add', 'fixed', 'ip', '--fixed-ip-address', '10.50.0.41', 'vm', 'own');
    assert.deepEqual([...((await shown()).addresses['own'] ?? [])].toSorted(), ['10.50.0.40', '10.50.0.41']);
    await demo('server', 'remove', 'port', 'vm', 'mine');
    await becomes({ private: 1, own: 1 });
    assert.deepEqual((await shown()).addresses['own'], ['10.50.0.41']);
    assert.match(await demo('port', 'show', 'mine', '-c', 'status', '-f', 'value'), /DOWN/);
  });

  it('adds and removes a security group', async () => {
    const groups = async () => ((await shown()).security_groups ?? []).map(({ name }) => name);
    await demo('security', 'group', 'create', 'web');
    await demo('server', 'add', 'security', 'group', 'vm', 'web');
    assert.ok((await groups()).includes('web'));
    await demo('server', 'remove', 'security', 'group', 'vm', 'web');
    assert.ok(!(await groups()).includes('web'));
  });

  it('has no volumes while none is added', async () => {
    const listed = await demo('server', 'volume', 'list', 'vm', '-f', 'json');
    assert.deepEqual(JSON.parse(listed), []);
  });
});
