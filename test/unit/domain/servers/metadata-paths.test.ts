import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Ec2Facts, ec2Versions } from '../../../../src/domain/servers/ec2-metadata.ts';
import { configDriveFiles, metadataVersions } from '../../../../src/domain/servers/guest-metadata.ts';
import { metadataAt } from '../../../../src/domain/servers/metadata-paths.ts';
import { configDriveOf } from '../../../support/libvirt-host.ts';
import { guestSpec, networkFacts, nicSpec, subnetFacts } from '../../../support/guest-spec.ts';

const subnet = subnetFacts();
const nic = {
  ...nicSpec(networkFacts([subnet]), [[subnet, '10.0.0.5']]),
  securityGroups: ['default', 'web'],
  floatingIps: [{ address: '203.0.113.7', fixedIp: '10.0.0.5' }],
};
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const facts: Ec2Facts = {
  spec: guestSpec({ name: 'one', hostname: 'one', nics: [nic] }),
  drive: configDriveOf({
    ...{ keyName: 'mine', publicKey: 'ssh-ed25519 AAAA me', keyType: 'ssh', launchIndex: 3 },
    ...{ userData: base64('#!/bin/sh\n'), files: [{ path: '/etc/motd', contents: base64('hello') }] },
  }),
  server: {
    id: 26,
    projectId: 'p',
    imageRef: '9f3a0b1c-0000-4000-8000-000000000000',
    reservationId: 'r-1234abcd',
    rootDeviceName: '/dev/vda',
  },
};
const bare: Ec2Facts = { ...facts, drive: configDriveOf() };
const seed = new Uint8Array(512);
const of = (path: string, guest = facts) => metadataAt(guest, path, () => seed);
const read = (path: string, guest = facts): string | null => {
  const found = of(path, guest);
  return found?.kind === 'document' ? Buffer.from(found.body).toString() : null;
};
const lines = (path: string, guest = facts) => read(path, guest)?.split('\n');

describe('metadata by its path', () => {
  it('has the versions that Nova has', () => {
    assert.deepEqual(lines('/openstack'), [...metadataVersions]);
    assert.deepEqual(lines('/openstack/'), [...metadataVersions]);
    for (const path of ['/', '', '/ec2', '/ec2/']) assert.deepEqual(lines(path), [...ec2Versions, 'latest']);
    assert.equal(read('/openstack/1999-01-01'), null);
    assert.equal(read('/2011-01-01/meta-data'), null);
  });

  it('lists the files of a version, in the order of Nova', () => {
    const all = ['meta_data.json', 'user_data', 'password', 'vendor_data.json', 'network_data.json'];
    assert.deepEqual(lines('/openstack/latest'), [...all, 'vendor_data2.json']);
    assert.deepEqual(lines('/openstack/2015-10-15/'), all);
    assert.deepEqual(lines('/openstack/2013-10-17'), all.slice(0, 4));
    assert.deepEqual(lines('/openstack/2012-08-10', bare), ['meta_data.json']);
  });

  it('is of one source with the config drive', () => {
    const { spec, drive } = facts;
    for (const [path, content] of configDriveFiles(spec, drive, seed))
      assert.equal(read(`/${path}`), Buffer.from(content).toString(), path);
  });

  it('says of what is JSON that it is, as Nova does', () => {
    const type = (path: string) => {
      const found = of(path);
      return found?.kind === 'document' ? found.type : found?.kind;
    };
    assert.equal(type('/openstack/latest/meta_data.json'), 'application/json');
    assert.equal(type('/openstack/latest/vendor_data.json'), 'application/json');
    assert.equal(type('/openstack/latest/vendor_data2.json'), 'application/json');
    assert.equal(type('/openstack/latest/network_data.json'), 'text/plain');
    assert.equal(type('/openstack/latest/user_data'), 'text/plain');
    assert.equal(type('/openstack/latest/password'), 'password');
    assert.equal(type('/openstack/2012-08-10/password'), undefined);
  });

  it('is what EC2 calls it, too', () => {
    const keys = ['ami-id', 'ami-launch-index', 'ami-manifest-path', 'block-device-mapping/', 'hostname'];
    const more = ['instance-action', 'instance-id', 'instance-type', 'local-hostname', 'local-ipv4', 'placement/'];
    const last = ['public-hostname', 'public-ipv4', 'public-keys/', 'reservation-id', 'security-groups'];
    assert.deepEqual(lines('/latest/meta-data/'), [...keys, ...more, ...last]);
    assert.deepEqual(lines('/latest'), ['meta-data/', 'user-data']);
    assert.deepEqual(lines('/latest', bare), ['meta-data/']);
    const value = (name: string) => read(`/2009-04-04/meta-data/${name}`);
    assert.equal(value('instance-id'), 'i-0000001a');
    assert.equal(value('ami-id'), 'ami-9f3a0b1c');
    assert.equal(value('local-ipv4'), '10.0.0.5');
    assert.equal(value('public-ipv4'), '203.0.113.7');
    assert.equal(value('security-groups'), 'default\nweb');
    assert.equal(value('public-keys'), '0=mine');
    assert.equal(value('public-keys/0/'), 'openssh-key');
    assert.equal(value('public-keys/0/openssh-key'), 'ssh-ed25519 AAAA me');
    assert.equal(value('placement/availability-zone'), 'nova');
    assert.equal(value('block-device-mapping/root'), '/dev/vda');
    assert.equal(read('/latest/user-data'), '#!/bin/sh\n');
    assert.equal(read('/latest/user-data', bare), null);
    assert.equal(read('/1.0/meta-data/instance-type'), null);
    assert.equal(read('/ec2/1.0/meta-data/hostname'), 'one');
  });

  it('is nothing where there is nothing, and never an error', () => {
    for (const path of [
      ...['/openstack/latest/nothing', '/openstack/latest/meta_data.json/more', '/openstack/content'],
      ...['/openstack/content/0001', '/openstack/latest/__proto__', '/openstack/latest/constructor'],
      ...['/latest/meta-data/constructor', '/latest/meta-data/public-keys/title', '/latest/api/token', '/%ff', '/%'],
    ])
      assert.equal(of(path), null, path);
    assert.equal(read('//openstack/./latest/x/../user_data'), '#!/bin/sh\n');
    assert.equal(read('/../../openstack/latest/user_data'), '#!/bin/sh\n');
    fc.assert(fc.property(fc.webPath(), (path) => void of(path)));
    fc.assert(fc.property(fc.string(), (path) => void of(path)));
  });
});
