// Why: what real Nova prints is known from real Nova. Sends a client on the walk in another cloud and writes down what it printed:
//
//   node tools/openstack/record.ts CLOUDS_YAML CLIENT [RESTART]
//
// CLIENT: debian or newest. The cloud `xloud` of the file must be an administrator's; RESTART is a command that starts the compute
// service of a host anew. docs/openstack-client.md says what the cloud must offer. Writes test/support/openstack/nova.json.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startClient } from '../../test/support/openstack/client.ts';
import type { ClientName } from '../../test/support/openstack/process.ts';
import type { Printed } from '../../test/support/openstack/shape.ts';
import { stageOf, steps } from '../../test/support/openstack/walk.ts';

const FILE = join(import.meta.dirname, '../../test/support/openstack/nova.json');

const [clouds = '', which = 'debian', restart = 'true'] = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), 'xloud-record-'));
const client = await startClient(which as ClientName, clouds, home);
const stage = stageOf(client, async (host) => void execFileSync(restart, [host]));
try {
  for (const [name, step] of Object.entries(steps)) {
    const beganMs = Date.now();
    await step(stage);
    process.stdout.write(`${name}: ${Date.now() - beganMs} ms\n`);
  }
  const recorded = JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, Printed>;
  writeFileSync(FILE, `${JSON.stringify({ ...recorded, [which]: client.printed }, null, 1)}\n`);
} finally {
  await client.close();
  rmSync(home, { recursive: true });
}
