// A service that says that it runs has heard its host, however slow that is: a server that is asked for at once finds a place.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '../../src/base/log.ts';
import { loadConfig } from '../../src/main/config.ts';
import { chooseDriver } from '../../src/main/driver.ts';
import { serve } from '../../src/main/serve.ts';

const SLOW_MS = 1_500;

it('a start is over once a host is up', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'xloud-start-'));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const config = loadConfig({ flags: ['api.port=0', 'compute.driver=fake'] });
  const drive: typeof chooseDriver = async (parts) => {
    const chosen = await chooseDriver(parts);
    const slowed = chosen.hosts.map((host) => ({
      ...host,
      driver: {
        ...host.driver,
        async inventory() {
          await sleep(SLOW_MS);
          return host.driver.inventory();
        },
      },
    }));
    return { ...chosen, hosts: slowed as unknown as typeof chosen.hosts };
  };
  const service = await serve({ config, dataDir, log: silentLog, drive });
  t.after(() => service.close());
  const response = await fetch(`${service.url}/readyz`);
  assert.equal(response.status, 200, await response.text());
});
