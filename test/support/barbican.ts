// Why: signatures of images are tested with the key manager that operators run, Debian's Barbican, started here in a directory of its own
// and registered in a Keystone.

import { execFile, spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { authtoken, register, type TestKeystone } from './keystone.ts';
import { scratchDir } from './scratch.ts';
import { eventually, freePort } from './serve.ts';

const run = promisify(execFile);

const MANAGE = '/usr/bin/barbican-manage';
const UWSGI = '/usr/bin/uwsgi_python3';
const PASTE = '/usr/share/barbican-common/barbican-api-paste.ini';
const UP_MS = 60_000;

/** Why Barbican cannot be started on this machine, or null. */
export function barbicanMissing(): string | null {
  const missing = [MANAGE, UWSGI, PASTE].filter((path) => !existsSync(path));
  return missing.length === 0 ? null : `${missing.join(', ')} not installed (Debian package barbican-api)`;
}

export interface TestBarbican {
  /** `http://127.0.0.1:PORT`, as the catalog has it. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

const config = (dir: string, endpoint: string, keystone: TestKeystone): string => `[DEFAULT]
host_href = ${endpoint}
sql_connection = sqlite:///${join(dir, 'barbican.db')}
db_auto_create = false
log_file = ${join(dir, 'barbican.log')}
[database]
connection = sqlite:///${join(dir, 'barbican.db')}
${authtoken(keystone, 'barbican')}[oslo_policy]
policy_file = ${join(dir, 'policy.yaml')}
[secretstore]
enabled_secretstore_plugins = store_crypto
[crypto]
enabled_crypto_plugins = simple_crypto
[simple_crypto_plugin]
kek = ${Buffer.alloc(32, 7).toString('base64')}
`;

/** Debian's, with Keystone's middleware told where its options are: it would look in the machine's own file. */
const pasteOf = (text: string, file: string): string =>
  text.replace('auth_token:filter_factory', `$&\noslo_config_project = barbican\noslo_config_file = ${file}`);

/** Starts Debian's Barbican on 127.0.0.1 with files; about ten seconds. */
export async function startBarbican(keystone: TestKeystone): Promise<TestBarbican> {
  const dir = await mkdtemp(join(scratchDir(), 'xloud-barbican-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const [file, paste, app] = ['barbican.conf', 'paste.ini', 'app.py'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(join(dir, 'policy.yaml'), '{}\n');
  await writeFile(file, config(dir, endpoint, keystone));
  await writeFile(paste, pasteOf(await readFile(PASTE, 'utf8'), file));
  await writeFile(app, `from paste import deploy\napplication = deploy.loadapp('config:${paste}')\n`);
  // where it looks for its configuration
  const env = { ...process.env, HOME: dir };
  await run(MANAGE, ['db', 'upgrade'], { cwd: dir, env });
  await register(keystone, { user: 'barbican', type: 'key-manager', url: endpoint });
  const log = createWriteStream(join(dir, 'uwsgi.log'));
  await new Promise((resolve) => log.once('open', resolve));
  const child = spawn(
    UWSGI,
    [
      ...['--http-socket', `127.0.0.1:${port}`, '--plugins', 'python3', '--wsgi-file', app, '--need-app'],
      ...['--die-on-term', '--add-header', 'Connection: close'],
    ],
    { cwd: dir, stdio: ['ignore', log, log], env },
  );
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await eventually('Barbican', UP_MS, async () => {
    if (child.exitCode !== null) throw new Error(`Barbican ended:\n${await readFile(join(dir, 'uwsgi.log'), 'utf8')}`);
    const answer = await fetch(endpoint).catch(() => null);
    await answer?.body?.cancel();
    return answer?.status === 300 || answer?.ok ? true : null;
  });
  return {
    endpoint,
    async stop() {
      child.kill('SIGKILL');
      await gone;
      log.end();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
