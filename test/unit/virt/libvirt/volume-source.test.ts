// A volume's source becomes libvirt's words in one place; whatever its storage is called, it stays a name there.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VolumeDisk } from '../../../../src/domain/servers/server-volumes.ts';
import type { IscsiSource, NfsSource, RbdSource, VolumeSource } from '../../../../src/domain/servers/volume-source.ts';
import { volumePlan } from '../../../../src/virt/libvirt/disks.ts';
import { diskXml } from '../../../../src/virt/libvirt/machine/disk.ts';
import { travelXml } from '../../../../src/virt/libvirt/move/travel-xml.ts';
import { isInShare, mountOf } from '../../../../src/virt/libvirt/volume-source.ts';

const ID = '0f2f5f0a-8f0e-4a43-9f3c-0c8d0a5f4d11';
const disk = (source: VolumeSource): VolumeDisk => ({
  ...{ volumeId: ID, readonly: false, bus: 'virtio', name: 'vdb', limits: {}, bootIndex: null },
  ...source,
});
const xmlOf = (source: VolumeSource): string => diskXml(volumePlan('/guests', disk(source), false));

const rbd: RbdSource = {
  ...{ kind: 'rbd', image: 'volumes/volume-1' },
  monitors: [{ host: '10.0.0.1', port: 6789 }],
  auth: { user: 'cinder', secretUuid: '457eb676-33da-42ec-9a8c-9293d545c337' },
};
const iscsi: IscsiSource = {
  ...{ kind: 'iscsi', portal: { host: '10.0.0.9', port: 3260 }, target: 'iqn.2010-10.org:v', lun: 3 },
  ...{ initiator: 'iqn.2008-11.org:node', chap: { user: 'u', password: 'hidden' } },
};
const nfs: NfsSource = { kind: 'nfs', share: '10.0.0.9:/srv', options: '', file: `volume-${ID}`, format: 'raw' };
const TAIL = `<target dev="vdb" bus="virtio"/><serial>${ID}</serial></disk>`;

describe('the source of a volume', () => {
  it('is a file', () => {
    assert.equal(
      xmlOf({ path: '/volumes/<a>', format: 'qcow2' }),
      `<disk type="file" device="disk"><driver name="qemu" type="qcow2" discard="unmap"/><source file="/volumes/&lt;a&gt;"/>${TAIL}`,
    );
  });

  it('is an image of Ceph, with the secret of its user', () => {
    assert.equal(
      xmlOf(rbd),
      '<disk type="network" device="disk"><driver name="qemu" type="raw" discard="unmap"/>' +
        '<auth username="cinder"><secret type="ceph" uuid="457eb676-33da-42ec-9a8c-9293d545c337"/></auth>' +
        `<source protocol="rbd" name="volumes/volume-1"><host name="10.0.0.1" port="6789"/></source>${TAIL}`,
    );
    assert.doesNotMatch(xmlOf({ ...rbd, auth: null }), /auth/);
  });

  it('is a unit of an iSCSI target, whose password is not in it', () => {
    const xml = xmlOf(iscsi);
    assert.equal(
      xml,
      '<disk type="network" device="disk"><driver name="qemu" type="raw" cache="none" discard="unmap"/>' +
        `<auth username="u"><secret type="iscsi" uuid="${ID}"/></auth>` +
        '<source protocol="iscsi" name="iqn.2010-10.org:v/3"><host name="10.0.0.9" port="3260"/>' +
        `<initiator><iqn name="iqn.2008-11.org:node"/></initiator></source>${TAIL}`,
    );
    assert.doesNotMatch(xml, /hidden/);
  });

  it('is a file of a share, which stays in it', () => {
    const { path } = volumePlan('/guests', disk(nfs), false);
    assert.equal(path, `${mountOf('/guests', nfs)}/volume-${ID}`);
    assert.deepEqual([isInShare('/guests', path), isInShare('/guests', '/volumes/x')], [true, false]);
    for (const file of ['..', '../x', 'a/b', '.hidden', '-o', '', 'a\nb'])
      assert.throws(() => xmlOf({ ...nfs, file }), /named a file that is none/, file);
    assert.throws(() => xmlOf({ path: 'volumes/x', format: 'raw' }), /named a path that is none/);
  });

  it("is the other host's where a guest moves as it runs", () => {
    const domain = (one: string) => `<domain><devices>${one}</devices></domain>`;
    const there = { ...iscsi, lun: 9, initiator: 'iqn.2008-11.org:other', chap: { user: 'w', password: 'x' } };
    const moved = travelXml(domain(xmlOf(iscsi)), domain(xmlOf(there)), '/guests/a', '/guests/b');
    assert.match(moved, /name="iqn\.2010-10\.org:v\/9"/);
    assert.match(moved, /<iqn name="iqn\.2008-11\.org:other"\/>/);
    assert.match(moved, /<auth username="w">/);
    assert.equal(moved.match(/<source /g)?.length, 1);
    const file = xmlOf({ path: '/volumes/a', format: 'qcow2' });
    assert.match(travelXml(domain(file), domain(xmlOf(iscsi)), '/guests/a', '/guests/b'), /file="\/volumes\/a"/);
  });
});
