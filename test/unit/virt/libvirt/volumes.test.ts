// The volumes of a definition are found by their ids, and another program's definition is told from one of ours.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readVolumes } from '../../../../src/virt/libvirt/volumes.ts';

const domain = (metadata: string): string => `<domain><metadata>${metadata}</metadata><devices>
  <disk type='network' device='disk'><auth username='cinder'><secret type='ceph' uuid='s'/></auth>
    <source protocol='rbd' name='volumes/volume-v'><host name='10.0.0.1' port='6789'/></source>
    <target dev='vdb' bus='virtio'/><serial>v</serial><alias name='virtio-disk1'/></disk>
</devices></domain>`;

describe('the volumes of a definition', () => {
  it('are found as Nova wrote them, and whose it is is known', () => {
    const novas = readVolumes(domain(`<nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'/>`));
    assert.deepEqual([novas.volumes.get('v')?.name, novas.volumes.get('v')?.path, novas.isOurs], ['vdb', '', false]);
    assert.ok(readVolumes(domain(`<xloud:instance xmlns:xloud='urn:xloud:compute:1'/>`)).isOurs);
  });
});
