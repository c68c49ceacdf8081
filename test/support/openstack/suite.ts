// Why: one suite for each client: the walk on `xloud serve` with the fake driver, then what the client printed beside what it
// printed of a real Nova.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Service, startService } from '../serve.ts';
import { type OpenstackClient, startClient } from './client.ts';
import { explained, notRun } from './explained.ts';
import { type ClientName, withoutClient } from './process.ts';
import { type Difference, differences, type Printed } from './shape.ts';
import { stageOf, steps } from './walk.ts';

const IMAGE_BYTES = 1 << 20;

/** What each client printed of a real Nova; tools/openstack/record.ts wrote it. */
const nova = JSON.parse(readFileSync(join(import.meta.dirname, 'nova.json'), 'utf8')) as Record<ClientName, Printed>;

/** A cloud with what the walk finds in the recorded one. */
const startCloud = (): Promise<Service> =>
  startService({
    driver: 'fake',
    env: {
      // as the cloud had it whose answers were recorded
      XLOUD_COMPUTE__FORCE_CONFIG_DRIVE: 'no',
      XLOUD_LOG__LEVEL: 'warn',
      XLOUD_COMPUTE__HOST: 'compute1',
      XLOUD_COMPUTE__FAKE_HOSTS: '2',
      XLOUD_COMPUTE__CONSOLE_BASE_URL: 'http://127.0.0.1:6080',
      XLOUD_COMPUTE__RECLAIM_INSTANCE_INTERVAL_SECONDS: '3600',
    },
  });

async function furnish(client: OpenstackClient, dir: string): Promise<void> {
  const { run } = stageOf(client);
  const file = join(dir, 'image');
  writeFileSync(file, Buffer.alloc(IMAGE_BYTES));
  await run(`image create --public --disk-format raw --container-format bare --file ${file} tiny`);
  await run('network create --external public');
  await run('subnet create --network public --subnet-range 198.51.100.0/24 --no-dhcp public');
}

/** Declares the tests of one client. */
export function comparedWithNova(which: ClientName): void {
  describe(`the compute commands of the ${which} openstack client`, {
    skip: withoutClient(which),
    concurrency: 1,
  }, () => {
    let service: Service;
    let client: OpenstackClient;
    let found: readonly Difference[];
    before(async () => {
      service = await startCloud();
      client = await startClient(which, join(service.dataDir, 'clouds.yaml'), service.dataDir);
      await furnish(client, service.dataDir);
    });
    after(async () => {
      await client?.close();
      await service?.close();
    });

    for (const [name, step] of Object.entries(steps)) it(name, () => step(stageOf(client)));

    it('prints what Nova prints, but for what is explained', () => {
      found = [...differences(nova[which], client.printed)];
      const rows = explained.filter(({ concerns }) => concerns(which));
      assert.deepEqual(
        found.filter((difference) => !rows.some(({ covers }) => covers(difference))),
        [],
      );
    });

    it('explains nothing that is not so', () => {
      const idle = explained.filter(({ concerns, covers }) => concerns(which) && !found.some(covers));
      assert.deepEqual(
        idle.map(({ row }) => row),
        [],
      );
    });

    it('leaves out no command without a reason', () => {
      const left = client.commands.filter((command) => !client.used.has(command) && !notRun.has(command));
      assert.deepEqual(left, []);
    });
  });
}
