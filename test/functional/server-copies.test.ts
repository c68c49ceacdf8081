// Snapshots and backups of servers: made, told of, put back, verified and let go; what is refused, what breaks, and what is left.

import assert from 'node:assert/strict';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { limits } from '../../src/base/limits.ts';
import { copiesOfServer } from '../../src/db/server-copies.ts';
import { tx } from '../../src/db/tx.ts';
import { RATE_PARTS } from '../../src/domain/metering/prices.ts';
import { backupSchedules } from '../../src/ops/reconcile/backup-schedules.ts';
import { copyJobs, makeCopySweep } from '../../src/ops/reconcile/copy-jobs.ts';
import type { CallerName } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { testImage } from '../support/neighbours.ts';
import { type Servers, startServers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`snapshots and backups of servers on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, hosts: [{ name: 'host-1' }, { name: 'host-2' }] });
    });
    after(() => servers.close());

    const ask = (method: string, path: string, body?: object, as: CallerName = 'member') =>
      servers.request(method, path, { as, ...(body === undefined ? {} : { body }) });
    const accepted = async (method: string, path: string, body?: object) => {
      const answer = await ask(method, path, body);
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      await servers.world.settled();
      await copyJobs(servers.world.deps);
      return answer.body;
    };
    const storeOf = async (uuid: string) => {
      const server = await servers.world.server(uuid);
      const store = servers.world.drivers.get(server.host ?? '')?.store;
      const guest = store?.get(uuid);
      assert.ok(store !== undefined && guest !== undefined);
      return { store, guest };
    };
    const write = async (uuid: string, disk: string) => {
      const { store, guest } = await storeOf(uuid);
      store.put({ ...guest, disk });
    };
    const diskOf = async (uuid: string) => (await storeOf(uuid)).guest.disk;
    const statusOf = async (uuid: string) => (await ask('GET', `/servers/${uuid}`)).body.server.status;
    const snapshots = (uuid: string, more = '') => `/servers/${uuid}/os-xloud-snapshots${more}`;
    const ofServer = (uuid: string, more = '') => `/servers/${uuid}/os-xloud-backups${more}`;
    const backups = (id = '', more = '') => `/os-xloud-backups${id === '' ? '' : `/${id}`}${more}`;
    const snap = async (uuid: string, more: object = {}) =>
      (await accepted('POST', snapshots(uuid), { snapshot: { name: 's', ...more } })).snapshot.id as string;
    const backUp = async (uuid: string, more: object = {}) => {
      const { id } = (await accepted('POST', ofServer(uuid), { backup: { name: 'b', ...more } })).backup;
      return (await accepted('GET', backups(id))).backup;
    };
    const fileOf = (uuid: string, id: string) => join(servers.world.copiesDir, uuid, `${id}.qcow2`);
    const filesOf = (uuid: string) => readdir(join(servers.world.copiesDir, uuid)).catch(() => []);
    const lastAction = async (uuid: string) =>
      (await ask('GET', `/servers/${uuid}/os-instance-actions`)).body.instanceActions[0] as {
        action: string;
        message: string | null;
      };

    it('a snapshot is made, told of, renamed, gone back to, and deleted', async () => {
      const uuid = await servers.create();
      await write(uuid, 'good');
      const answer = await ask('POST', snapshots(uuid), {
        snapshot: { name: 'first', tags: ['a', 'b'], memory: false },
      });
      assert.equal(answer.status, 202);
      const { id, ...made } = answer.body.snapshot;
      assert.deepEqual([made.name, made.tags, made.status, made.server_id], ['first', ['a', 'b'], 'creating', uuid]);
      await servers.world.settled();
      const shown = (await ask('GET', snapshots(uuid, `/${id}`), undefined, 'reader')).body.snapshot;
      assert.deepEqual(
        [shown.status, shown.live, shown.reason, shown.disk_bytes],
        ['available', true, null, 1024 ** 3],
      );
      assert.match(shown.sha256, /^[0-9a-f]{64}$/);
      assert.equal(await statusOf(uuid), 'ACTIVE');

      const renamed = await ask('PUT', snapshots(uuid, `/${id}`), { snapshot: { description: 'kept', tags: [] } });
      assert.deepEqual(
        [renamed.body.snapshot.name, renamed.body.snapshot.description, renamed.body.snapshot.tags],
        ['first', 'kept', []],
      );

      await write(uuid, 'bad');
      assert.equal((await ask('POST', snapshots(uuid, `/${id}/restore`))).status, 202);
      const busy = await ask('DELETE', snapshots(uuid, `/${id}`));
      await servers.world.settled();
      assert.equal(busy.status, 409, 'what is being restored stays');
      assert.deepEqual([await diskOf(uuid), await statusOf(uuid)], ['good', 'ACTIVE']);
      assert.deepEqual(await lastAction(uuid).then(({ action, message }) => [action, message]), ['restore_disk', null]);

      const byId = `/os-xloud-snapshots/${id}`;
      assert.equal((await ask('GET', byId, undefined, 'reader')).body.snapshot.name, 'first');
      assert.equal((await ask('GET', byId, undefined, 'other')).status, 404);
      assert.equal((await ask('DELETE', byId, undefined, 'other')).status, 404);
      assert.equal((await ask('GET', backups(id))).status, 404, 'a snapshot is no backup');
      await accepted('DELETE', byId);
      assert.deepEqual((await ask('GET', snapshots(uuid))).body, { snapshots: [] });
      assert.deepEqual(await filesOf(uuid), []);
    });

    it('is paid for by its GiB from when it is there until it is gone', async () => {
      const uuid = await servers.create();
      const before = await snap(uuid);
      const prices = { server_snapshot: '0.0002', backup: '0.0001' };
      const priced = await ask('PUT', '/os-xloud-prices', { prices }, 'admin');
      assert.equal(priced.status, 200);
      const backup = await backUp(uuid);
      const { read } = servers.world.database;
      const spansOf = async (id: string) =>
        (await read('priced_spans').where({ subject_id: id }).orderBy('id')).map((row) => ({
          kind: row['kind'] as string,
          rate: Number(row['rate']),
          open: row['ended_at'] === null,
        }));
      const gib = Math.ceil((await read('server_copies').where({ id: before }).first())?.['bytes'] / 1024 ** 3);
      assert.ok(gib >= 1);
      const open = { kind: 'server_snapshot', rate: RATE_PARTS * 200 * gib, open: true };
      assert.deepEqual(await spansOf(before), [open]);
      assert.deepEqual(await spansOf(backup.id), [{ kind: 'backup', rate: RATE_PARTS * 100, open: true }]);
      await accepted('DELETE', backups(backup.id));
      assert.deepEqual(await spansOf(backup.id), [{ kind: 'backup', rate: RATE_PARTS * 100, open: false }]);
      // what goes with its server is paid for no longer
      await accepted('DELETE', `/servers/${uuid}`);
      assert.deepEqual(await spansOf(before), [{ ...open, open: false }]);
      await ask('PUT', '/os-xloud-prices', { prices: { server_snapshot: '0', backup: '0' } }, 'admin');
    });

    it('a stopped server is copied, and stays off when it goes back', async () => {
      const uuid = await servers.create();
      await write(uuid, 'good');
      await accepted('POST', `/servers/${uuid}/action`, { 'os-stop': null });
      const id = await snap(uuid);
      assert.equal((await ask('GET', snapshots(uuid, `/${id}`))).body.snapshot.live, false);
      await write(uuid, 'bad');
      await accepted('POST', snapshots(uuid, `/${id}/restore`));
      assert.deepEqual([await diskOf(uuid), await statusOf(uuid)], ['good', 'SHUTOFF']);
    });

    it('what cannot be given is refused with the reason', async () => {
      const [uuid, other] = [await servers.create(), await servers.create()];
      const memory = await ask('POST', snapshots(uuid), { snapshot: { name: 's', memory: true } });
      assert.equal(memory.status, 501);
      assert.match(JSON.stringify(memory.body), /with memory is not offered/);
      const id = await snap(uuid);
      assert.equal((await ask('GET', snapshots(other, `/${id}`))).status, 404, 'of another server');
      assert.equal((await ask('POST', snapshots(other, `/${id}/restore`))).status, 404);
      assert.equal((await ask('POST', ofServer(uuid, `/${id}/restore`))).status, 404, 'no backup');
      assert.equal((await ask('GET', backups(id))).status, 404);
      for (const path of [snapshots(uuid), snapshots(uuid, `/${id}`), ofServer(uuid)]) {
        assert.equal((await ask('GET', path, undefined, 'other')).status, 404, path);
      }
      assert.equal((await ask('POST', snapshots(uuid), { snapshot: { name: 's', size: 1 } })).status, 400);
      await accepted('POST', `/servers/${uuid}/action`, { 'os-stop': null });
      const quiesced = await ask('POST', snapshots(uuid), { snapshot: { name: 's', quiesce: true } });
      assert.equal(quiesced.status, 409);
    });

    it('backups follow one from the other, and are whole where what changed is not known', async () => {
      const uuid = await servers.create();
      await write(uuid, 'one');
      const full = await backUp(uuid);
      assert.deepEqual([full.kind, full.parent_id, full.chain_id, full.position], ['full', null, full.id, 0]);
      await write(uuid, 'two');
      const second = await backUp(uuid);
      const third = await backUp(uuid);
      assert.deepEqual([second.kind, second.parent_id, second.position], ['incremental', full.id, 1]);
      assert.deepEqual(
        [third.kind, third.parent_id, third.position, third.chain_id],
        ['incremental', second.id, 2, full.id],
      );
      assert.equal((await backUp(uuid, { incremental: false })).kind, 'full', 'as it was asked for');

      assert.equal((await ask('DELETE', backups(second.id))).status, 409, 'another builds on it');
      await write(uuid, 'three');
      await accepted('POST', ofServer(uuid, `/${second.id}/restore`));
      assert.equal(await diskOf(uuid), 'two');
      // the disk is another now, of which nobody knows what changed
      assert.equal((await backUp(uuid)).kind, 'full');
      await accepted('POST', `/servers/${uuid}/action`, { rebuild: { imageRef: servers.world.imageId } });
      assert.equal((await backUp(uuid)).kind, 'full');
      await accepted('POST', `/servers/${uuid}/action`, { 'os-stop': null });
      assert.equal((await backUp(uuid)).kind, 'full', 'nobody notes what changes on a disk at rest');
    });

    it('a chain that is broken is found, is not restored, and nothing more is built on it', async () => {
      const uuid = await servers.create();
      await write(uuid, 'one');
      const chain = [await backUp(uuid), await backUp(uuid), await backUp(uuid)];
      const [full, second, third] = chain.map(({ id }) => id);
      await accepted('POST', backups(third, '/verify'));
      const fine = (await ask('GET', backups(full))).body.backup;
      assert.deepEqual([fine.status, fine.reason, fine.verifying], ['available', null, false]);
      assert.notEqual(fine.verified_at, null, 'with all that it builds on');

      await writeFile(fileOf(uuid, second), 'x'.repeat((await ask('GET', backups(second))).body.backup.file_bytes));
      await accepted('POST', ofServer(uuid, `/${third}/restore`));
      assert.match((await ask('GET', backups(third))).body.backup.reason, /has other bytes than it was made with/);
      assert.deepEqual([await diskOf(uuid), await statusOf(uuid)], ['one', 'ACTIVE'], 'nothing was touched');
      assert.equal((await lastAction(uuid)).message, 'Error');

      await accepted('POST', backups(third, '/verify'));
      const seen = await Promise.all(
        [full, second, third].map(async (id) => (await ask('GET', backups(id))).body.backup),
      );
      assert.deepEqual(
        seen.map(({ status }) => status),
        ['available', 'error', 'error'],
      );
      assert.match(seen[2].reason, new RegExp(`^Broken: ${second} has other bytes`));
      assert.equal((await ask('POST', ofServer(uuid, `/${third}/restore`))).status, 409);
      assert.equal((await backUp(uuid)).kind, 'full');
      await accepted('POST', ofServer(uuid, `/${full}/restore`));
      assert.equal(await diskOf(uuid), 'one', 'what lies before it is good');
    });

    it('what shall go waits for nobody who has much verified', async () => {
      const uuid = await servers.create();
      const ids: string[] = [];
      while (ids.length <= limits.copyJobsAtOnce + 1) ids.push((await backUp(uuid, { incremental: false })).id);
      const [going = '', ...verified] = ids;
      for (const id of verified) assert.equal((await ask('POST', backups(id, '/verify'))).status, 202);
      assert.equal((await ask('DELETE', backups(going))).status, 202);
      await copyJobs(servers.world.deps);
      assert.equal((await ask('GET', backups(going))).status, 404);
      const { backups: left } = (await ask('GET', ofServer(uuid))).body;
      assert.equal((left as { verifying: boolean }[]).filter((one) => one.verifying).length, 2);
      await copyJobs(servers.world.deps);
    });

    it('a file that is gone, or a note, is found', async () => {
      const uuid = await servers.create();
      for (const [end, found] of [
        ['', /is missing/],
        ['.json', /has lost its note/],
      ] as const) {
        const { id } = await backUp(uuid, { incremental: false });
        await rm(`${fileOf(uuid, id)}${end}`);
        await accepted('POST', backups(id, '/verify'));
        assert.match((await ask('GET', backups(id))).body.backup.reason, found);
      }
    });

    it('where the directory is gone it fails readably and leaves nothing', async () => {
      const uuid = await servers.create();
      const { id } = await backUp(uuid);
      const { copiesDir } = servers.world;
      await rename(copiesDir, `${copiesDir}.away`);
      const away = await backUp(uuid);
      assert.deepEqual([away.status, away.reason], ['error', 'The directory of snapshots and backups is not there.']);
      await accepted('POST', backups(id, '/verify'));
      const unseen = (await ask('GET', backups(id))).body.backup;
      assert.deepEqual([unseen.status, unseen.verified_at], ['available', null], 'that is no word against the backup');
      assert.match(unseen.reason, /directory .* is not there/);
      await rm(copiesDir, { recursive: true, force: true });
      await rename(`${copiesDir}.away`, copiesDir);
      await accepted('POST', backups(id, '/verify'));
      assert.equal((await ask('GET', backups(id))).body.backup.reason, null);
    });

    it('snapshots go with their server, backups stay, and only their project has them', async () => {
      const uuid = await servers.create();
      await write(uuid, 'one');
      await snap(uuid);
      const { id } = await backUp(uuid);
      await accepted('DELETE', `/servers/${uuid}`);
      assert.deepEqual(
        (await filesOf(uuid)).filter((name) => !name.startsWith(id)),
        [],
      );
      const kept = (await ask('GET', backups())).body.backups as { id: string }[];
      assert.ok(kept.some((one) => one.id === id));
      assert.equal((await ask('GET', backups(id), undefined, 'other')).status, 404);
      assert.equal((await ask('DELETE', backups(id), undefined, 'other')).status, 404);
      assert.equal((await ask('GET', backups(), undefined, 'other')).body.backups.length, 0);
      await accepted('POST', backups(id, '/verify'));
      await accepted('DELETE', backups(id));
      assert.equal((await ask('GET', backups(id))).status, 404);
      assert.deepEqual(await filesOf(uuid), []);
    });

    it('a new server is made of a backup whose server is gone', async () => {
      const uuid = await servers.create();
      await backUp(uuid);
      const { id } = await backUp(uuid);
      await accepted('DELETE', `/servers/${uuid}`);
      const flavorRef = await servers.world.flavor();
      const server = { name: 'again', flavorRef };
      const restore = (body: object, as: CallerName = 'member') => ask('POST', backups(id, '/restore'), body, as);
      assert.equal((await restore({ server }, 'other')).status, 404);
      assert.equal((await restore({ server: { ...server, imageRef: servers.world.imageId } })).status, 400);
      assert.equal((await restore({ server: { ...server, min_count: 2 } })).status, 400);
      const made = await restore({ server });
      assert.equal(made.status, 202, JSON.stringify(made.body));
      await servers.world.settled();
      const shown = (await ask('GET', `/servers/${made.body.server.id}`)).body.server;
      assert.equal(shown.status, 'ACTIVE');
      const image = (await servers.world.images.all()).find((one) => one.id === shown.image.id);
      assert.deepEqual(
        [image?.status, image?.visibility, image?.properties['xloud_backup_id']],
        ['active', 'private', id],
      );
      await rm(fileOf(uuid, id));
      const broken = await restore({ server });
      await servers.world.settled();
      const failed = (await ask('GET', `/servers/${broken.body.server.id}`)).body.server;
      assert.deepEqual(
        [failed.status, failed.fault.message],
        ['ERROR', `No server can be made of it: ${id} is missing.`],
      );
    });

    it('a schedule begins backups when they are due, and lets old chains go', async () => {
      const { world } = servers;
      const uuid = await servers.create();
      const path = `/servers/${uuid}/os-xloud-backup-schedule`;
      const put = (schedule: object) => ask('PUT', path, { schedule });
      assert.equal((await ask('GET', path)).status, 404);
      for (const cron of ['every day at noon', '0 0 31 2 *', '61 * * * *', '* * * * * *']) {
        const refused = await put({ cron, keep: 1 });
        assert.equal(refused.status, 400, cron);
        assert.match(refused.body.badRequest.message, /is no schedule/);
      }
      assert.equal((await put({ cron: '0 2 * * *', keep: 100, incrementals: 9 })).status, 400, 'too many');
      assert.equal((await ask('PUT', path, { schedule: { cron: '0 2 * * *', keep: 1 } }, 'reader')).status, 403);
      const { schedule } = (await put({ cron: '30 2 * * *', keep: 1, incrementals: 1 })).body;
      assert.match(schedule.next_at, /T02:30:00Z$/);

      const manual = await backUp(uuid);
      const turn = async () => {
        await tx(world.database, (t) => t('backup_schedules').where({ server_uuid: uuid }).update({ next_at: 1 }));
        await backupSchedules(world.deps);
        await backupSchedules(world.deps);
        await world.settled();
        await copyJobs(world.deps);
        const { backups: all } = (await ask('GET', ofServer(uuid))).body;
        return (all as { kind: string; scheduled: boolean }[]).map(
          (one) => `${one.kind}${one.scheduled ? '' : ' by hand'}`,
        );
      };
      assert.deepEqual(await turn(), ['incremental', 'full by hand']);
      assert.deepEqual(await turn(), ['full', 'incremental', 'full by hand']);
      assert.deepEqual(await turn(), ['incremental', 'full', 'incremental', 'full by hand']);
      const afterwards = await turn();
      assert.deepEqual(afterwards, ['full', 'incremental', 'full by hand'], 'the chain of before is gone as a whole');
      assert.ok(
        (await filesOf(uuid)).some((name) => name.startsWith(manual.id)),
        'what was made by hand stays',
      );

      await accepted('POST', `/servers/${uuid}/action`, { shelve: null });
      await turn();
      const told = (await ask('GET', path)).body.schedule;
      assert.match(told.last_problem, /while it is in vm_state shelved/);
      assert.match(told.next_at, /T02:30:00Z$/);
      assert.equal((await put({ cron: '30 2 * * *', keep: 1, enabled: false })).body.schedule.next_at, null);
      assert.equal((await ask('DELETE', path)).status, 204);
      assert.equal((await ask('DELETE', path)).status, 404);
    });

    it('a schedule whose backups fail for long keeps the place of those to come', async () => {
      const { world } = servers;
      const { copiesDir } = world;
      const uuid = await servers.create();
      const path = `/servers/${uuid}/os-xloud-backup-schedule`;
      await accepted('PUT', path, { schedule: { cron: '30 2 * * *', keep: 1 } });
      const turn = async () => {
        await tx(world.database, (t) => t('backup_schedules').where({ server_uuid: uuid }).update({ next_at: 1 }));
        await backupSchedules(world.deps);
        await world.settled();
        await copyJobs(world.deps);
        const { backups: all } = (await ask('GET', ofServer(uuid))).body;
        return (all as { status: string }[]).map(({ status }) => status);
      };
      await turn();
      await rename(copiesDir, `${copiesDir}.away`);
      assert.deepEqual(await turn(), ['error', 'available']);
      assert.deepEqual(await turn(), ['error', 'available'], 'what failed last is told, and nothing more');
      await rename(`${copiesDir}.away`, copiesDir);
      assert.deepEqual(await turn(), ['available']);
    });

    it('snapshots and backups go along where their server goes', async () => {
      const { world } = servers;
      const uuid = await servers.create();
      await write(uuid, 'good');
      const [snapshot, backup] = [await snap(uuid), await backUp(uuid)];
      const larger = await world.flavor({ rootGb: 2, specs: { minimum_cpu: '1', minimum_memory: '256' } });
      await accepted('POST', `/servers/${uuid}/action`, { resize: { flavorRef: larger } });
      assert.equal((await ask('POST', snapshots(uuid, `/${snapshot}/restore`))).status, 409, 'until it is confirmed');
      await accepted('POST', `/servers/${uuid}/action`, { confirmResize: null });
      await write(uuid, 'bad');
      await accepted('POST', snapshots(uuid, `/${snapshot}/restore`));
      assert.equal(await diskOf(uuid), 'good');
      for (const action of [{ shelve: null }, { unshelve: null }])
        await accepted('POST', `/servers/${uuid}/action`, action);
      assert.equal(await statusOf(uuid), 'ACTIVE');
      await write(uuid, 'bad');
      await accepted('POST', ofServer(uuid, `/${backup.id}/restore`));
      assert.equal(await diskOf(uuid), 'good');

      const image = testImage({ id: crypto.randomUUID(), name: 'another' });
      await world.images.add(image);
      await accepted('POST', `/servers/${uuid}/action`, { rebuild: { imageRef: image.id } });
      const other = await ask('POST', snapshots(uuid, `/${snapshot}/restore`));
      assert.equal(other.status, 409);
      assert.match(other.body.conflictingRequest.message, /was rebuilt from another image/);
      assert.equal((await ask('GET', snapshots(uuid, `/${snapshot}`))).body.snapshot.status, 'available');
    });

    it('what is being made is ended by a deletion, and leaves nothing', async () => {
      const uuid = await servers.create();
      const { world } = servers;
      world.drivers.get((await world.server(uuid)).host ?? '')?.behave(uuid, 'slow:300');
      assert.equal((await ask('POST', snapshots(uuid), { snapshot: { name: 's' } })).status, 202);
      await world.deps.clock.sleep(100);
      await accepted('DELETE', `/servers/${uuid}`);
      await copyJobs(world.deps);
      await makeCopySweep()(world.deps);
      assert.deepEqual(await filesOf(uuid), []);
      assert.deepEqual(await copiesOfServer(world.database.read, uuid, 'snapshots'), []);
    });

    it('a copy whose action was given up can be restored or deleted again, and one at work is left alone', async () => {
      const { world } = servers;
      const uuid = await servers.create();
      const [restored, made] = [await backUp(uuid), await backUp(uuid, { incremental: false })];
      const leave = (id: string, fields: object) =>
        tx(world.database, (t) =>
          t('server_copies')
            .where({ id })
            .update({ updated_at: 1, ...fields }),
        );
      await leave(restored.id, { status: 'restoring' });
      await leave(made.id, { status: 'creating', sha256: null });
      const statusOfCopy = async (id: string) => (await ask('GET', backups(id))).body.backup.status;
      await world.gated(['copyDisk'], async (gate) => {
        const { id } = (await ask('POST', ofServer(uuid), { backup: { name: 'b' } })).body.backup;
        await gate.reached('copyDisk');
        await leave(id, {});
        await makeCopySweep()(world.deps);
        assert.deepEqual(
          await Promise.all([restored.id, made.id, id].map(statusOfCopy)),
          ['restoring', 'creating', 'creating'],
          'what the server is at may be this',
        );
        gate.pass('copyDisk');
      });
      await world.settled();
      await makeCopySweep()(world.deps);
      assert.deepEqual(await Promise.all([restored.id, made.id].map(statusOfCopy)), ['available', 'error']);
      await accepted('POST', ofServer(uuid, `/${restored.id}/restore`));
      await accepted('DELETE', backups(made.id));
    });

    it('a file that no row tells of is swept', async () => {
      const { copiesDir, deps } = servers.world;
      const [server, id] = [crypto.randomUUID(), crypto.randomUUID()];
      await mkdir(join(copiesDir, server));
      await writeFile(join(copiesDir, server, `${id}.qcow2`), 'late');
      await makeCopySweep()(deps);
      assert.deepEqual(await filesOf(server), []);
      assert.equal((await readdir(copiesDir)).includes(server), false);
    });
  });
}
