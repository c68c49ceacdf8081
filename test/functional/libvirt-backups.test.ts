// A guest that writes blocks with their sums all the time: a snapshot is taken and gone back to, a chain of one whole and five incremental
// backups is made beneath it, and each is the disk at one moment. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, open, readdir, rename, rm, stat, symlink, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { chainSource } from '../../src/domain/servers/server-copies.ts';
import { eventually } from '../support/serve.ts';
import { type GuestService, startGuestService } from '../support/serve-guest.ts';

const run = promisify(execFile);

const LONG_MS = 180_000;
const LOOK_MS = 250;
const BLOCK_BYTES = 4_096;
const BLOCKS = 64;
/** Of the root disk, beyond what its image has. */
const FIRST_BLOCK = 122_880;
/** The guest may stand still for a live snapshot. */
const PAUSE_MS = 200;

/** Writes block after block, each with a number, its place and their sum, and each on the disk before the next. */
const WRITER = `n=0
while [ ! -e /run/writer.stop ]; do
  n=$((n + 1)); k=$((n % ${BLOCKS})); line="seq $n block $k"
  sum=$(echo "$line" | md5sum)
  echo "$line \${sum%% *}" | dd of=/dev/vda bs=${BLOCK_BYTES} seek=$((${FIRST_BLOCK} + k)) conv=sync,notrunc,fsync 2>/dev/null
  echo $n > /run/writer.seq
done`;

/** Notes when it was kept from running, by the guest's own clock: the moment and the hundredths of a second. */
const WATCH = `last=0
while [ ! -e /run/watch.stop ]; do
  read up rest < /proc/uptime; now=\${up%.*}\${up#*.}
  [ $last -gt 0 ] && echo "$now $((now - last))" >> /run/gaps
  last=$now
  usleep 5000
done`;

/** The number of the last block that is there: all before it are there too, and none after it. Fails for any other disk. */
function judge(bytes: Buffer): number {
  const found = Array.from({ length: BLOCKS }, (_, block) => {
    const text = bytes.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES).toString('latin1');
    const [, line = '', seq, at, sum] = /^(seq (\d+) block (\d+)) ([0-9a-f]{32})\n\0*$/.exec(text) ?? [];
    assert.equal(sum, createHash('md5').update(`${line}\n`).digest('hex'), `block ${block}: ${text.slice(0, 60)}`);
    assert.equal(Number(at), block);
    return Number(seq);
  });
  const last = Math.max(...found);
  // one moment, not several: each block is the newest of its place up to the last
  for (const [block, seq] of found.entries()) assert.equal(seq, last - ((last - block) % BLOCKS), `block ${block}`);
  return last;
}

describe('snapshots and backups of guests of libvirt', { concurrency: 1 }, () => {
  let world: GuestService;
  let id = '';
  /** A file system that a copy does not fit on. */
  let small = '';
  before(async () => {
    small = await mkdtemp(join(tmpdir(), 'xloud-small-'));
    // before the daemon's own mounts begin: it sees this one, too
    await run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small]);
    world = await startGuestService({ flavor: { vcpus: 2, ram: 256 }, specs: { minimum_cpu: '2' } });
  });
  after(async () => {
    await world?.close();
    await run('umount', [small]);
    await rm(small, { recursive: true });
  });

  const ok = async (method: string, path: string, body?: object) => {
    const answer = await world.compute(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const idle = () =>
    eventually(
      'nothing under way',
      LONG_MS,
      async () => {
        const { server } = await ok('GET', `/servers/${id}`);
        assert.notEqual(server.status, 'ERROR', `${JSON.stringify(server.fault)} ${world.service.log().slice(-3_000)}`);
        return server['OS-EXT-STS:task_state'] === null ? server : null;
      },
      LOOK_MS,
    );
  /** Once its agent answers. */
  const up = () =>
    eventually(
      'the guest',
      LONG_MS,
      async () => ((await idle()).status === 'ACTIVE' ? await world.inside(id, 'echo up').catch(() => null) : null),
      LOOK_MS,
    );
  const start = (name: string, script: string) =>
    world.inside(
      id,
      `rm -f /run/${name}.stop; cat > /run/${name}.sh <<'END'\n${script}\nEND\nsetsid sh /run/${name}.sh </dev/null >/dev/null 2>&1 &`,
    );
  const seq = async (): Promise<number> => Number(await world.inside(id, 'cat /run/writer.seq'));
  const written = (more: number, from: number) =>
    eventually('more blocks', LONG_MS, async () => ((await seq()) >= from + more ? true : null), LOOK_MS);
  const settled = (path: string, key: string) =>
    eventually(
      path,
      LONG_MS,
      async () => {
        const found = (await ok('GET', path))[key];
        return found.status === 'creating' || found.verifying ? null : found;
      },
      LOOK_MS,
    );
  const snapshots = (more = '') => `/servers/${id}/os-xloud-snapshots${more}`;
  const backUp = async (more: object = {}) => {
    const { backup } = await ok('POST', `/servers/${id}/os-xloud-backups`, { backup: { name: 'b', ...more } });
    const made = await settled(`/os-xloud-backups/${backup.id}`, 'backup');
    assert.deepEqual([made.status, made.reason], ['available', null], world.service.log().slice(-3_000));
    await idle();
    return made;
  };
  const verified = async (one: string) => {
    await ok('POST', `/os-xloud-backups/${one}/verify`);
    return settled(`/os-xloud-backups/${one}`, 'backup');
  };
  const dirOf = () => join(world.service.dataDir, 'backups', id);
  const fileOf = (one: string): string => join(dirOf(), `${one}.qcow2`);
  /** The blocks of the disk that some files stand for. */
  async function blocksOf(files: readonly string[]): Promise<Buffer> {
    const raw = join(world.service.dataDir, 'judged.raw');
    await run('qemu-img', ['convert', '-O', 'raw', chainSource(files), raw]);
    const file = await open(raw);
    try {
      const bytes = Buffer.alloc(BLOCKS * BLOCK_BYTES);
      await file.read(bytes, 0, bytes.length, FIRST_BLOCK * BLOCK_BYTES);
      return bytes;
    } finally {
      await file.close();
      await rm(raw);
    }
  }
  const blocksInside = async (): Promise<Buffer> =>
    Buffer.from(
      await world.inside(
        id,
        `dd if=/dev/vda bs=${BLOCK_BYTES} skip=${FIRST_BLOCK} count=${BLOCKS} 2>/dev/null | base64`,
      ),
      'base64',
    );
  /** The longest that the guest was kept from running since it was asked last, in milliseconds. */
  async function longestGap(): Promise<number> {
    const lines = (await world.inside(id, 'mv /run/gaps /run/gaps.read; cat /run/gaps.read')).trim().split('\n');
    return Math.max(...lines.map((line) => Number(line.split(' ')[1]) * 10));
  }

  it('a live snapshot is the disk at one moment, for which the guest stands still shortly', async (t) => {
    const wish = { name: 'writer', imageRef: world.imageRef, flavorRef: world.flavorRef, networks: 'none' };
    id = (await ok('POST', '/servers', { server: wish })).server.id;
    await up();
    await start('writer', WRITER);
    await eventually('the first block', LONG_MS, async () => (await seq().catch(() => 0)) || null, LOOK_MS);
    await written(2 * BLOCKS, 0);
    await start('watch', WATCH);
    await sleep(3_000);
    const usual = await longestGap();
    const before = await seq();
    const made = (await ok('POST', snapshots(), { snapshot: { name: 's' } })).snapshot;
    const snapshot = await settled(snapshots(`/${made.id}`), 'snapshot');
    assert.deepEqual([snapshot.status, snapshot.reason, snapshot.live], ['available', null, true]);
    const longest = await longestGap();
    const at = judge(await blocksOf([fileOf(made.id)]));
    t.diagnostic(`longest gap of the guest's clock: ${longest} ms during the snapshot, ${usual} ms before it`);
    assert.ok(at >= before && at <= (await seq()), `${before} <= ${at}`);
    assert.ok(longest < Math.max(PAUSE_MS, 2 * usual), `${longest} ms, usually ${usual} ms`);
    assert.deepEqual(
      (await readdir(dirOf())).filter((name) => name.endsWith('.part')),
      [],
    );
    await world.inside(id, 'touch /run/watch.stop');

    await written(BLOCKS, await seq());
    await ok('POST', snapshots(`/${made.id}/restore`));
    await up();
    assert.equal(judge(await blocksInside()), at, 'it is back where the snapshot was');
    await ok('DELETE', snapshots(`/${made.id}`));
    await eventually(
      'no file of it',
      LONG_MS,
      async () => ((await readdir(dirOf()).catch(() => [])).length === 0 ? true : null),
      LOOK_MS,
    );
  });

  const chain: { id: string; file_bytes: number }[] = [];
  const moments: number[] = [];

  it('one whole and five incremental backups are each the disk at one moment', async (t) => {
    await start('writer', WRITER);
    await eventually('the first block', LONG_MS, async () => (await seq().catch(() => 0)) || null, LOOK_MS);
    await written(BLOCKS, 0);
    for (let count = 0; count < 6; count++) {
      await written(5, await seq());
      const before = await seq();
      const made = await backUp();
      assert.equal(made.kind, count === 0 ? 'full' : 'incremental', world.service.log().slice(-3_000));
      chain.push(made);
      const at = judge(await blocksOf(chain.map((one) => fileOf(one.id))));
      assert.ok(at >= before && at <= (await seq()), `backup ${count}: ${before} <= ${at}`);
      moments.push(at);
    }
    t.diagnostic(`sizes: ${chain.map(({ file_bytes: bytes }) => bytes).join(', ')} bytes`);
    assert.ok((chain[5]?.file_bytes ?? 0) < (chain[0]?.file_bytes ?? 0) / 2, 'only what changed');
    const last = await verified(chain[5]?.id ?? '');
    assert.deepEqual([last.status, last.reason], ['available', null]);
    assert.notEqual(last.verified_at, null);
  });

  it('a power cycle keeps the chain, and zeros are what changed, too', async () => {
    await world.inside(id, 'touch /run/writer.stop; sleep 1');
    await world.inside(
      id,
      `dd if=/dev/zero of=/dev/vda bs=${BLOCK_BYTES} seek=${FIRST_BLOCK + 2 * BLOCKS} count=32 conv=notrunc,fsync`,
    );
    await ok('POST', `/servers/${id}/action`, { 'os-stop': null });
    await idle();
    await ok('POST', `/servers/${id}/action`, { 'os-start': null });
    await up();
    const made = await backUp();
    assert.equal(made.kind, 'incremental');
    chain.push(made);
    moments.push(judge(await blocksOf(chain.map((one) => fileOf(one.id)))));
  });

  it('each is restored, and what follows a restore is whole', async () => {
    for (const index of [2, 5]) {
      await ok('POST', `/servers/${id}/os-xloud-backups/${chain[index]?.id}/restore`);
      await up();
      assert.equal(judge(await blocksInside()), moments[index], `backup ${index}`);
    }
    assert.equal((await backUp()).kind, 'full');
  });

  it('a guest whose QEMU was killed has no bitmap to trust', async () => {
    assert.equal((await backUp()).kind, 'incremental');
    const pid = (await world.libvirtd.exec('sh', '-c', 'cat /run/libvirt/qemu/xloud-*.pid')).stdout.trim();
    await world.libvirtd.exec('kill', '-9', pid);
    await eventually(
      'it is off',
      LONG_MS,
      async () => ((await ok('GET', `/servers/${id}`)).server.status === 'SHUTOFF' ? true : null),
      LOOK_MS,
    );
    await ok('POST', `/servers/${id}/action`, { 'os-start': null });
    await up();
    assert.equal((await backUp()).kind, 'full');
    assert.equal((await backUp()).kind, 'incremental', 'from then on it is known again');
  });

  it('a damaged file is found, is not restored, and the guest runs on', async () => {
    const [full, second, third] = chain.map((one) => one.id);
    const file = await open(fileOf(second ?? ''), 'r+');
    await file.write(Buffer.from([0xff, 0xff]), 0, 2, (await stat(fileOf(second ?? ''))).size - 100);
    await file.close();
    const seen = await verified(third ?? '');
    assert.match(seen.reason, /has other bytes than it was made with/);
    assert.equal((await verified(full ?? '')).status, 'available');
    const refused = await world.compute('POST', `/servers/${id}/os-xloud-backups/${third}/restore`);
    assert.equal(refused.status, 409);
    const cut = (await backUp({ incremental: false })).id;
    await truncate(fileOf(cut), 65_536);
    await ok('POST', `/servers/${id}/os-xloud-backups/${cut}/restore`);
    await idle();
    assert.match((await ok('GET', `/os-xloud-backups/${cut}`)).backup.reason, /has 65536 bytes in place of/);
    assert.equal(await world.inside(id, 'echo up'), 'up\n');
  });

  it('full, or gone, it says so, leaves nothing, and the guest runs on', async () => {
    const fails = async (): Promise<string> => {
      const { snapshot } = await ok('POST', snapshots(), { snapshot: { name: 's' } });
      const made = await settled(snapshots(`/${snapshot.id}`), 'snapshot');
      assert.equal(made.status, 'error');
      await idle();
      assert.equal(await world.inside(id, 'echo up'), 'up\n');
      await ok('DELETE', snapshots(`/${snapshot.id}`));
      return made.reason;
    };
    await rename(dirOf(), `${dirOf()}.away`);
    await symlink(small, dirOf());
    assert.equal(await fails(), 'The copy of the disk broke off: there is no room for it.');
    assert.deepEqual(await readdir(small), []);
    await rm(dirOf());
    await rename(`${dirOf()}.away`, dirOf());

    const all = join(world.service.dataDir, 'backups');
    await rename(all, `${all}.away`);
    assert.equal(await fails(), 'The directory of snapshots and backups is not there.');
    await rename(`${all}.away`, all);
    assert.equal((await backUp()).status, 'available', 'there again, it goes on');
  });

  it('with its file systems held still by its agent, and of a guest that is off', async () => {
    const { snapshot } = await ok('POST', snapshots(), { snapshot: { name: 's', quiesce: true } });
    const made = await settled(snapshots(`/${snapshot.id}`), 'snapshot');
    assert.deepEqual([made.status, made.quiesced, made.reason], ['available', true, null]);
    await idle();
    // it goes on
    await world.inside(id, `printf after | dd of=/dev/vda bs=512 seek=${FIRST_BLOCK * 8} conv=notrunc,fsync`);
    await ok('POST', `/servers/${id}/action`, { 'os-stop': null });
    await idle();
    const off = (await ok('POST', snapshots(), { snapshot: { name: 'off' } })).snapshot;
    const still = await settled(snapshots(`/${off.id}`), 'snapshot');
    assert.deepEqual([still.status, still.live], ['available', false]);
    await idle();
    await ok('POST', snapshots(`/${made.id}/restore`));
    assert.equal((await idle()).status, 'SHUTOFF');
    await ok('POST', `/servers/${id}/action`, { 'os-start': null });
    await up();
    const read = `dd if=/dev/vda bs=512 skip=${FIRST_BLOCK * 8} count=1 2>/dev/null | head -c 5`;
    assert.notEqual(await world.inside(id, read), 'after');
    await ok('POST', snapshots(`/${off.id}/restore`));
    await up();
    assert.equal(await world.inside(id, read), 'after');
  });

  it('a program that is killed as QEMU copies ends the copy when it is back', async () => {
    const { snapshot } = await ok('POST', snapshots(), { snapshot: { name: 'killed' } });
    await eventually(
      'it is begun',
      LONG_MS,
      async () => ((await readdir(dirOf())).includes(`${snapshot.id}.qcow2.part`) ? true : null),
      5,
    ).catch(() => null);
    await world.service.kill('SIGKILL');
    await world.service.start();
    const made = await settled(snapshots(`/${snapshot.id}`), 'snapshot');
    assert.deepEqual([made.status, made.reason], ['available', null]);
    await idle();
    assert.deepEqual(
      (await readdir(dirOf())).filter((name) => name.endsWith('.part')),
      [],
    );
  });

  it('a new server is made of a backup', async () => {
    const backup = chain[0]?.id;
    const server = { name: 'again', flavorRef: world.flavorRef, networks: 'none' };
    const made = (await ok('POST', `/os-xloud-backups/${backup}/restore`, { server })).server;
    const first = id;
    id = made.id;
    await up();
    assert.equal(judge(await blocksInside()), moments[0]);
    await ok('DELETE', `/servers/${id}`);
    id = first;
  });

  it('nothing is left when all is deleted', async () => {
    await ok('DELETE', `/servers/${id}`);
    await eventually(
      'no server',
      LONG_MS,
      async () => ((await world.compute('GET', `/servers/${id}`)).status === 404 ? true : null),
      LOOK_MS,
    );
    await eventually(
      'no backup',
      LONG_MS,
      async () => {
        const { backups } = await ok('GET', '/os-xloud-backups');
        for (const one of backups) await world.compute('DELETE', `/os-xloud-backups/${one.id}`);
        return backups.length === 0 ? true : null;
      },
      1_000,
    );
    assert.deepEqual(await readdir(join(world.service.dataDir, 'backups')), []);
  });
});
