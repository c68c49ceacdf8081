// A server with backups moves between two real hosts: what follows is a whole backup, those of before still hold, and a disk that was put
// back moves with its zeros. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/serve.ts';
import { type HostName, startTwoHostService, type TwoHostService } from '../support/two-host-service.ts';

const LONG_MS = 300_000;
const LOOK_MS = 250;
const MIB = 1024 ** 2;
/** A part of the root disk where its image has something. */
const FROM_MIB = 6;
const MIBS = 8;
const ZEROS = createHash('md5')
  .update(Buffer.alloc(MIBS * MIB))
  .digest('hex');

describe('backups of servers that move', { concurrency: 1 }, () => {
  let world: TwoHostService;
  let id = '';
  before(async () => {
    world = await startTwoHostService();
    id = await world.create(await world.flavor('small', { vcpus: 1, ram: 256, disk: 1 }));
  });
  after(() => world?.close());

  const ok = async (method: string, path: string, body?: object) => {
    const answer = await world.compute(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const idle = (status: string) =>
    eventually(
      status,
      LONG_MS,
      async () => {
        const { server } = await ok('GET', `/servers/${id}`);
        assert.notEqual(server.status, 'ERROR', JSON.stringify(server.fault));
        return server.status === status && server['OS-EXT-STS:task_state'] === null ? true : null;
      },
      LOOK_MS,
    );
  const backUp = async () => {
    const { backup } = await ok('POST', `/servers/${id}/os-xloud-backups`, { backup: { name: 'b' } });
    await idle('ACTIVE');
    const made = (await ok('GET', `/os-xloud-backups/${backup.id}`)).backup;
    assert.deepEqual([made.status, made.reason], ['available', null], world.service.log().slice(-3_000));
    return made;
  };
  const restore = async (backup: string) => {
    await ok('POST', `/servers/${id}/os-xloud-backups/${backup}/restore`);
    await idle('ACTIVE');
    await world.up(id, await world.hostOf(id));
  };
  const inside = async (script: string) => world.inside(id, await world.hostOf(id), script);
  const sum = async (): Promise<string> =>
    (await inside(`dd if=/dev/vda bs=${MIB} skip=${FROM_MIB} count=${MIBS} 2>/dev/null | md5sum`)).slice(0, 32);
  const moveLive = async (): Promise<HostName> => {
    const from = await world.hostOf(id);
    await world.act(id, { 'os-migrateLive': { host: null, block_migration: 'auto' } });
    await idle('ACTIVE');
    const there = await world.hostOf(id);
    assert.notEqual(there, from);
    await world.up(id, there);
    return there;
  };

  it('are whole after a move, and those of before still hold', async () => {
    const home = await world.hostOf(id);
    await world.up(id, home);
    assert.notEqual(await sum(), ZEROS, 'the image has something there');
    assert.equal((await backUp()).kind, 'full');
    await inside(`dd if=/dev/zero of=/dev/vda bs=${MIB} seek=${FROM_MIB} count=${MIBS} conv=notrunc,fsync`);
    const words = await world.mark(id, home);
    const second = await backUp();
    assert.equal(second.kind, 'incremental');

    const there = await moveLive();
    await world.mark(id, there);
    assert.equal((await backUp()).kind, 'full');
    assert.equal((await backUp()).kind, 'incremental');

    await restore(second.id);
    assert.deepEqual([await world.marked(id, there), await sum()], [words, ZEROS]);
    const back = await moveLive();
    assert.deepEqual([await world.marked(id, back), await sum()], [words, ZEROS], 'zeros are no hole in the image');
    await world.act(id, { migrate: null });
    await idle('VERIFY_RESIZE');
    await world.act(id, { confirmResize: null });
    await idle('ACTIVE');
    const last = await world.hostOf(id);
    await world.up(id, last);
    assert.deepEqual([last, await world.marked(id, last), await sum()], [there, words, ZEROS]);
    assert.equal((await backUp()).kind, 'full');
  });
});
