// Why: `make horizon`. OpenStack's dashboard, Debian's and unmodified, against `xloud serve` on the fake driver: its pages show what is
// there and no error, and servers, volumes and networks live their lives by its forms and buttons.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { eventually, freePort, startService } from '../../test/support/serve.ts';

const PYTHON = '/usr/bin/python3';
const READY_MS = 60_000;

const own = (name: string): string => join(import.meta.dirname, name);
const service = await startService({ driver: 'fake', env: { XLOUD_COMPUTE__FAKE_HOSTS: '2' } });
const dir = mkdtempSync(join(tmpdir(), 'xloud-horizon-'));
const port = String(await freePort());
const site = `http://127.0.0.1:${port}`;
const log = openSync(join(dir, 'log'), 'a', 0o600);
const horizon = spawn(PYTHON, [own('site.py'), port, `${service.url}/identity/v3`, dir], {
  stdio: ['ignore', log, log],
});
try {
  const image = { name: 'tiny', visibility: 'public', disk_format: 'raw', container_format: 'bare' };
  const made = await service.request('xloud', 'POST', '/image/v2/images', image);
  await service.request('xloud', 'PUT', `/image/v2/images/${made.body.id}/file`, randomBytes(1 << 20));
  await eventually('Horizon', READY_MS, async () => {
    if (horizon.exitCode !== null) throw new Error(readFileSync(join(dir, 'log'), 'utf8').slice(-3_000));
    return (await fetch(`${site}/auth/login/`).catch(() => null))?.ok ? true : null;
  });
  const walk = spawn(PYTHON, [own('walk.py'), site, join(service.dataDir, 'clouds.yaml')], { stdio: 'inherit' });
  const [status] = (await once(walk, 'exit')) as [number | null];
  process.exitCode = status ?? 1;
  if (status !== 0) console.log(readFileSync(join(dir, 'log'), 'utf8').slice(-3_000));
} finally {
  horizon.kill();
  await service.close();
  rmSync(dir, { recursive: true, force: true });
}
