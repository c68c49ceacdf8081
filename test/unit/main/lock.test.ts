import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { lockDataDir } from '../../../src/main/lock.ts';

describe("a data directory's lock", () => {
  const dir = mkdtempSync(join(tmpdir(), 'xloud-lock-'));
  after(() => rmSync(dir, { recursive: true }));

  it('keeps a second one out until it is released', () => {
    const release = lockDataDir(dir);
    assert.throws(() => lockDataDir(dir), /another xloud is running on .*--data-dir/);
    release();
    lockDataDir(dir)();
  });

  it('cannot be opened by other users', () => {
    assert.equal(statSync(join(dir, 'lock')).mode & 0o077, 0);
  });

  it('ends with a process that is killed', async () => {
    const source = new URL('../../../src/main/lock.ts', import.meta.url).href;
    const program = `const { lockDataDir } = await import('${source}'); globalThis.release = lockDataDir(${JSON.stringify(dir)});
      process.stdout.write('held'); setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', program]);
    const ended = once(holder, 'exit');
    try {
      await once(holder.stdout, 'data');
      assert.throws(() => lockDataDir(dir), /another xloud is running/);
    } finally {
      holder.kill('SIGKILL');
      await ended;
    }
    lockDataDir(dir)();
  });
});
