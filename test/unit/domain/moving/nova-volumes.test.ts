// A row of Nova's is a volume of ours, or says why it is none; what Cinder says of it comes before what Nova says.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  type ForeignDisk,
  type ForeignGuest,
  guestProblems,
  returnProblem,
} from '../../../../src/domain/moving/foreign-guest.ts';
import { readImage } from '../../../../src/domain/moving/nova-image.ts';
import type { NovaRow } from '../../../../src/domain/moving/nova-rows.ts';
import {
  type AttachedVolume,
  attachmentProblem,
  hasVolumeRoot,
  novaConnection,
  readVolumes,
  unknownAttachments,
} from '../../../../src/domain/moving/nova-volumes.ts';
import type { VolumeDisk } from '../../../../src/domain/servers/server-volumes.ts';
import { power, type PowerState } from '../../../../src/domain/servers/servers.ts';

const [VOLUME, ATTACHMENT] = ['f4bbe8be-8cdb-4a22-b574-e076684b4dd0', '0a4bbe8b-8cdb-4a22-b574-e076684b4dd1'];
const rbd = { driver_volume_type: 'rbd', name: `volumes/volume-${VOLUME}`, hosts: ['10.0.0.1'], ports: ['6789'] };

const row = (more: NovaRow = {}): NovaRow => ({
  ...{ source_type: 'volume', destination_type: 'volume', device_type: 'disk', disk_bus: 'scsi' },
  ...{ device_name: '/dev/sdb', boot_index: -1, delete_on_termination: 1, tag: 'blue', encrypted: 0 },
  ...{ volume_id: VOLUME, attachment_id: ATTACHMENT, created_at: '2026-01-02 03:04:05' },
  connection_info: JSON.stringify(novaConnection(rbd, VOLUME)),
  ...more,
});
const problems = (...rows: readonly NovaRow[]): string => readVolumes({ blockDevices: rows }).problems.join('; ');

describe('a volume of Nova', () => {
  it('is read as it stands, and its connection in one level, as Cinder tells it', () => {
    const { volumes, problems: none } = readVolumes({ blockDevices: [row(), { destination_type: 'local' }] });
    assert.deepEqual(none, []);
    assert.deepEqual(volumes, [
      {
        ...{ volumeId: VOLUME, attachmentId: ATTACHMENT, device: '/dev/sdb', bus: 'scsi', bootIndex: null },
        ...{ deleteOnTermination: true, tag: 'blue', createdAt: Date.parse('2026-01-02T03:04:05Z') },
        connectionInfo: rbd,
      },
    ]);
  });

  it('is a root disk by its boot index alone', () => {
    assert.ok(hasVolumeRoot({ blockDevices: [row({ boot_index: 0, source_type: 'image' })] }));
    assert.ok(!hasVolumeRoot({ blockDevices: [row(), { destination_type: 'local', boot_index: 0 }] }));
    const kept = { image_hw_machine_type: 'q35', image_min_ram: '64', image_min_disk: '5' };
    const image = readImage('image', kept, true);
    assert.deepEqual([image?.id, image?.minDiskGb, image?.minRamMb], ['', 0, 64]);
    assert.equal(image?.properties['hw_machine_type'], 'q35');
    assert.equal(readImage('', kept, false), null);
  });

  it('may be anything, and is then refused', () => {
    for (const connection_info of [null, '', '[]', '{', '{"data": 7}', 'null', `"${'x'.repeat(70_000)}"`])
      assert.match(problems(row({ connection_info })), /its connection_info in Nova/);
    for (const volume_id of [null, '', '../../x', 7]) assert.match(problems(row({ volume_id })), /no id of it/);
    for (const device_name of [null, '/dev/../x', 'vdb', '/dev/vdabc', '/dev/vdb\n'])
      assert.match(problems(row({ device_name, disk_bus: null })), /device name in Nova is not supported/);
    assert.match(problems(row({ tag: 'x'.repeat(61) })), /tag is too long/);
    const wide = JSON.stringify(novaConnection({ ...rbd, logical_block_size: '4096' }, VOLUME));
    assert.match(problems(row({ connection_info: wide })), /blocks have 4096 bytes/);
    assert.match(problems(row(), row()), /twice.*attachment.*\/dev\/sdb/);
    const roots = [row({ boot_index: 0 }), row({ boot_index: 0 })];
    assert.match(problems(...roots), /two of its volumes are its root disk/);
  });
});

describe('an attachment at Cinder', () => {
  const volume = { projectId: 'p', sizeGb: 1, isEncrypted: false, isShared: false, servers: 1, host: 'h' };
  const attached = (more: Partial<AttachedVolume> = {}): AttachedVolume => ({
    ...{ id: ATTACHMENT, volumeId: VOLUME, serverUuid: 's', status: 'attached', connectionInfo: rbd, volume },
    ...more,
  });
  const server = { uuid: 's', projectId: 'p', host: 'h' };
  const why = (more: Partial<AttachedVolume> | null): string | null =>
    attachmentProblem({ volumeId: VOLUME, attachmentId: ATTACHMENT }, more === null ? null : attached(more), server);

  it('is the one of this server, volume, project and host, or the volume stays', () => {
    assert.equal(why({}), null);
    // a Cinder that does not say at which host
    assert.equal(why({ volume: { ...volume, host: null } }), null);
    assert.equal(why({ volume: { ...volume, isShared: true } }), null);
    assert.match(why(null) ?? '', /has no attachment/);
    assert.match(why({ volumeId: 'x' }) ?? '', /that of another volume/);
    assert.match(why({ serverUuid: 'x' }) ?? '', /that of another server/);
    assert.match(why({ serverUuid: null }) ?? '', /that of another server/);
    assert.match(why({ status: 'reserved' }) ?? '', /is reserved/);
    assert.match(why({ volume: null }) ?? '', /not in use/);
    assert.match(why({ volume: { ...volume, projectId: 'x' } }) ?? '', /another project/);
    assert.match(why({ volume: { ...volume, host: 'x' } }) ?? '', /to host x/);
    assert.match(why({ volume: { ...volume, isShared: true, servers: 2 } }) ?? '', /multiattach/);
  });

  it('is told where Nova does not know it', () => {
    assert.deepEqual(unknownAttachments([{ attachmentId: ATTACHMENT }], [attached()]), []);
    assert.equal(unknownAttachments([], [attached()]).length, 1);
  });
});

describe('a guest with a volume', () => {
  const share = { kind: 'nfs', share: 'nas:/x', options: '', file: 'volume-x', format: 'raw' } as const;
  const monitors = [{ host: '10.0.0.1', port: 6789 }];
  const sources = {
    rbd: { kind: 'rbd', image: rbd.name, monitors, auth: null },
    nfs: share,
    iscsi: { kind: 'iscsi', portal: { host: 'a', port: 3260 }, target: 't', lun: 1, initiator: 'i', chap: null },
  } as const;
  const plugged = { readonly: false, bus: 'virtio', name: 'vdb', limits: {}, bootIndex: null } as const;
  const mount = createHash('md5').update(share.share).digest('hex');
  const as = { device: 'disk', format: 'raw', serial: VOLUME, target: 'vdb', bus: 'virtio' };
  const novas: Readonly<Record<keyof typeof sources, ForeignDisk>> = {
    rbd: { ...as, path: null, source: 'network', protocol: 'rbd', name: rbd.name },
    nfs: { ...as, path: `/var/lib/nova/mnt/${mount}/volume-x`, source: 'file' },
    iscsi: { ...as, path: '/dev/sdb', source: 'block', isThere: true },
  };
  const root = { device: 'disk', format: 'qcow2', source: 'file', serial: null, path: '/i/u/disk' };
  const guest = (disk: ForeignDisk, powerState: PowerState): ForeignGuest => ({
    ...{ uuid: 'u', name: 'instance-1', powerState, dir: '/i/u', hostDevices: 0, hasTpm: false, ours: false },
    ...{ current: { vcpus: 1, memoryMb: 1 }, maximum: { vcpus: 1, memoryMb: 1 } },
    ...{ disks: [root, disk], interfaces: [] },
  });
  const volumeOf = (kind: keyof typeof sources): VolumeDisk => ({ volumeId: VOLUME, ...plugged, ...sources[kind] });
  const why = (kind: keyof typeof sources, more: Partial<ForeignDisk> = {}, state: PowerState = power.running) =>
    guestProblems(guest({ ...novas[kind], ...more }, state), [], [volumeOf(kind)]).join('; ');

  it('is taken over where Nova plugged that volume, and a device of its host is never left behind', () => {
    assert.deepEqual([why('rbd'), why('nfs')], ['', '']);
    assert.match(why('iscsi'), /log the host out/);
    assert.match(why('iscsi', {}, power.shutdown), /log the host out/);
    assert.match(why('iscsi', { isThere: false }), /log the host out/);
    assert.equal(why('iscsi', { isThere: false }, power.shutdown), '');
    for (const path of [`/x/${mount}/volume-y`, '/x/volume-x', `/x/${mount}0/volume-x`])
      assert.match(why('nfs', { path }), /something else/);
    assert.match(why('rbd', { protocol: 'iscsi' }), /something else/);
    assert.match(why('rbd', { serial: 'another' }), /its guest does not have it/);
  });

  it('has no root disk of its own beside a root volume', () => {
    const boots = { ...volumeOf('rbd'), bootIndex: 0 };
    assert.match(guestProblems(guest(novas.rbd, power.running), [], [boots]).join(), /besides its root volume/);
    const own = { ...guest(novas.rbd, power.running), disks: [novas.rbd] };
    assert.deepEqual(guestProblems(own, [], [boots]), []);
    assert.match(guestProblems(own, [], [volumeOf('rbd')]).join(), /no root disk/);
  });

  it('goes back as Nova would have plugged it, or off', () => {
    for (const kind of ['rbd', 'nfs', 'iscsi'] as const)
      assert.equal(returnProblem(volumeOf(kind), guest(novas[kind], power.running)), null);
    const opened = { ...novas.iscsi, source: 'network', protocol: 'iscsi' };
    assert.match(returnProblem(volumeOf('iscsi'), guest(opened, power.running)) ?? '', /stop the server first/);
    assert.equal(returnProblem(volumeOf('iscsi'), guest(opened, power.shutdown)), null);
  });
});
