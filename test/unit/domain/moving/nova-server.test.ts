// A server of Nova's becomes one of ours field by field, and what cannot come along is named.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ForeignGuest, guestProblems, tapName } from '../../../../src/domain/moving/foreign-guest.ts';
import { readNics } from '../../../../src/domain/moving/nova-network.ts';
import { jsonIn, type NovaServer, textIn, timeIn } from '../../../../src/domain/moving/nova-rows.ts';
import { asFound, changesOf, readServer, serverProblems } from '../../../../src/domain/moving/nova-server.ts';
import { power } from '../../../../src/domain/servers/servers.ts';
import { flavorCell, MAC, PORT, vifCell } from '../../../support/nova-fixture.ts';

const nova = (more: Partial<NovaServer> = {}, instance: object = {}): NovaServer => ({
  instance: {
    ...{ uuid: 'f4bbe8be-8cdb-4a22-b574-e076684b4dd0', project_id: 'p', user_id: 'u', vm_state: 'active', host: 'h' },
    ...{ created_at: '2026-01-02 03:04:05', image_ref: 'image', power_state: 1, config_drive: 'True' },
    ...instance,
  },
  extra: { flavor: flavorCell({}, { minimum_cpu: '1' }) },
  networkInfo: JSON.stringify([vifCell()]),
  metadata: {},
  systemMetadata: { image_disk_format: 'qcow2', image_hw_disk_bus: 'scsi', owner: 'x', locked_reason: 'mine' },
  tags: [],
  blockDevices: [],
  pciDevices: 0,
  moves: [],
  requestSpec: null,
  group: null,
  ...more,
});

describe('a server of Nova', () => {
  it('is one of ours, with its image as it was and all of its flavor', () => {
    assert.deepEqual(serverProblems(nova()), []);
    const { server, kernel } = readServer(nova({}, { kernel_id: 'k' }));
    assert.deepEqual(server.image?.properties, { hw_disk_bus: 'scsi' });
    assert.deepEqual([server.currentVcpus, server.bootMemoryMb, server.configDrive], [2, 2048, true]);
    assert.deepEqual([server.lockedReason, kernel?.id, kernel?.diskFormat], ['mine', 'k', 'aki']);
  });

  it('is what its host says of its guest, and not ours before its next start', () => {
    const { server } = readServer(nova());
    assert.equal(asFound(server, power.running).flavor.startedElsewhere, true);
    const off = asFound(server, power.shutdown);
    assert.deepEqual([off.vmState, off.flavor.startedElsewhere], ['stopped', undefined]);
    assert.match(changesOf(readServer(nova())).join(), /after its next start/);
    assert.deepEqual(changesOf(readServer(nova({ extra: { flavor: flavorCell() } }))), []);
  });

  it('stays, where its row says so, for each of its reasons', () => {
    const problems = serverProblems(
      nova({ pciDevices: 1, moves: ['running'] }, { task_state: 'deleting', host: null }),
    );
    assert.equal(problems.length, 4, problems.join('; '));
    assert.match(serverProblems(nova({ extra: {} })).join(), /flavor in Nova cannot be read/);
    assert.match(serverProblems(nova({}, { vm_state: 'odd' })).join(), /its state is odd/);
  });
});

describe("a server's network info", () => {
  it('is its ports: what Nova made goes with the server, what it was given stays', () => {
    const [nic] = readNics([vifCell()]).nics;
    assert.deepEqual([nic?.portId, nic?.mac, nic?.network.mtu, nic?.preexisting], [PORT, MAC, 1442, false]);
    assert.equal(nic?.vifDetails['bridge_name'], 'br-int');
    assert.equal(nic?.fixedIps[0]?.address, '10.0.0.9');
    assert.equal(readNics([vifCell({ preserve_on_delete: true })]).nics[0]?.preexisting, true);
  });

  it('may be anything, and is then none', () => {
    for (const cell of [null, '', '{', '[1, null]', '{"a": 1}']) assert.doesNotThrow(() => readNics(cell));
    assert.deepEqual(readNics(null).nics, []);
  });
});

describe('a guest on its host', () => {
  const uuid = 'f4bbe8be-8cdb-4a22-b574-e076684b4dd0';
  const dir = `/instances/${uuid}`;
  const guest = (more: Partial<ForeignGuest> = {}): ForeignGuest => ({
    ...{ uuid, name: 'instance-1', powerState: power.running, dir, hostDevices: 0, hasTpm: false, ours: false },
    ...{ current: { vcpus: 1, memoryMb: 1 }, maximum: { vcpus: 1, memoryMb: 1 } },
    disks: [
      { path: `${dir}/disk`, device: 'disk', format: 'qcow2', source: 'file' },
      { path: `${dir}/disk.config`, device: 'cdrom', format: 'raw', source: 'file' },
      { path: null, device: 'cdrom', format: 'raw', source: 'empty' },
    ],
    interfaces: [{ mac: MAC, type: 'ethernet', portId: null, device: tapName(PORT) }],
    ...more,
  });
  const why = (more: Partial<ForeignGuest>, macs = [MAC]): string => guestProblems(guest(more), macs).join('; ');

  it('is taken over as Nova makes it, plugged by Nova or by libvirt', () => {
    assert.equal(why({}), '');
    assert.equal(why({ interfaces: [{ mac: MAC.toUpperCase(), type: 'bridge', portId: PORT, device: 'vnet0' }] }), '');
  });

  it('stays with disks elsewhere, others beside its own, and devices', () => {
    const disk = { device: 'disk', format: 'qcow2', source: 'file' };
    assert.match(why({ disks: [{ ...disk, path: '/elsewhere/disk' }] }), /instances_path; it has no root disk/);
    assert.match(
      why({
        disks: [
          { ...disk, path: `${dir}/disk` },
          { ...disk, path: `${dir}/disk.swap` },
        ],
      }),
      /disk\.swap/,
    );
    assert.match(why({ disks: [{ ...disk, path: `${dir}0/disk` }] }), /is not in/);
    assert.match(why({ disks: [{ ...disk, path: null, source: 'network' }] }), /not a file \(network\)/);
    assert.match(why({ hostDevices: 1, hasTpm: true }), /PCI, SR-IOV.*TPM/);
    assert.match(why({}, [MAC, 'fa:16:3e:00:00:01']), /not plugged in: fa:16:3e:00:00:01/);
    assert.match(why({}, []), /Nova does not have/);
    assert.match(why({ interfaces: [{ mac: MAC, type: 'hostdev', portId: null, device: null }] }), /Open vSwitch/);
  });
});

describe('a cell of a row', () => {
  it('is read whatever the engine gives for it', () => {
    const at = Date.parse('2026-01-02T03:04:05Z');
    for (const cell of [new Date(at), '2026-01-02 03:04:05', '2026-01-02T03:04:05+00:00'])
      assert.equal(timeIn({ a: cell }, 'a'), at);
    assert.equal(timeIn({ a: 'never' }, 'a'), null);
    assert.equal(textIn({ a: Buffer.from('é') }, 'a'), 'é');
    assert.equal(jsonIn('{'), null);
  });
});
