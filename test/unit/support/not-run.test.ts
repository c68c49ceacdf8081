import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const root = join(import.meta.dirname, '..', '..', '..');

describe('what a run of tests did not run', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'xloud-not-run-'));
    const files = {
      'gap.test.mjs': `describe('suite', { skip: 'no such program' }, () => { it('a', () => {}); });
        it('one', { skip: 'no such program' }, () => {}); it('two', (t) => t.skip());`,
      'fine.test.mjs': `it('one', (t) => t.skip('this driver cannot')); it('two', () => {});
        it('three', { skip: 'beside the tests: no folder' }, () => {});`,
      'hung.test.mjs': "it('one', () => {}); it('two', () => new Promise(() => setInterval(() => {}, 100)));",
    };
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(dir, name), `import { describe, it } from 'node:test';\n${text}\n`);
  });
  after(() => rmSync(dir, { recursive: true }));

  const run = async (
    file: string,
    CI: string,
    more: object = {},
  ): Promise<{ status: number; told: string; handedOn: string }> => {
    const list = join(dir, 'not-run.txt');
    writeFileSync(list, '');
    const { NODE_TEST_CONTEXT: _outer, ...env } = process.env;
    const [status, told] = await new Promise<[number, string]>((resolve) => {
      execFile(
        process.execPath,
        ['tools/run-tests.ts', join(dir, file)],
        { cwd: root, env: { ...env, CI, XLOUD_NOT_RUN: list, ...more } },
        (error, _out, stderr) => resolve([error === null ? 0 : Number(error.code), stderr]),
      );
    });
    return { status, told, handedOn: readFileSync(list, 'utf8') };
  };

  it('is told at its end, and fails it only where nobody looks', async () => {
    const attended = await run('gap.test.mjs', '');
    assert.equal(attended.status, 0);
    assert.match(attended.told, /NOT RUN HERE \(with CI=true this run would fail\):\n/);
    assert.match(
      attended.told,
      /gap\.test\.mjs: no such program \(2 times\)\n.*gap\.test\.mjs: two, without a reason\n/,
    );
    assert.equal(attended.handedOn.match(/gap\.test\.mjs/g)?.length, 2);
    const unattended = await run('gap.test.mjs', 'true');
    assert.equal(unattended.status, 1);
    assert.match(unattended.told, /NOT RUN HERE \(CI is set, so this run fails\):\n/);
  });

  it('is given up where a test never ends, and says which', async () => {
    const { status, told } = await run('hung.test.mjs', '', { XLOUD_TEST_SILENCE_S: '2' });
    assert.equal(status, 1);
    assert.match(told, /^Nothing was heard for 2 s while 'two' ran; the run is given up\.$/m);
  });

  it('is nothing where a driver has not what is tested, or a comparison is beside the tests', async () => {
    const { status, told, handedOn } = await run('fine.test.mjs', 'true');
    assert.deepEqual([status, handedOn], [0, '']);
    assert.match(told, /NOT RUN, nor need be: .*fine\.test\.mjs: no folder\n$/);
    assert.doesNotMatch(told, /NOT RUN HERE/);
  });
});
