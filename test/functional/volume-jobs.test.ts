// Work on the files of volumes goes on whoever dies: what a dead process began is begun again, two processes do each job once, a
// process that ends lets go of what it cannot end, and files that nobody knows go.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { newUuid } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { type Run, runProgram, runProgramUntil } from '../../src/base/run.ts';
import { tx } from '../../src/db/tx.ts';
import { moveLease, takeJob, type VolumeJob } from '../../src/db/volume-jobs.ts';
import type { Volumes, VolumesOptions } from '../../src/standalone/volume/service.ts';
import { type Cloud, noHosts, startCloud } from '../support/cloud.ts';
import { engines } from '../support/database.ts';
import { assertBytes, volumeClient, type VolumeClient, writeBytes } from '../support/volumes.ts';

/** How long a program goes on that nobody ends: much longer than a process that ends waits for it. */
const PROGRAM_MS = 30_000;

for (const engine of engines) {
  describe(`work on volumes on ${engine}`, () => {
    let cloud: Cloud;
    let volumes: VolumeClient;
    const others: Volumes[] = [];
    beforeEach(async () => {
      cloud = await startCloud({ engine, volume: { works: false, quota: { volumes: -1 } } });
      volumes = volumeClient(cloud);
    });
    afterEach(async () => {
      for (const one of others.splice(0)) await one.close();
      await cloud.close();
    });
    const process = async (alone: boolean, programs?: VolumesOptions['programs']): Promise<Volumes> => {
      const made = cloud.otherVolumes(programs);
      others.push(made);
      await made.startWork(alone, noHosts);
      return made;
    };
    /** A process that takes a job and is no more; its lease has so long to go. */
    const taken = async (ms: number): Promise<VolumeJob> => {
      const job = await tx(cloud.database, (t) => takeJob(t, Date.now(), Date.now() + ms));
      assert.ok(typeof job === 'object');
      return job;
    };
    const asked = async (body: object = { size: 1 }): Promise<string> =>
      (await volumes.done('POST', '/volumes', { volume: body })).volume.id;
    const jobs = (): Promise<{ attempts: number; lease_until: number }[]> =>
      cloud.database.read('volume_jobs').select();

    it('what a dead process began is begun again once its lease is over, and ends right', async () => {
      const source = await asked();
      const first = await process(true);
      await volumes.until('volumes', source, 'available');
      await first.close();
      await writeBytes(volumes.fileOf(source), 5);
      const id = await asked({ source_volid: source });
      await taken(1_500);
      // what it had written so far
      await writeFile(`${volumes.fileOf(id)}.0.new`, 'half a file');
      await process(false);
      await sleep(400);
      assert.equal((await volumes.done('GET', `/volumes/${id}`)).volume.status, 'creating', 'it is another’s as yet');
      await volumes.until('volumes', id, 'available');
      await assertBytes(volumes.fileOf(id), 5);
      assert.ok(!existsSync(`${volumes.fileOf(id)}.0.new`));
      assert.deepEqual(await jobs(), []);
    });

    it('where nobody else works, it is begun again at once; each kind of work may have been done already', async () => {
      const id = await asked();
      await taken(3_600_000);
      const one = await process(true);
      await volumes.until('volumes', id, 'available');
      const again = async (action: () => Promise<unknown>, work: () => Promise<unknown>): Promise<void> => {
        await one.close();
        await action();
        await work();
        await taken(3_600_000);
        const next = await process(true);
        await volumes.until('volumes', id, 'available');
        assert.deepEqual(await jobs(), []);
        await next.close();
      };
      const { files } = one.parts;
      await again(
        () => volumes.act(id, { 'os-extend': { new_size: 2 } }),
        () => files.grow(id, 2),
      );
      let imageId = '';
      await again(
        async () => {
          const image_name = 'up';
          const { json } = await volumes.act(id, { 'os-volume_upload_image': { image_name, disk_format: 'qcow2' } });
          imageId = json['os-volume_upload_image'].image_id;
        },
        async () => {
          const pieces = async function* () {
            yield await readFile(volumes.fileOf(id));
          };
          await one.parts.images.write(imageId, pieces());
        },
      );
      assert.equal((await cloud.ask('demo', 'GET', `/image/v2/images/${imageId}`)).json.status, 'active');
      await volumes.ask('DELETE', `/volumes/${id}`);
      await one.parts.files.remove('volume', id);
      await taken(3_600_000);
      await process(true);
      await volumes.until('volumes', id, 'gone');
    });

    it('two processes do each job once', async () => {
      const made: string[] = [];
      const counted: Run = (file, args) => {
        const draft = args.find((arg) => arg.endsWith('.new'));
        if (draft !== undefined) made.push(draft);
        return runProgram(file, args);
      };
      const ids = await Promise.all(Array.from({ length: 12 }, () => asked()));
      await Promise.all([process(false, () => counted), process(false, () => counted)]);
      for (const id of ids) await volumes.until('volumes', id, 'available');
      assert.equal(made.length, 12);
      assert.equal(new Set(made).size, 12);
      assert.deepEqual(await jobs(), []);
    });

    it('a lease is kept for as long as the work goes on', async (t) => {
      const id = await asked();
      let go = (): void => undefined;
      const held = new Promise<void>((resolve) => {
        go = resolve;
      });
      t.mock.timers.enable({ apis: ['setInterval'] });
      await process(false, () => async (file, args) => {
        await held;
        return runProgram(file, args);
      });
      for (let tries = 0; (await jobs())[0]?.attempts !== 1; tries += 1) {
        assert.ok(tries < 2_000);
        await sleep(10);
      }
      const before = (await jobs())[0]?.lease_until ?? 0;
      t.mock.timers.tick(limits.volumeJobLeaseMs / 3);
      for (let tries = 0; ((await jobs())[0]?.lease_until ?? 0) <= before; tries += 1) {
        assert.ok(tries < 2_000, 'the lease is as it was');
        await sleep(10);
      }
      t.mock.timers.reset();
      go();
      await volumes.until('volumes', id, 'available');
    });

    it('who lost the lease meanwhile neither says what became of the job nor removes what another made', async () => {
      const id = await asked();
      let begun = (): void => undefined;
      const beginning = new Promise<void>((resolve) => {
        begun = resolve;
      });
      let go = (): void => undefined;
      const held = new Promise<void>((resolve) => {
        go = resolve;
      });
      const halted = await process(false, () => async () => {
        begun();
        await held;
        throw new Error('after a long sleep');
      });
      await beginning;
      const [row] = await jobs();
      // as though it had run out
      const lease = { id: (row as unknown as { id: number }).id, leaseUntil: Number(row?.lease_until) } as VolumeJob;
      assert.ok(await tx(cloud.database, (t) => moveLease(t, lease, 0)));
      const second = await process(false);
      await volumes.until('volumes', id, 'available');
      go();
      await halted.close();
      await sleep(50);
      assert.equal((await volumes.done('GET', `/volumes/${id}`)).volume.status, 'available');
      assert.ok(existsSync(volumes.fileOf(id)), 'its file is there');
      assert.deepEqual((await volumes.done('GET', '/messages')).messages, []);
      await second.close();
    });

    for (const [what, ends] of [
      ['programs that can be ended', (signal: AbortSignal) => runProgramUntil(signal)],
      ['work that cannot be ended', () => runProgram],
    ] as const) {
      it(`a process that ends does not wait long for ${what}, and the next does it`, async () => {
        const id = await asked();
        const one = await process(
          false,
          (signal) => (file, args) =>
            args.includes('qemu-img') ? ends(signal)('sleep', [String(PROGRAM_MS / 1_000)]) : runProgram(file, args),
        );
        for (let tries = 0; (await jobs())[0]?.attempts !== 1; tries += 1) await sleep(10 + tries);
        const before = Date.now();
        await one.close();
        assert.ok(Date.now() - before < PROGRAM_MS, 'it waited for the program');
        assert.equal((await volumes.done('GET', `/volumes/${id}`)).volume.status, 'creating');
        const leases = (await jobs()).map(({ lease_until }) => Number(lease_until));
        assert.deepEqual(leases, [0]);
        others.splice(0);
        await process(false);
        await volumes.until('volumes', id, 'available');
        assert.deepEqual((await volumes.done('GET', '/messages')).messages, []);
      });
    }

    it('a volume that is taken from its server while it is made larger is free then', async () => {
      const id = await asked();
      const first = await process(true);
      await volumes.until('volumes', id, 'available');
      await first.close();
      await volumes.act(id, { 'os-attach': { instance_uuid: newUuid(), mountpoint: '/dev/vdb' } });
      assert.equal((await volumes.act(id, { 'os-extend': { new_size: 2 } })).status, 202);
      assert.equal((await volumes.act(id, { 'os-detach': {} })).status, 202);
      await process(true);
      await volumes.until('volumes', id, 'available');
    });

    it('a volume that is deleted while work on it is left has no more work done', async () => {
      const id = await asked();
      assert.equal((await volumes.act(id, { 'os-reset_status': { status: 'error' } }, '3.67', 'admin')).status, 202);
      assert.equal((await volumes.ask('DELETE', `/volumes/${id}`)).status, 202);
      assert.deepEqual(
        (await cloud.database.read('volume_jobs').select('kind')).map(({ kind }) => kind),
        ['delete'],
      );
      await process(true);
      await volumes.until('volumes', id, 'gone');
      assert.ok(!existsSync(volumes.fileOf(id)));
    });

    it('a snapshot that is deleted by force while it is made has no more work done', async () => {
      const volume_id = await asked();
      const first = await process(true);
      await volumes.until('volumes', volume_id, 'available');
      await first.close();
      const { id } = (await volumes.done('POST', '/snapshots', { snapshot: { volume_id } })).snapshot;
      const path = `/snapshots/${id}/action`;
      assert.equal((await volumes.ask('POST', path, { 'os-force_delete': {} }, '3.67', 'admin')).status, 202);
      assert.deepEqual(
        (await cloud.database.read('volume_jobs').select('kind')).map(({ kind }) => kind),
        ['delete_snapshot'],
      );
      await process(true);
      await volumes.until('snapshots', id, 'gone');
    });

    it('what a dead process had written of an image to be goes with the next attempt', async () => {
      const id = await asked();
      const first = await process(true);
      await volumes.until('volumes', id, 'available');
      await first.close();
      await volumes.act(id, { 'os-volume_upload_image': { image_name: 'up', disk_format: 'qcow2' } });
      await taken(3_600_000);
      const left = `${volumes.fileOf(id)}.1.export`;
      await writeFile(left, 'half an image');
      await process(true);
      await volumes.until('volumes', id, 'available');
      assert.ok(!existsSync(left));
    });

    it('files without a row go, and old drafts; young drafts and files with a row stay', async () => {
      const id = await asked();
      const first = await process(true);
      await volumes.until('volumes', id, 'available');
      await first.close();
      const folder = join(cloud.dir, 'volumes');
      const old = new Date(Date.now() - 25 * 3_600_000);
      const file = async (name: string, at = new Date()): Promise<string> => {
        await writeFile(join(folder, name), 'x');
        await utimes(join(folder, name), at, at);
        return join(folder, name);
      };
      const gone = [
        await file(`volume-${newUuid()}`),
        await file(`snapshot-${newUuid()}`),
        await file(`volume-${newUuid()}.1.new`, old),
        await file(`volume-${newUuid()}.1.export`, old),
        await file(`volume-${newUuid()}.1.image`, old),
      ];
      const kept = [await file(`volume-${newUuid()}.1.new`), await file('somebody else’s', old), volumes.fileOf(id)];
      await process(true);
      for (let tries = 0; gone.some(existsSync); tries += 1) {
        assert.ok(tries < 2_000, `still there: ${gone.filter(existsSync).join()}`);
        await sleep(20);
      }
      assert.deepEqual(kept.map(existsSync), [true, true, true]);
    });
  });
}
