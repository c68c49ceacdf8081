import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';

describe('the log', () => {
  it('has no statement that a database driver hangs on an error: its values may be secrets', () => {
    const program = `
      import { makeLog } from ${JSON.stringify(join(import.meta.dirname, '../../../src/base/log.ts'))};
      const sql = "insert into users values ('a-secret-hash')";
      const error = Object.assign(new Error('Connection lost'), { sql, sqlMessage: sql, bindings: ['a-secret-hash'], code: 'EPIPE' });
      makeLog('info').error({ err: error }, 'failed');`;
    const words = [
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '-e',
      `${program} process.exitCode = 0;`,
    ];
    const { stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    assert.match(stderr, /Connection lost/);
    assert.match(stderr, /EPIPE/);
    assert.ok(!stderr.includes('a-secret-hash'), stderr);
  });
});
