import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../../src/base/limits.ts';
import { filesOf, logFiles } from '../../../src/main/log-files.ts';

const VM = '5f110184-bd9a-4f67-8e82-58af4d02df06';
const MIGRATION = '4a33ab35-543c-4e7e-a505-c78a074550de';

describe('log files', () => {
  it('are those that the fields of a line name, and no others', () => {
    assert.deepEqual(filesOf({ service: 'compute', path: `/v2.1/servers/${VM}` }), ['api.log']);
    assert.deepEqual(filesOf({ part: 'hypervisor', uuid: VM, server: VM }), ['hypervisor.log', `vms/${VM}.log`]);
    assert.deepEqual(filesOf({ server: VM, migration: MIGRATION }), [`vms/${VM}.log`, `migrations/${MIGRATION}.log`]);
    for (const server of [
      '../../etc/passwd',
      `../${VM}`.slice(0, 36),
      7,
      null,
      `${VM}\n`,
      ['a'],
      VM.replaceAll('-', ''),
    ])
      assert.deepEqual(filesOf({ server, migration: server }), [], String(server));
  });

  it('are written a moment later, for their owner and his group', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'xloud-log-files-'));
    try {
      const write = logFiles(directory);
      write(`${JSON.stringify({ server: VM, msg: 'one' })}\n`);
      write(`${JSON.stringify({ msg: 'nobody' })}\n`);
      await sleep(limits.logFlushMs * 3);
      assert.deepEqual(readdirSync(join(directory, 'vms')), [`${VM}.log`]);
      assert.equal(statSync(join(directory, 'vms', `${VM}.log`)).mode & 0o777, 0o640);
      assert.deepEqual(readdirSync(directory).toSorted(), ['migrations', 'vms']);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
