import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readConsole, rotateConsole } from '../../../../src/virt/libvirt/console.ts';

describe('console log', () => {
  it('gives the last bytes, whole characters, across a rotation', async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'xloud-console-'));
    t.after(() => rm(dir, { recursive: true }));
    const path = join(dir, 'console.log');
    assert.equal(await readConsole(path, 100), '');
    await writeFile(path, 'one\ntwo\n');
    assert.equal(await readConsole(path, 4), 'two\n');
    assert.equal(await rotateConsole(path, 8), false);
    assert.equal(await rotateConsole(path, 7), true);
    await appendFile(path, 'three\n');
    assert.equal(await readConsole(path, 100), 'one\ntwo\nthree\n');
    assert.equal(await readConsole(path, 8), 'o\nthree\n');
    assert.equal(await rotateConsole(path, 1), true);
    assert.equal(await readConsole(path, 100), 'three\n');
    assert.deepEqual((await readdir(dir)).toSorted(), ['console.log', 'console.log.0']);
    await writeFile(path, 'a\u{1f600}b');
    assert.equal(await readConsole(path, 3), 'b');
    assert.equal(await readConsole(path, 5), '\u{1f600}b');
  });
});
