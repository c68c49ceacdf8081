import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { internal } from '../../../src/base/errors.ts';
import type { ConfigDriveSpec } from '../../../src/domain/servers/guests.ts';
import {
  configDriveFiles,
  metaData,
  metadataVersions,
  networkData,
} from '../../../src/domain/servers/guest-metadata.ts';
import { buildConfigDrive } from '../../../src/virt/config-drive.ts';
import { runProgram } from '../../../src/base/run.ts';
import { guestSpec, networkFacts, nicSpec, subnetFacts } from '../../support/guest-spec.ts';

const drive: ConfigDriveSpec = {
  ...{ availabilityZone: 'nova', keyName: 'mine', publicKey: 'ssh-ed25519 AAAA me', keyType: 'ssh', adminPass: 'pw' },
  ...{
    userData: Buffer.from('#!/bin/sh\necho hi\n').toString('base64'),
    launchIndex: 2,
    projectName: 'demo',
    files: [],
  },
};
const seed = new Uint8Array(512);

describe('config drive', () => {
  it('says who the guest is, as Nova does', () => {
    const spec = guestSpec({ name: 'my server', hostname: 'my-server', metadata: { role: 'db' } });
    assert.deepEqual(metaData(spec, drive, 'latest', seed), {
      uuid: spec.uuid,
      meta: { role: 'db' },
      admin_pass: 'pw',
      public_keys: { mine: 'ssh-ed25519 AAAA me' },
      keys: [{ name: 'mine', type: 'ssh', data: 'ssh-ed25519 AAAA me' }],
      hostname: 'my-server',
      name: 'my server',
      launch_index: 2,
      availability_zone: 'nova',
      random_seed: Buffer.alloc(512).toString('base64'),
      project_id: 'p',
      devices: [],
    });
    const bare = metaData(guestSpec(), { ...drive, keyName: null, adminPass: null }, '2012-08-10', seed);
    assert.deepEqual(Object.keys(bare), ['uuid', 'hostname', 'name', 'launch_index', 'availability_zone']);
  });

  it('names a tagged interface by its MAC address', () => {
    const nic = { ...nicSpec(networkFacts([]), []), tag: 'outer' };
    const { devices } = metaData(guestSpec({ nics: [nic] }), drive, 'latest', seed);
    assert.deepEqual(devices, [{ type: 'nic', bus: 'none', address: 'none', mac: nic.mac, tags: ['outer'] }]);
  });

  it('describes networks, their addresses, routes and name servers, as Nova does', () => {
    const four = subnetFacts({ dnsServers: ['9.9.9.9'] });
    const still = subnetFacts({
      ...{ cidr: '10.5.0.0/16', gateway: '10.5.0.1', enableDhcp: false, dnsServers: ['1.1.1.1'] },
      hostRoutes: [{ destination: '192.168.0.0/24', nexthop: '10.5.0.9' }],
    });
    const six = subnetFacts({ cidr: 'fd00::/64', ipVersion: 6, gateway: 'fd00::1', enableDhcp: false });
    const network = networkFacts([four, still, six]);
    const nic = nicSpec(network, [
      [four, '10.0.0.5'],
      [still, '10.5.0.5'],
      [six, 'fd00::5'],
    ]);
    const link = `tap${nic.portId.slice(0, 11)}`;
    assert.deepEqual(networkData([nic]), {
      links: [{ id: link, vif_id: nic.portId, type: 'bridge', mtu: 1450, ethernet_mac_address: nic.mac }],
      networks: [
        { id: 'network0', link, network_id: network.id, type: 'ipv4_dhcp' },
        {
          ...{ id: 'network1', link, network_id: network.id, type: 'ipv4', ip_address: '10.5.0.5' },
          netmask: '255.255.0.0',
          routes: [
            { network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.5.0.1' },
            { network: '192.168.0.0', netmask: '255.255.255.0', gateway: '10.5.0.9' },
          ],
          services: [{ type: 'dns', address: '1.1.1.1' }],
        },
        {
          ...{ id: 'network2', link, network_id: network.id, type: 'ipv6', ip_address: 'fd00::5' },
          netmask: 'ffff:ffff:ffff:ffff::',
          routes: [{ network: '::', netmask: '::', gateway: 'fd00::1' }],
          services: [],
        },
      ],
      services: [
        { type: 'dns', address: '9.9.9.9' },
        { type: 'dns', address: '1.1.1.1' },
      ],
    });
  });

  it('has every dated path with the files that its version had', () => {
    const files = [...configDriveFiles(guestSpec(), drive, seed).keys()];
    const of = (version: string) =>
      files.filter((one) => one.startsWith(`openstack/${version}/`)).map((one) => one.split('/')[2]);
    assert.deepEqual(of('2012-08-10'), ['meta_data.json', 'user_data']);
    assert.deepEqual(of('2013-10-17'), ['meta_data.json', 'user_data', 'vendor_data.json']);
    assert.deepEqual(of('2015-10-15'), ['meta_data.json', 'user_data', 'vendor_data.json', 'network_data.json']);
    const all = ['meta_data.json', 'user_data', 'vendor_data.json', 'network_data.json', 'vendor_data2.json'];
    assert.deepEqual(of('2018-08-27'), all);
    assert.deepEqual(of('latest'), all);
    assert.equal(new Set(files.map((one) => one.split('/')[1])).size, metadataVersions.length);
    const without = configDriveFiles(guestSpec(), { ...drive, userData: null }, seed);
    assert.ok(![...without.keys()].some((one) => one.endsWith('user_data')));
  });

  it('has the files that came with the request, and says where they belong', () => {
    const contents = Buffer.from('127.0.0.1 localhost').toString('base64');
    const file = { path: '/etc/hosts', contents };
    const files = configDriveFiles(guestSpec(), { ...drive, files: [file, { ...file, path: '/b' }] }, seed);
    assert.equal(String(files.get('openstack/content/0001')), '127.0.0.1 localhost');
    const read = JSON.parse(files.get('openstack/2012-08-10/meta_data.json') as string) as Record<string, unknown>;
    assert.deepEqual(read.files, [
      { content_path: '/content/0000', path: '/etc/hosts' },
      { content_path: '/content/0001', path: '/b' },
    ]);
  });

  it('keeps names, metadata and user data of any Unicode', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.uint8Array(), (text, bytes) => {
        const spec = guestSpec({ name: text, metadata: { [text]: text } });
        const userData = Buffer.from(bytes).toString('base64');
        const files = configDriveFiles(spec, { ...drive, keyName: text, publicKey: text, userData }, seed);
        const read = JSON.parse(files.get('openstack/latest/meta_data.json') as string) as Record<string, unknown>;
        assert.equal(read.name, text);
        assert.deepEqual(Object.entries(read.meta as object), [[text, text]]);
        assert.deepEqual(Buffer.from(files.get('openstack/latest/user_data') as Uint8Array), Buffer.from(bytes));
      }),
    );
  });

  it('becomes a file system labelled config-2 with the bytes in it', async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'xloud-drive-'));
    t.after(() => rm(dir, { recursive: true }));
    const path = join(dir, 'disk.config');
    const spec = guestSpec({ name: 'naïve \u{1f600}', configDrive: drive });
    await buildConfigDrive(runProgram, spec, path);
    assert.deepEqual(await readdir(dir), ['disk.config'], 'nothing else is left');
    const isoinfo = (...args: string[]) => execFileSync('isoinfo', ['-i', path, ...args], { encoding: 'utf8' });
    assert.match(isoinfo('-d'), /Volume id: config-2/);
    assert.equal(isoinfo('-R', '-x', '/openstack/latest/user_data'), '#!/bin/sh\necho hi\n');
    const meta = JSON.parse(isoinfo('-R', '-x', '/openstack/2018-08-27/meta_data.json')) as Record<string, string>;
    assert.equal(meta.name, 'naïve \u{1f600}');
    assert.equal(Buffer.from(meta.random_seed ?? '', 'base64').length, 512);
  });

  it('tries the next program where one is not installed, and says so when none is', async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'xloud-drive-'));
    t.after(() => rm(dir, { recursive: true }));
    const tried: string[] = [];
    const missing = (installed: string) => (file: string) => {
      tried.push(file);
      return file === installed ? Promise.resolve('') : Promise.reject(internal('no', { code: 'program.missing' }));
    };
    const spec = guestSpec({ configDrive: drive });
    await buildConfigDrive(missing('xorrisofs'), spec, join(dir, 'disk.config'));
    assert.deepEqual(tried, ['genisoimage', 'mkisofs', 'xorrisofs']);
    await assert.rejects(buildConfigDrive(missing('none'), spec, join(dir, 'other')), /needs one of genisoimage/);
    assert.deepEqual(await readdir(dir), ['disk.config']);
  });
});
