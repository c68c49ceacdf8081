// Servers with volumes of Cinder are taken over where Nova, Cinder and the host say the same of them, given back, and handed back with what
// became of them, on both engines. Nothing of it changes anything at Cinder.

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { attachedVolumes } from '../../src/cloud/cinder-attached.ts';
import { cinderHttp, type CinderHttp } from '../../src/cloud/cinder-http.ts';
import { findClaims } from '../../src/db/claims.ts';
import {
  addServerVolume,
  removeServerVolume,
  updateServerVolume,
  volumesOfServer,
} from '../../src/db/server-volumes.ts';
import { findServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import type { ForeignDisk, ForeignGuest } from '../../src/domain/moving/foreign-guest.ts';
import { novaConnection } from '../../src/domain/moving/nova-volumes.ts';
import { power } from '../../src/domain/servers/servers.ts';
import { applyImport, planImport } from '../../src/ops/moving/apply.ts';
import type { Line, MovingDeps } from '../../src/ops/moving/deps.ts';
import { exportServers, undoImport } from '../../src/ops/moving/give-back.ts';
import { fakeInventory } from '../../src/virt/fake/inventory.ts';
import { type CinderDouble, iscsiInfo, rbdInfo, startCinderDouble } from '../support/cinder-double.ts';
import { engines, freshDatabase, type TestStore } from '../support/database.ts';
import { type NovaFixture, novaFixture } from '../support/nova-fixture.ts';
import { reportHost } from '../support/rows.ts';

type Json = Readonly<Record<string, unknown>>;

const SERVICE = { project: 'service', isAdmin: true, isService: true };
const INITIATOR = 'iqn.1993-08.org.debian:01:host-1';
const SHARE = '10.0.0.5:/exports';

const nfsInfo = ({ id }: Json): Json => ({
  ...{ driver_volume_type: 'nfs', export: SHARE, name: `volume-${String(id)}`, options: null, format: 'raw' },
  ...{ access_mode: 'rw', encrypted: false, qos_specs: null },
});

/** How Nova's driver plugs a volume into a guest. */
function diskOf(volumeId: string, info: Json, target: string): ForeignDisk {
  const plugged = { device: 'disk', format: 'raw', serial: volumeId, target, bus: 'virtio', encrypted: false };
  const other = { protocol: null, name: null };
  switch (info['driver_volume_type']) {
    case 'rbd':
      return { ...plugged, path: null, source: 'network', protocol: 'rbd', name: String(info['name']) };
    case 'nfs': {
      const mount = createHash('md5').update(String(info['export'])).digest('hex');
      return { ...plugged, ...other, path: `/var/lib/nova/mnt/${mount}/${String(info['name'])}`, source: 'file' };
    }
    default:
      return { ...plugged, ...other, path: '/dev/sdc', source: 'block', isThere: true };
  }
}

for (const engine of engines) {
  describe(`moving in with volumes, ${engine}`, () => {
    let store: TestStore;
    let nova: NovaFixture;
    let cinder: CinderDouble;
    let http: CinderHttp;
    let deps: MovingDeps;
    let guests: Map<string, ForeignGuest>;

    beforeEach(async () => {
      [store, nova, guests] = [await freshDatabase(engine), await novaFixture(engine), new Map()];
      cinder = await startCinderDouble({ service: SERVICE });
      http = cinderHttp({
        endpoint: cinder.endpoint,
        serviceToken: async () => 'service',
        serviceProject: async () => SERVICE.project,
      });
      const { facts } = fakeInventory('host-1', {}, { memoryMb: 0, diskGb: 0 });
      const connector = { initiator: INITIATOR, kinds: ['file', 'nfs', 'rbd', 'iscsi'] as const };
      await reportHost(store.database, 'host-1', { facts: { ...facts, connector } });
      deps = {
        ...{ database: store.database, clock: systemClock, api: nova.api, cell0: null, hasNeutron: true },
        cells: [{ name: 'cell1', nova: nova.cell }],
        volumes: { attached: () => attachedVolumes(http) },
        hosts: {
          survey: async (_host, uuid) => guests.get(uuid) ?? null,
          async adopt() {},
          async release() {},
        },
      };
    });
    afterEach(async () => {
      await http.close();
      await cinder.stop();
      await nova.close();
      await store.close();
    });

    interface Wish {
      readonly device?: string;
      readonly info?: (volume: Json, connector: Json) => Json;
      /** Of Nova's row. */
      readonly row?: Json;
      readonly volume?: Json;
      readonly attachment?: object;
      readonly disk?: Partial<ForeignDisk> | null;
    }
    interface Made {
      readonly id: string;
      readonly attachmentId: string;
    }

    /** A volume at Cinder, with its attachment to a server. */
    function atCinder(uuid: string, { device = '/dev/vdb', info = rbdInfo, volume = {}, attachment = {} }: Wish = {}) {
      const [id, attachmentId] = [randomUUID(), randomUUID()];
      const told = { ...info({ id }, { host: 'host-1' }), attachment_id: attachmentId };
      cinder.volumes.set(id, {
        ...{ id, status: 'in-use', size: 3, name: null, description: null, metadata: {}, multiattach: false },
        ...{ encrypted: false, 'os-vol-tenant-attr:tenant_id': 'p', created_at: '2026-01-01T00:00:00.000000' },
        ...volume,
      });
      cinder.attachments.set(attachmentId, {
        ...{ id: attachmentId, volumeId: id, serverUuid: uuid, status: 'attached', host: 'host-1', device },
        info: told,
        ...attachment,
      });
      return { id, attachmentId, told };
    }

    /** The same, with Nova's row of it and its disk in the guest. */
    async function addVolume(uuid: string, wish: Wish = {}): Promise<Made> {
      const { device = '/dev/vdb', row = {}, disk = {} } = wish;
      const { id, attachmentId, told } = atCinder(uuid, wish);
      await nova.add('cell', 'block_device_mapping', {
        ...{ uuid: randomUUID(), instance_uuid: uuid, source_type: 'volume', destination_type: 'volume' },
        ...{ device_type: 'disk', disk_bus: 'virtio', device_name: device, boot_index: null, delete_on_termination: 0 },
        ...{ volume_id: id, attachment_id: attachmentId, tag: null, encrypted: 0 },
        connection_info: JSON.stringify(novaConnection(told, id)),
        ...row,
      });
      const guest = guests.get(uuid);
      if (guest !== undefined && disk !== null) {
        const plugged = { ...diskOf(id, told, device.replace('/dev/', '')), ...disk };
        guests.set(uuid, { ...guest, disks: [...guest.disks, plugged] });
      }
      return { id, attachmentId };
    }

    async function addServer(
      more: Partial<ForeignGuest> = {},
      rows: Parameters<NovaFixture['addServer']>[0] = {},
    ): Promise<string> {
      const uuid = await nova.addServer({ vif: null, ...rows });
      const plugged = { device: 'disk', format: 'qcow2', source: 'file', serial: null, target: 'vda', bus: 'virtio' };
      guests.set(uuid, {
        ...{ uuid, name: 'instance-00000001', powerState: power.running, dir: `/instances/${uuid}` },
        ...{ current: { vcpus: 2, memoryMb: 2048 }, maximum: { vcpus: 2, memoryMb: 2048 } },
        disks: [{ ...plugged, path: `/instances/${uuid}/disk` }],
        ...{ interfaces: [], hostDevices: 0, hasTpm: false, ours: false },
        ...more,
      });
      return uuid;
    }
    /** One that boots from a volume. */
    async function addRooted(wish: Wish = {}): Promise<Made & { readonly uuid: string }> {
      const uuid = await addServer({ disks: [] });
      const row = { boot_index: 0, source_type: 'image', delete_on_termination: 1, ...wish.row };
      return { uuid, ...(await addVolume(uuid, { device: '/dev/vda', ...wish, row })) };
    }

    const all = async (lines: AsyncIterable<Line>): Promise<ReadonlyMap<string, Line>> => {
      const found = new Map<string, Line>();
      for await (const line of lines) if (line.kind === 'server') found.set(line.name, line);
      return found;
    };
    const apply = () => all(applyImport(deps));
    const idOf = async (uuid: string): Promise<number> => (await findServer(deps.database.read, uuid))?.id ?? 0;
    const volumesOf = async (uuid: string) => volumesOfServer(deps.database.read, await idOf(uuid));
    const rowsOf = async (uuid: string) =>
      (await nova.rows('cell', 'block_device_mapping')).filter((row) => row['instance_uuid'] === uuid);
    /** What was asked of Cinder that is more than looking. */
    const changes = () => cinder.asked.filter(({ method }) => method !== 'GET');

    it('has their volumes with the attachments that they had, and changes nothing at Cinder', async () => {
      const uuid = await addServer();
      const data = await addVolume(uuid, { row: { tag: 'blue', delete_on_termination: 1 } });
      const share = await addVolume(uuid, { device: '/dev/vdc', info: nfsInfo });
      const { uuid: rooted, ...root } = await addRooted();
      assert.equal((await all(planImport(deps))).get(uuid)?.verdict, 'adopt');
      for (const { verdict, why } of (await apply()).values()) assert.equal(verdict, 'adopted', why.join());

      const [first, second] = await volumesOf(uuid);
      assert.deepEqual(
        [first?.volumeId, first?.attachmentId, first?.device, first?.tag, first?.deleteOnTermination, first?.bootIndex],
        [data.id, data.attachmentId, '/dev/vdb', 'blue', true, null],
      );
      const { disk } = first ?? {};
      assert.ok(disk?.kind === 'rbd');
      assert.deepEqual([disk.image, disk.name, disk.bus], [`volumes/volume-${data.id}`, 'vdb', 'virtio']);
      assert.deepEqual(disk.monitors[0], { host: '10.0.0.1', port: 6789 });
      assert.equal(disk.auth?.user, 'cinder');
      assert.deepEqual([second?.volumeId, second?.disk?.kind], [share.id, 'nfs']);
      const server = await findServer(deps.database.read, rooted);
      assert.deepEqual([server?.imageRef, server?.image?.id], ['', '']);
      assert.equal(server?.image?.properties['hw_machine_type'], 'pc');
      const [own] = await volumesOf(rooted);
      assert.deepEqual([own?.volumeId, own?.bootIndex, own?.deleteOnTermination], [root.id, 0, true]);
      // its root disk is none of its host's
      const claims = await findClaims(deps.database.read, [await idOf(uuid), await idOf(rooted)]);
      assert.deepEqual(
        [...claims.values()].map(({ diskGb }) => diskGb).toSorted((a, b) => a - b),
        [0, 20],
      );

      for (const { verdict, why } of (await all(undoImport(deps))).values()) assert.equal(verdict, 'adopt', why.join());
      assert.deepEqual(await deps.database.read('server_volumes').select('*'), []);
      assert.deepEqual(changes(), []);
      assert.equal((await apply()).get(uuid)?.verdict, 'adopted');
    });

    it('asks Cinder as often as it has pages, however many servers there are', async () => {
      const uuids: string[] = [];
      for (let n = 0; n < 5; n += 1) {
        const uuid = await addServer();
        uuids.push(uuid);
        await addVolume(uuid);
      }
      cinder.longestPage = 2;
      for (const { verdict } of (await apply()).values()) assert.equal(verdict, 'adopted');
      // three pages and the end of each list
      assert.equal(cinder.asked.length, 8);
      await all(undoImport(deps));
      assert.equal(cinder.asked.length, 8);
      // nothing is asked for servers that have none
      cinder.asked.length = 0;
      guests.clear();
      await store.close();
      store = await freshDatabase(engine);
      deps = { ...deps, database: store.database };
      await nova.cell.database.write('block_device_mapping').delete();
      await all(planImport(deps));
      assert.equal(cinder.asked.length, 0);
    });

    it('stays with what to configure, where volumes are not those of Cinder here, and with why it cannot be asked', async () => {
      const uuid = await addServer();
      await addVolume(uuid);
      const without = (await all(applyImport({ ...deps, volumes: null }))).get(uuid);
      assert.deepEqual(without?.why, ['it has 1 volume(s) of Cinder: set volume.service: cinder']);
      cinder.failAt(1, 'refused');
      const away = (await apply()).get(uuid);
      assert.deepEqual([away?.verdict, away?.why], ['refuse', ['The volume service is not available now.']]);
      assert.equal((await apply()).get(uuid)?.verdict, 'adopted');
    });

    it('believes no row of Nova that Cinder does not confirm', async () => {
      const victim = await addServer();
      const theirs = await addVolume(victim, { volume: { 'os-vol-tenant-attr:tenant_id': 'victims' } });
      const refused: (readonly [string, RegExp])[] = [[victim, /another project than the server/]];
      const odd = async (wish: Wish, why: RegExp) => {
        const uuid = await addServer();
        await addVolume(uuid, wish);
        refused.push([uuid, why]);
      };
      await odd({ row: { volume_id: theirs.id } }, /is that of another volume/);
      const other = { connection_info: JSON.stringify(novaConnection(rbdInfo({ id: theirs.id }), theirs.id)) };
      await odd({ row: { ...other, volume_id: theirs.id } }, /attachment in Cinder is that of another volume/);
      await odd(
        { row: { ...other, volume_id: theirs.id, attachment_id: theirs.attachmentId } },
        /that of another server/,
      );
      // a connection that is another volume's, under this one's name
      const lie = (info: Json): Wish => ({
        row: { connection_info: JSON.stringify({ driver_volume_type: info['driver_volume_type'], data: info }) },
      });
      await odd(lie(rbdInfo({ id: theirs.id })), /differs from that of its attachment/);
      await odd(lie({ ...nfsInfo({ id: 'x' }), name: '../../../../etc/shadow' }), /names no file of a share/);
      await odd(lie({ driver_volume_type: 'local', device_path: '/dev/sda' }), /hosts know rbd, iscsi and nfs/);
      await odd({ row: { connection_info: '{' } }, /cannot be read/);
      await odd({ row: { connection_info: null } }, /cannot be read/);
      await odd({ row: { connection_info: `{"a": "${'x'.repeat(70_000)}"}` } }, /too long/);
      await odd({ row: { attachment_id: randomUUID() } }, /Cinder has no attachment/);
      await odd({ row: { attachment_id: null } }, /before Queens/);
      await odd({ row: { attachment_id: '../volumes' } }, /is not a UUID/);
      await odd({ row: { volume_id: '../x' } }, /has no id of it/);
      await odd({ row: { device_name: '/dev/../etc' } }, /device name in Nova is not supported/);
      await odd({ row: { disk_bus: 'sata' } }, /on bus sata/);
      await odd({ row: { device_type: 'lun' } }, /it is a lun/);
      await odd({ row: { encrypted: 1 } }, /encrypted/);
      await odd({ volume: { encrypted: true } }, /encrypted/);
      await odd({ volume: { status: 'detaching' } }, /not in use in Cinder/);
      await odd({ attachment: { status: 'attaching' } }, /attachment in Cinder is attaching/);
      await odd({ attachment: { host: 'host-2' } }, /in Cinder it is attached to host host-2/);
      await odd({ attachment: { serverUuid: null } }, /that of another server/);
      const unreachable = (info: Json): Wish => ({ info: (volume) => ({ ...rbdInfo(volume), ...info }) });
      await odd(unreachable({ driver_volume_type: 'fibre_channel' }), /reached by fibre_channel/);
      await odd(unreachable({ secret_uuid: null }), /no user or no secret/);
      await odd(unreachable({ multipath_id: 'x' }), /multipath/);

      const shared = await addServer();
      const { id } = await addVolume(shared, { volume: { multiattach: true } });
      const more = {
        volumeId: id,
        serverUuid: victim,
        status: 'attached',
        host: 'host-1',
        device: '/dev/vdx',
        info: {},
      };
      cinder.attachments.set('another', { id: 'another', ...more } as never);
      refused.push([shared, /multiattach/]);
      const leftover = await addServer();
      await addVolume(leftover);
      atCinder(leftover);
      refused.push([leftover, /that Nova does not have/]);
      const twice = await addServer();
      await addVolume(twice);
      await addVolume(twice);
      refused.push([twice, /two of its volumes are \/dev\/vdb/]);

      for (const lines of [await all(planImport(deps)), await apply()])
        for (const [uuid, why] of refused) {
          const line = lines.get(uuid);
          assert.equal(line?.verdict, 'refuse', String(why));
          assert.match(line?.why.join('; ') ?? '', why);
        }
      assert.deepEqual(await deps.database.read('server_volumes').select('*'), []);
      assert.deepEqual(changes(), []);
    });

    it('comes with those volumes alone that its guest has, as Nova plugs them', async () => {
      const refused: (readonly [string, RegExp])[] = [];
      const odd = async (disk: Wish['disk'], why: RegExp, more: Wish = {}) => {
        const uuid = await addServer();
        await addVolume(uuid, { ...more, disk: disk ?? null });
        refused.push([uuid, why]);
      };
      await odd(null, /its guest does not have it/);
      await odd({ name: 'volumes/volume-other' }, /something else in its place \(volumes\/volume-other\)/);
      await odd({ target: 'vdz' }, /it is vdz \(virtio\) in its guest/);
      await odd({ device: 'cdrom' }, /it is a cdrom/);
      await odd({ encrypted: true }, /encrypted/);
      await odd({ path: '/var/lib/nova/mnt/x/other' }, /something else/, { info: nfsInfo });
      await odd({}, /Nova logged in to its target: stop the server there/, { info: iscsiInfo });
      const strange = await addServer();
      await addVolume(strange);
      const guest = guests.get(strange);
      assert.ok(guest !== undefined);
      guests.set(strange, { ...guest, disks: [...guest.disks, diskOf(randomUUID(), rbdInfo({ id: 'x' }), 'vdd')] });
      refused.push([strange, /one of its disk devices is not a file \(network\)/]);
      const old = await addServer();
      await addVolume(old);
      const told = guests.get(old);
      assert.ok(told !== undefined);
      const silent = told.disks.map(({ path, device, format, source }) => ({ path, device, format, source }));
      guests.set(old, { ...told, disks: silent });
      refused.push([old, /agent does not report volumes/]);

      const lines = await apply();
      for (const [uuid, why] of refused) {
        assert.equal(lines.get(uuid)?.verdict, 'refuse', String(why));
        assert.match(lines.get(uuid)?.why.join('; ') ?? '', why);
      }
    });

    it('comes with a volume behind an iSCSI target once it is off and its host has no device of it', async () => {
      const uuid = await addServer({ powerState: power.shutdown }, { instance: { vm_state: 'stopped' } });
      const { id } = await addVolume(uuid, { info: iscsiInfo });
      assert.match((await apply()).get(uuid)?.why.join() ?? '', /log the host out/);
      const guest = guests.get(uuid);
      assert.ok(guest !== undefined);
      guests.set(uuid, { ...guest, disks: guest.disks.map((disk) => ({ ...disk, isThere: false })) });
      assert.equal((await apply()).get(uuid)?.verdict, 'adopted');
      const [volume] = await volumesOf(uuid);
      assert.ok(volume?.disk?.kind === 'iscsi');
      assert.deepEqual([volume.volumeId, volume.disk.initiator], [id, INITIATOR]);
      assert.deepEqual(volume.disk.chap, { user: 'chap-user', password: 'secret-of-host-1' });
      const kept = JSON.stringify(await deps.database.read('nova_imports').select('*'));
      assert.ok(!kept.includes('secret-of-host-1'), 'its password is in no record');
    });

    it('goes back with volumes that came here and without those that went', async () => {
      const uuid = await addServer();
      const [stays, goes] = [await addVolume(uuid), await addVolume(uuid, { device: '/dev/vdc' })];
      await apply();
      const { database } = deps;
      const id = await idOf(uuid);
      const [before] = await volumesOf(uuid);
      assert.ok(before?.disk?.kind === 'rbd');
      // as detaching and attaching leave rows and Cinder
      cinder.attachments.delete(goes.attachmentId);
      const came = atCinder(uuid, { device: '/dev/vdd' });
      const disk = { ...before.disk, volumeId: came.id, name: 'vdd', image: `volumes/volume-${came.id}` };
      await tx(database, async (t) => {
        await removeServerVolume(t, id, goes.id);
        const made = { ...before, disk, volumeId: came.id, attachmentId: came.attachmentId, device: '/dev/vdd' };
        await addServerVolume(t, id, { ...made, tag: 'new', deleteOnTermination: false });
        await updateServerVolume(t, id, stays.id, { deleteOnTermination: true });
      });
      const guest = guests.get(uuid);
      assert.ok(guest !== undefined);
      const plugged = guest.disks.filter(({ serial }) => serial !== goes.id);
      guests.set(uuid, { ...guest, disks: [...plugged, diskOf(came.id, came.told, 'vdd')] });
      assert.match((await all(undoImport(deps))).get(uuid)?.why.join() ?? '', /changed here \(its volumes\)/);
      const planned = (await all(exportServers(deps, false, null))).get(uuid);
      assert.deepEqual([planned?.verdict, planned?.why], ['change', ['its volumes']]);
      const line = (await all(exportServers(deps, true, null))).get(uuid);
      assert.equal(line?.verdict, 'adopt', line?.why.join());

      const rows = new Map((await rowsOf(uuid)).map((row) => [row['volume_id'], row]));
      assert.deepEqual([rows.get(stays.id)?.['deleted'], rows.get(stays.id)?.['delete_on_termination']], [0, 1]);
      assert.equal(rows.get(goes.id)?.['deleted'], rows.get(goes.id)?.['id']);
      const made = rows.get(came.id);
      assert.deepEqual(
        [made?.['attachment_id'], made?.['device_name'], made?.['tag'], made?.['volume_size'], made?.['deleted']],
        [came.attachmentId, '/dev/vdd', 'new', 3, 0],
      );
      assert.equal(made?.['source_type'], 'volume');
      assert.deepEqual(JSON.parse(String(made?.['connection_info'])), novaConnection(came.told, came.id));
      assert.equal(await findServer(database.read, uuid), null);
      assert.deepEqual(changes(), []);
      // and may come once more, with what it has by now
      const again = (await apply()).get(uuid);
      assert.equal(again?.verdict, 'adopted', again?.why.join());
    });

    it('stays where Nova could not go on with its volumes', async () => {
      const [lost, opened, away] = [await addServer(), await addServer(), await addServer()];
      const gone = await addVolume(lost);
      const share = await addVolume(opened, { info: nfsInfo });
      await addVolume(away);
      await apply();
      cinder.attachments.delete(gone.attachmentId);
      // after a start of ours the share is mounted elsewhere
      const guest = guests.get(opened);
      assert.ok(guest !== undefined);
      const path = `/instances/_mounts/x/volume-${share.id}`;
      guests.set(opened, {
        ...guest,
        disks: guest.disks.map((disk) => (disk.serial === null ? disk : { ...disk, path })),
      });
      const lines = await all(exportServers(deps, true, new Set([lost, opened])));
      assert.match(lines.get(lost)?.why.join() ?? '', /Cinder has no attachment/);
      assert.match(lines.get(opened)?.why.join() ?? '', /in a way that Nova does not know: stop/);
      const without = await all(exportServers({ ...deps, volumes: null }, true, new Set([away])));
      assert.match(without.get(away)?.why.join() ?? '', /volume\.service: cinder/);
      for (const uuid of [lost, opened, away]) assert.ok((await findServer(deps.database.read, uuid)) !== null);
      guests.set(opened, { ...guest, powerState: power.shutdown });
      assert.equal((await all(exportServers(deps, true, new Set([opened])))).get(opened)?.verdict, 'adopt');
    });
  });
}
