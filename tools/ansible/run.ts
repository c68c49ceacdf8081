// Why: `make ansible`. What a playbook asks for is there after it, and nothing of it is changed when it is asked for again.
//
//   node tools/ansible/run.ts VENV COLLECTIONS
//
// VENV: where ansible is installed. COLLECTIONS: where our own is.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startService } from '../../test/support/serve.ts';

const PLAYS = join(import.meta.dirname, 'play');
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH2UJg0hxpEcEGCLvyqzMckC5YW1uPbDVsqgmEDAhVda playbook';

interface Ran {
  readonly task: string;
  readonly changed: boolean;
  readonly skipped: boolean;
  readonly failed: string | null;
}

const [venv, collections] = process.argv.slice(2);
if (venv === undefined || collections === undefined) {
  console.error('usage: node tools/ansible/run.ts VENV COLLECTIONS');
  process.exit(2);
}
const dir = mkdtempSync(join(tmpdir(), 'xloud-ansible-'));
const service = await startService({ driver: 'fake', env: { XLOUD_LOG__LEVEL: 'warn' } });
const env = {
  PATH: `${venv}/bin:${process.env['PATH']}`,
  ...{ HOME: dir, LANG: 'C.UTF-8', OS_CLIENT_CONFIG_FILE: join(service.dataDir, 'clouds.yaml') },
  ...{ ANSIBLE_COLLECTIONS_PATH: collections, ANSIBLE_STDOUT_CALLBACK: 'ansible.posix.json' },
  ...{ ANSIBLE_PYTHON_INTERPRETER: join(venv, 'bin', 'python'), ANSIBLE_LOCALHOST_WARNING: 'False' },
};

/** What became of each task of a play. Rejects with what ansible said where it said nothing of tasks. */
async function play(name: string, first: boolean): Promise<Ran[]> {
  const given = { image: join(dir, 'image.raw'), public_key: KEY, first };
  const words = [join(PLAYS, name), '-i', 'localhost,', '-e', JSON.stringify(given)];
  const child = spawn(join(venv as string, 'bin', 'ansible-playbook'), words, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (!out.startsWith('{')) throw new Error(`${name}: ${out}${said}`);
  const { plays } = JSON.parse(out);
  // oxlint-disable-next-line typescript/no-explicit-any -- the report of a program
  return plays.flatMap(({ tasks }: any) =>
    // oxlint-disable-next-line typescript/no-explicit-any -- the same
    tasks.map(({ task, hosts: { localhost } }: any) => ({
      task: task.name,
      changed: localhost.changed === true,
      skipped: localhost.skipped === true,
      failed: localhost.failed === true ? (localhost.msg ?? JSON.stringify(localhost)) : null,
    })),
  );
}

/** Plays, and tells every task that is not as it shall be. */
async function check(name: string, first: boolean, changes: boolean): Promise<boolean> {
  const ran = await play(name, first);
  const wrong = ran.filter(({ changed, skipped, failed }) => failed !== null || (changed !== changes && !skipped));
  for (const { task, failed } of wrong) {
    console.log(`${name}, ${task}: ${failed ?? (changes ? 'was not changed' : 'was changed again')}`);
  }
  const tasks = ran.filter(({ skipped }) => !skipped).length;
  const words = changes ? 'all of them changes' : 'nothing changed';
  console.log(
    `ansible: ${name}${first ? '' : ', again'}: ${tasks} tasks, ${wrong.length} not as they shall be (${words})`,
  );
  return wrong.length === 0 && tasks > 0;
}

try {
  writeFileSync(join(dir, 'image.raw'), Buffer.alloc(1 << 20));
  const passed = [
    await check('site.yml', true, true),
    await check('site.yml', false, false),
    await check('look.yml', true, false),
    await check('gone.yml', true, true),
    await check('gone.yml', false, false),
  ];
  if (!passed.every(Boolean)) process.exitCode = 1;
} finally {
  await service.close();
  rmSync(dir, { recursive: true, force: true });
}
