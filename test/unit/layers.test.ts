import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');

/** One import that each layer's law forbids, and one that it allows. */
const laws: readonly [file: string, forbidden: string, allowed: string | null][] = [
  ['src/base/x.ts', '../domain/y.ts', null],
  ['src/domain/x.ts', '../db/y.ts', '../base/y.ts'],
  ['src/policies/x.ts', '../domain/y.ts', '../base/y.ts'],
  ['src/scheduler/filters/x.ts', '../../db/y.ts', '../../domain/y.ts'],
  ['src/db/x.ts', '../ops/y.ts', '../domain/y.ts'],
  ['src/bus/x.ts', '../virt/y.ts', '../domain/y.ts'],
  ['src/cloud/x.ts', '../standalone/y.ts', '../domain/y.ts'],
  ['src/virt/libvirt/x.ts', '../../bus/y.ts', '../../domain/y.ts'],
  ['src/web/x.ts', '../domain/y.ts', '../base/y.ts'],
  ['src/console/x.ts', '../ops/y.ts', '../web/y.ts'],
  ['src/standalone/image/x.ts', '../../ops/y.ts', '../../db/y.ts'],
  ['src/ops/x.ts', '../api/y.ts', '../scheduler/y.ts'],
  ['src/agent/x.ts', '../db/y.ts', '../virt/y.ts'],
  ['src/api/compute/x.ts', '../../bus/y.ts', '../../ops/y.ts'],
  ['src/api/compute/servers/x.ts', '../../../db/tx.ts', '../../../db/servers.ts'],
  ['src/client/x.ts', '../web/y.ts', '../base/y.ts'],
  ['src/faces/novacron/x.ts', '../../ops/y.ts', '../../client/y.ts'],
  ['src/cli/x.ts', '../ops/y.ts', '../client/y.ts'],
  ['src/faces/dashboard/x.ts', '../../db/y.ts', '../../web/y.ts'],
  ['src/faces/dashboard/page/x.tsx', '../../../ops/y.ts', '../../../base/y.ts'],
  ['src/operator/x.ts', '../web/y.ts', '../client/y.ts'],
];

describe('the layers', () => {
  const dir = mkdtempSync(join(tmpdir(), 'xloud-layers-'));
  after(() => rmSync(dir, { recursive: true }));

  const lint = (file: string, target: string) => {
    const path = join(dir, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `import '${target}';\n`);
    return new Promise<string>((resolve) => {
      const args = ['--config', join(dir, '.oxlintrc.json'), '--format', 'json', file];
      execFile(join(ROOT, 'node_modules', '.bin', 'oxlint'), args, { cwd: dir }, (_error, stdout) => resolve(stdout));
    });
  };

  before(() => cpSync(join(ROOT, '.oxlintrc.json'), join(dir, '.oxlintrc.json')));

  for (const [file, forbidden, allowed] of laws) {
    it(`${file} may not import ${forbidden}`, async () => {
      assert.match(await lint(file, forbidden), /no-restricted-imports/);
      if (allowed !== null) assert.doesNotMatch(await lint(file, allowed), /no-restricted-imports/);
    });
  }
});
