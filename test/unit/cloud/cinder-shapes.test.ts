// What Cinder tells of how a volume is reached is believed as far as it makes sense, and refused with the reason where it does not.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectionFrom, connectorOf, volumeFrom } from '../../../src/cloud/cinder-shapes.ts';
import { isAtLeast } from '../../../src/cloud/cinder-http.ts';
import type { VolumeTarget } from '../../../src/cloud/volume.ts';
import { iscsiInfo, rbdInfo } from '../../support/cinder-double.ts';

const to: VolumeTarget = {
  ...{ host: 'node-1', ip: '10.0.0.7', arch: 'x86_64' },
  connector: { initiator: 'iqn.2008-11.org.linux-kvm:node-1', kinds: ['file', 'nfs', 'rbd', 'iscsi'] },
};
const ID = '0f2f5f0a-8f0e-4a43-9f3c-0c8d0a5f4d11';
const rbd = rbdInfo({ id: ID });
const iscsi = iscsiInfo({ id: ID }, { host: 'node-1' });
const nfs = {
  driver_volume_type: 'nfs',
  export: '10.0.0.9:/srv',
  name: `volume-${ID}`,
  options: '-o vers=4.2',
  format: 'qcow2',
};

describe("Cinder's connections", () => {
  it('are of Ceph, with the user and the id of his secret', () => {
    const { source, readonly, limits } = connectionFrom(
      { ...rbd, qos_specs: { total_iops_sec: '500', consumer: 'x' } },
      to,
    );
    assert.deepEqual(source, {
      ...{ kind: 'rbd', image: `volumes/volume-${ID}` },
      monitors: [
        { host: '10.0.0.1', port: 6789 },
        { host: '10.0.0.2', port: 6789 },
      ],
      auth: { user: 'cinder', secretUuid: '457eb676-33da-42ec-9a8c-9293d545c337' },
    });
    assert.deepEqual([readonly, limits], [false, { total_iops_sec: 500 }]);
    assert.equal(connectionFrom({ ...rbd, access_mode: 'ro' }, to).readonly, true);
    const six = connectionFrom({ ...rbd, hosts: ['[fd00::1]'], ports: ['3300'], auth_enabled: false }, to).source;
    assert.deepEqual(six, {
      kind: 'rbd',
      image: `volumes/volume-${ID}`,
      monitors: [{ host: 'fd00::1', port: 3300 }],
      auth: null,
    });
  });

  it('are of an iSCSI target, as the host is called there', () => {
    assert.deepEqual(connectionFrom(iscsi, to).source, {
      ...{ kind: 'iscsi', portal: { host: '10.0.0.9', port: 3260 }, lun: 1 },
      ...{ target: `iqn.2010-10.org.openstack:volume-${ID}`, initiator: 'iqn.2008-11.org.linux-kvm:node-1' },
      chap: { user: 'chap-user', password: 'secret-of-node-1' },
    });
    const { auth_method: _method, ...open } = iscsi;
    const { source } = connectionFrom({ ...open, target_portal: '[fd00::9]:3260,1' }, to);
    assert.deepEqual(source.kind === 'iscsi' && [source.portal, source.chap], [{ host: 'fd00::9', port: 3260 }, null]);
  });

  it('are of a file in a share', () => {
    assert.deepEqual(connectionFrom(nfs, to).source, {
      ...{ kind: 'nfs', share: '10.0.0.9:/srv', options: 'vers=4.2', file: `volume-${ID}`, format: 'qcow2' },
    });
  });

  for (const [what, info, why] of [
    ['another kind', { driver_volume_type: 'fibre_channel' }, /reached by fibre_channel/],
    ['no kind', {}, /reached by nothing known/],
    ["a name of the language's own", { driver_volume_type: 'constructor' }, /reached by constructor/],
    ['one that is encrypted', { ...rbd, encrypted: true }, /encrypted/],
    ['Ceph without a secret', { ...rbd, secret_uuid: null }, /rbd_secret_uuid/],
    ['a snapshot of Ceph', { ...rbd, name: 'volumes/volume@snap' }, /no image of Ceph/],
    ['an option of librbd', { ...rbd, name: 'volumes/volume:conf=x' }, /no image of Ceph/],
    ['Ceph without monitors', { ...rbd, hosts: [] }, /no image of Ceph/],
    ['an image that is none', { ...rbd, name: 'volumes/a:mon_host=evil b' }, /no image of Ceph/],
    ['a monitor that is no address', { ...rbd, hosts: ["a' onload='"] }, /no address/],
    ['a port that is none', { ...rbd, ports: ['0'] }, /no address/],
    ['a target that is none', { ...iscsi, target_iqn: 'iqn.x/1?y' }, /no iSCSI target/],
    ['a unit that is none', { ...iscsi, target_lun: '1/2' }, /no iSCSI target/],
    ['another way to log in', { ...iscsi, auth_method: 'KRB5' }, /hosts know CHAP alone/],
    ['a file elsewhere', { ...nfs, name: '../../etc/shadow' }, /no file of a share/],
    ['a format that is not known', { ...nfs, format: 'vhdx' }, /vhdx/],
  ] as const) {
    it(`are refused for ${what}`, () => {
      assert.throws(
        () => connectionFrom(info, to),
        (error: Error) => why.test(error.message),
      );
    });
  }

  it('are refused where the host is of before', () => {
    const old = { ...to, connector: null };
    assert.throws(() => connectionFrom(rbd, old), /host node-1 opens no rbd volumes/);
    assert.throws(() => connectionFrom(iscsi, old), /no iSCSI name/);
  });

  it('are asked for without multipath', () => {
    assert.deepEqual(connectorOf(to, '/dev/vdb'), {
      ...{ host: 'node-1', ip: '10.0.0.7', platform: 'x86_64', os_type: 'linux', multipath: false },
      ...{ mountpoint: '/dev/vdb', initiator: 'iqn.2008-11.org.linux-kvm:node-1' },
    });
  });
});

describe("Cinder's volumes", () => {
  it('are read as they are, and what is missing is empty', () => {
    const volume = volumeFrom({ id: ID, bootable: 'true', created_at: '2026-01-02T03:04:05.600000', size: 3 });
    assert.deepEqual(
      [
        volume.bootable,
        new Date(volume.createdAt).toISOString(),
        volume.sizeGb,
        volume.imageMetadata,
        volume.attachments,
      ],
      [true, '2026-01-02T03:04:05.600Z', 3, null, []],
    );
  });

  it('have versions that are numbers and not words', () => {
    assert.deepEqual(
      [isAtLeast('3.68', '3.68'), isAtLeast('3.7', '3.68'), isAtLeast('3.100', '3.68'), isAtLeast('4.0', '3.68')],
      [true, false, true, true],
    );
  });
});
