// Why: OpenStack's dashboard, Debian's and unmodified, beside `xloud serve` on the fake driver, for those who walk through it and for
// those who take pictures.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort, type Service, startService } from '../../test/support/serve.ts';

export const PYTHON = '/usr/bin/python3';
const READY_MS = 180_000;

export interface Dashboard {
  readonly service: Service;
  /** Where it is. */
  readonly site: string;
  /** Its last words. */
  log(): string;
  close(): Promise<void>;
}

/** The cloud has two hosts and an image, `tiny`. */
export async function startDashboard(): Promise<Dashboard> {
  const service = await startService({ driver: 'fake', env: { XLOUD_COMPUTE__FAKE_HOSTS: '2' } });
  const dir = mkdtempSync(join(tmpdir(), 'xloud-horizon-'));
  const port = String(await freePort());
  const site = `http://127.0.0.1:${port}`;
  const output = openSync(join(dir, 'log'), 'a', 0o600);
  const words = [join(import.meta.dirname, 'site.py'), port, `${service.url}/identity/v3`, dir];
  const horizon = spawn(PYTHON, words, { stdio: ['ignore', output, output] });
  const log = (): string => readFileSync(join(dir, 'log'), 'utf8').slice(-3_000);
  const close = async (): Promise<void> => {
    horizon.kill();
    await service.close();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const image = { name: 'tiny', visibility: 'public', disk_format: 'raw', container_format: 'bare' };
    const made = await service.request('xloud', 'POST', '/image/v2/images', image);
    await service.request('xloud', 'PUT', `/image/v2/images/${made.body.id}/file`, randomBytes(1 << 20));
    await eventually('Horizon', READY_MS, async () => {
      if (horizon.exitCode !== null) throw new Error(log());
      return (await fetch(`${site}/auth/login/`).catch(() => null))?.ok ? true : null;
    });
  } catch (error) {
    await close();
    throw error;
  }
  return { service, site, log, close };
}
