// Debian's own `openstack` client makes volumes, snapshots, types and offers, gives volumes to servers and boots servers from them.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { withoutClient } from '../support/openstack/process.ts';
import { type CloudName, eventually, type Service, startService } from '../support/serve.ts';

const skip = withoutClient('debian');
const MADE_MS = 60_000;

type Row = Readonly<Record<string, unknown>>;

describe('volumes by the stock client', { skip, concurrency: 1 }, () => {
  let service: Service;
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'xloud-cli-vol-'));
    writeFileSync(join(dir, 'image'), Buffer.alloc(4096, 'image'));
    service = await startService({ driver: 'fake' });
    const image = ['image', 'create', 'small', '--public', '--disk-format', 'raw', '--file', join(dir, 'image')];
    await run('xloud', ...image);
    await run('xloud', 'flavor', 'create', 'tiny', '--vcpus', '1', '--ram', '256', '--disk', '1');
  });
  after(async () => {
    await service.close();
    await rm(dir, { recursive: true, force: true });
  });

  const run = (cloud: CloudName, ...words: string[]): Promise<string> => service.openstack(cloud, ...words);
  const demo = (...words: string[]) => run('xloud-demo', ...words);
  const row = async (cloud: CloudName, ...words: string[]): Promise<Row> =>
    JSON.parse(await run(cloud, ...words, '-f', 'json')) as Row;
  const rows = async (cloud: CloudName, ...words: string[]): Promise<readonly Row[]> =>
    JSON.parse(await run(cloud, ...words, '-f', 'json')) as readonly Row[];
  const becomes = (words: readonly string[], status: string) =>
    eventually(`${words.join(' ')} ${status}`, MADE_MS, async () =>
      (await row('xloud-demo', ...words)).status === status ? true : null,
    );
  const gone = (name: string) =>
    eventually(`${name} gone`, MADE_MS, async () =>
      (await rows('xloud-demo', 'volume', 'list')).some((one) => one['Name'] === name) ? null : true,
    );

  it('makes, lists, changes and deletes', async () => {
    const made = await row(
      'xloud-demo',
      'volume',
      'create',
      '--size',
      '1',
      '--description',
      'd',
      '--property',
      'a=b',
      'one',
    );
    assert.deepEqual([made['name'], made['size'], made['description']], ['one', 1, 'd']);
    await becomes(['volume', 'show', 'one'], 'available');
    const listed = await rows('xloud-demo', 'volume', 'list', '--long');
    assert.deepEqual(
      listed.map((one) => [one['Name'], one['Status'], one['Size'], one['Properties']]),
      [['one', 'available', 1, { a: 'b' }]],
    );
    await demo('volume', 'set', '--name', 'two', '--property', 'c=d', '--size', '2', '--bootable', 'one');
    await becomes(['volume', 'show', 'two'], 'available');
    const shown = await row('xloud-demo', 'volume', 'show', 'two');
    assert.deepEqual([shown['size'], shown['bootable'], shown['properties']], [2, 'true', { a: 'b', c: 'd' }]);
    await demo('volume', 'unset', '--property', 'a', 'two');
    assert.deepEqual((await row('xloud-demo', 'volume', 'show', 'two'))['properties'], { c: 'd' });
    await demo('volume', 'delete', 'two');
    await gone('two');
    await assert.rejects(demo('volume', 'show', 'two'));
  });

  it('makes snapshots, and volumes of them, of volumes and of images; goes back to one', async () => {
    await demo('volume', 'create', '--size', '1', 'base');
    await becomes(['volume', 'show', 'base'], 'available');
    await demo('volume', 'snapshot', 'create', '--volume', 'base', 'then');
    await becomes(['volume', 'snapshot', 'show', 'then'], 'available');
    await demo('volume', 'snapshot', 'set', '--property', 'x=y', 'then');
    const [snapshot] = await rows('xloud-demo', 'volume', 'snapshot', 'list');
    assert.deepEqual([snapshot?.['Name'], snapshot?.['Size']], ['then', 1]);
    await demo('volume', 'create', '--snapshot', 'then', 'of-snapshot');
    await demo('volume', 'create', '--source', 'base', 'of-volume');
    await demo('volume', 'create', '--image', 'small', '--size', '1', '--bootable', 'of-image');
    for (const name of ['of-snapshot', 'of-volume', 'of-image']) await becomes(['volume', 'show', name], 'available');
    const image = (await row('xloud-demo', 'volume', 'show', 'of-image'))['volume_image_metadata'] as Row;
    assert.equal(image['image_name'], 'small');
    await demo('volume', 'snapshot', 'delete', 'then');
    await eventually('the snapshot gone', MADE_MS, async () =>
      (await rows('xloud-demo', 'volume', 'snapshot', 'list')).length === 0 ? true : null,
    );
    await demo('volume', 'delete', 'of-snapshot', 'of-volume', 'base');
  });

  it('makes types with QoS, and sets quotas', async () => {
    await run('xloud', 'volume', 'type', 'create', '--public', '--property', 'a=b', 'fast');
    await run('xloud', 'volume', 'qos', 'create', '--consumer', 'front-end', '--property', 'total_iops_sec=500', 'q');
    await run('xloud', 'volume', 'qos', 'associate', 'q', 'fast');
    const [qos] = await rows('xloud', 'volume', 'qos', 'list');
    assert.deepEqual([qos?.['Name'], qos?.['Associations']], ['q', ['fast']]);
    const types = (await rows('xloud-demo', 'volume', 'type', 'list')).map((one) => String(one['Name']));
    assert.deepEqual(types.toSorted(), ['__DEFAULT__', 'fast']);
    await demo('volume', 'create', '--type', 'fast', '--size', '1', 'typed');
    await becomes(['volume', 'show', 'typed'], 'available');
    assert.equal((await row('xloud-demo', 'volume', 'show', 'typed'))['type'], 'fast');
    await demo('volume', 'delete', 'typed');
    await run('xloud', 'quota', 'set', '--volumes', '7', '--gigabytes', '70', 'demo');
    const quota = await row('xloud', 'quota', 'show', 'demo');
    assert.deepEqual([quota['volumes'], quota['gigabytes']], [7, 70]);
    await gone('typed');
    await run('xloud', 'volume', 'qos', 'disassociate', '--all', 'q');
    await run('xloud', 'volume', 'qos', 'delete', 'q');
    await run('xloud', 'volume', 'type', 'delete', 'fast');
  });

  it('offers a volume, which another project takes', async () => {
    await demo('volume', 'create', '--size', '1', 'offered');
    await becomes(['volume', 'show', 'offered'], 'available');
    const offer = await row('xloud-demo', 'volume', 'transfer', 'request', 'create', '--name', 'o', 'offered');
    assert.equal((await rows('xloud-demo', 'volume', 'transfer', 'request', 'list')).length, 1);
    const key = String(offer['auth_key']);
    await run('xloud', 'volume', 'transfer', 'request', 'accept', '--auth-key', key, String(offer['id']));
    await gone('offered');
    assert.equal((await row('xloud', 'volume', 'show', 'offered'))['status'], 'available');
    await run('xloud', 'volume', 'delete', 'offered');
  });

  it('adds a volume to a server, and removes it', async () => {
    await demo('server', 'create', '--image', 'small', '--flavor', 'tiny', '--network', 'private', '--wait', 'vm');
    await demo('volume', 'create', '--size', '1', 'data');
    await becomes(['volume', 'show', 'data'], 'available');
    await demo('server', 'add', 'volume', 'vm', 'data');
    await becomes(['volume', 'show', 'data'], 'in-use');
    const [attached] = await rows('xloud-demo', 'server', 'volume', 'list', 'vm');
    const { id } = await row('xloud-demo', 'volume', 'show', 'data');
    assert.equal(attached?.['Volume ID'], id);
    assert.match(String(attached?.['Device']), /^\/dev\/vd[b-z]$/);
    await assert.rejects(demo('volume', 'delete', 'data'));
    await demo('server', 'remove', 'volume', 'vm', 'data');
    await becomes(['volume', 'show', 'data'], 'available');
    assert.deepEqual(await rows('xloud-demo', 'server', 'volume', 'list', 'vm'), []);
    await demo('volume', 'delete', 'data');
    await demo('server', 'delete', '--wait', 'vm');
  });

  it('boots from a volume of an image, and from one that is there', async () => {
    const common = ['--flavor', 'tiny', '--network', 'private', '--wait'];
    await demo('server', 'create', '--image', 'small', '--boot-from-volume', '1', ...common, 'booted');
    const [root] = await rows('xloud-demo', 'server', 'volume', 'list', 'booted');
    assert.equal(root?.['Device'], '/dev/vda');
    const volume = String(root?.['Volume ID']);
    assert.deepEqual([(await row('xloud-demo', 'volume', 'show', volume))['status']], ['in-use']);
    assert.match(String((await row('xloud-demo', 'server', 'show', 'booted'))['image']), /N\/A|^$/);
    await demo('server', 'delete', '--wait', 'booted');
    await becomes(['volume', 'show', volume], 'available');
    await demo('volume', 'delete', volume);
    await demo('server', 'create', '--volume', 'of-image', ...common, 'again');
    assert.equal((await row('xloud-demo', 'volume', 'show', 'of-image'))['status'], 'in-use');
    await demo('server', 'delete', '--wait', 'again');
    await becomes(['volume', 'show', 'of-image'], 'available');
    await demo('volume', 'delete', 'of-image');
  });
});
