// The directory of snapshots and backups: room for what is to come, and what is found wrong with a file.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Fault } from '../../../src/base/errors.ts';
import { runProgram } from '../../../src/base/run.ts';
import { makeCopyStore } from '../../../src/cloud/copy-store.ts';

const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Fault, String(error));
  return error;
};

describe('the directory of snapshots and backups', () => {
  const directory = mkdtempSync(join(tmpdir(), 'xloud-copy-store-'));
  const store = makeCopyStore(directory, runProgram);
  after(() => rmSync(directory, { recursive: true, force: true }));
  const copy = () => ({ id: crypto.randomUUID(), serverUuid: crypto.randomUUID(), parentId: null, virtualBytes: 1 });
  const sealed = async () => {
    const one = copy();
    await store.prepare(one, 0, 0);
    await writeFile(store.pathOf(one), 'bytes');
    return { ...one, ...(await store.seal(one)) };
  };

  it('has room for what is to come, with what is being made beside it', async () => {
    await store.prepare(copy(), 1, 0);
    for (const [gb, others] of [
      [1_000_000, 0],
      [1, 1_000_000],
    ] as const) {
      const full = await faultOf(store.prepare(copy(), gb, others));
      assert.deepEqual([full.kind, full.code], ['tooLarge', 'copy.noRoom']);
      assert.match(
        full.message,
        new RegExp(`it may take ${gb} GiB, others that are being made ${others} GiB, and \\d+ GiB are free`),
      );
    }
  });

  it('keeps the place of a copy that is being made, whoever removes another or sweeps', async () => {
    const [one, other] = [copy(), copy()];
    const beside = { ...other, serverUuid: one.serverUuid };
    await store.prepare(one, 0, 0);
    await store.remove(beside);
    await store.sweep(async (ids) => new Set(ids));
    await writeFile(store.pathOf(one), 'bytes');
    await store.seal(one);
    assert.deepEqual((await readdir(join(directory, one.serverUuid))).toSorted(), [
      `${one.id}.qcow2`,
      `${one.id}.qcow2.json`,
    ]);
    await store.remove(one);
    assert.equal((await readdir(directory)).includes(one.serverUuid), false);
  });

  it('is missed where it is not there', async () => {
    const nowhere = makeCopyStore(join(directory, 'nowhere'), runProgram);
    assert.equal((await faultOf(nowhere.prepare(copy(), 0, 0))).code, 'copy.noDirectory');
    assert.equal((await faultOf(nowhere.verify([]))).code, 'copy.noDirectory');
    await nowhere.remove(copy());
  });

  it('finds each thing that is wrong with a file, and nothing wrong with another', async () => {
    const fine = await sealed();
    assert.equal(await store.verify([fine]), null);
    const problemOf = async (one: Awaited<ReturnType<typeof sealed>>) =>
      (await store.verify([fine, one]))?.problem ?? '';
    const changed = await sealed();
    await writeFile(store.pathOf(changed), 'bytez');
    assert.match(await problemOf(changed), / has other bytes than it was made with$/);
    const longer = await sealed();
    await writeFile(store.pathOf(longer), 'bytes more');
    assert.match(await problemOf(longer), / has 10 bytes in place of 5$/);
    const noted = await sealed();
    const note = `${store.pathOf(noted)}.json`;
    await writeFile(note, (await readFile(note, 'utf8')).replace('"parent":null', '"parent":"x"'));
    assert.match(await problemOf(noted), / is not what its note says$/);
    for (const torn of ['{"id":', 'null', '']) {
      const damaged = await sealed();
      await writeFile(`${store.pathOf(damaged)}.json`, torn);
      assert.match(await problemOf(damaged), / is not what its note says$/, torn);
    }
    assert.match(await problemOf({ ...(await sealed()), parentId: 'x' as never }), / is not what its note says$/);
    await store.remove(noted);
    assert.match(await problemOf(noted), / is missing$/);
  });

  it('gives a disk to several at once, and none of them what is half written for another', async () => {
    const one = copy();
    // as qemu-img does: the file is there before all of it is
    const [firstBegun, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const goOn = Promise.withResolvers<void>();
    let count = 0;
    const slow = makeCopyStore(directory, async (_file, args) => {
      const path = args.at(-1) ?? '';
      const isFirst = (count += 1) === 1;
      await writeFile(path, 'half');
      if (!isFirst) {
        begun.resolve();
        await goOn.promise;
      } else {
        firstBegun.resolve();
        await begun.promise;
      }
      await writeFile(path, `whole ${isFirst ? 1 : 2}`);
      return '';
    });
    await slow.prepare(one, 0, 0);
    const head = Buffer.alloc(112);
    head.writeUInt32BE(0x5146_49fb, 0);
    head.writeUInt32BE(3, 4);
    await writeFile(slow.pathOf(one), head);
    const read = ({ path }: { path: string }) => readFile(path, 'utf8');
    const first = slow.flattened([one], crypto.randomUUID(), async (file) => {
      const before = await read(file);
      goOn.resolve();
      await second;
      return [before, await read(file)];
    });
    // whichever of two came first would be the first
    await firstBegun.promise;
    const second: Promise<string> = slow.flattened([one], crypto.randomUUID(), read);
    assert.deepEqual([await first, await second], [['whole 1', 'whole 1'], 'whole 2']);
    assert.deepEqual(
      (await readdir(join(directory, one.serverUuid))).filter((name) => name.endsWith('.export')),
      [],
    );
  });

  it('takes no file that names another, though its bytes are those of its making', async () => {
    const one = copy();
    await store.prepare(one, 0, 0);
    const head = Buffer.alloc(112);
    head.writeUInt32BE(0x5146_49fb, 0);
    head.writeUInt32BE(3, 4);
    head.writeBigUInt64BE(104n, 8); // a backing file
    head.writeUInt32BE(104, 100);
    await writeFile(store.pathOf(one), head);
    const found = await store.verify([{ ...one, ...(await store.seal(one)) }]);
    assert.match(found?.problem ?? '', /is unacceptable: it has a backing file/);
  });
});
