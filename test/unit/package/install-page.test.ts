// The page that tells how to install is run by `make install-test`; that it can be run is seen here, in no time.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandBlocks, sectionOf } from '../../../tools/install-test/page.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'installing.md'), 'utf8');
const blocks = commandBlocks(page);

test('every block of the page is for a machine, and is shell', () => {
  for (const { commands, machines } of blocks) {
    assert.ok(machines.length > 0);
    execFileSync('bash', ['-n'], { input: commands });
  }
});

test('what the test follows is there, in this order', () => {
  const titles = [...new Set(blocks.map(({ under }) => under[0]))];
  assert.deepEqual(titles, ['One machine', 'Three machines', 'Upgrade', 'Rollback']);
  assert.ok(sectionOf(blocks, 'Upgrade').some(({ commands }) => commands.includes('mariadb-dump')));
  assert.throws(() => sectionOf(blocks, 'Nothing'), /no commands/);
});

test('a block for nobody is refused', () => {
  assert.throws(() => commandBlocks('## A\n\n```sh\nls\n```\n'), /which machine/);
  assert.throws(() => commandBlocks('```sh one\nls\n'), /no end/);
  assert.deepEqual(commandBlocks('```console\n$ ls\n```\n'), []);
});
