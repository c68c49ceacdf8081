// Why: `xloud serve` over two real hosts in one process, which may be killed and started again while they go on.
//
// node two-hosts-child.ts DATA_DIR PORT; options by the environment, as for `xloud serve`; TWO_HOSTS: the hosts, as JSON

import { join } from 'node:path';
import { loadConfig } from '../../src/main/config.ts';
import { openLog } from '../../src/main/log-files.ts';
import type { ChosenDriver, DrivenHost, DriverParts } from '../../src/main/driver.ts';
import { serve } from '../../src/main/serve.ts';
import { makeLibvirtDriver } from '../../src/virt/libvirt/driver.ts';
import { moving } from './two-hosts.ts';

/** One of the hosts of TWO_HOSTS. */
export interface ChildHost {
  readonly name: string;
  readonly uri: string;
  readonly address: string;
  readonly instancesDir: string;
}

const [dataDir, port] = process.argv.slice(2) as [string, string];
const config = loadConfig({ env: process.env, flags: [`api.port=${port}`] });
const wished = JSON.parse(process.env.TWO_HOSTS ?? '[]') as readonly ChildHost[];

async function open({ images, clock, log }: DriverParts, host: ChildHost): Promise<DrivenHost> {
  const { name, uri, address, instancesDir } = host;
  const { live_migration_bandwidth: bandwidthMib } = config.compute;
  const driver = await makeLibvirtDriver({
    ...{ uri, instancesDir, images, sink: images, virtType: 'qemu', screen: 'socket', clock, log },
    cephDir: config.volume.ceph_dir,
    // the machine's would be both hosts'
    initiatorFile: join(instancesDir, 'initiatorname.iscsi'),
    ...moving(address, { bandwidthMib }),
  });
  return { name, driver, answersDir: join(dataDir, `answers-${name}`) };
}

async function drive(parts: DriverParts): Promise<ChosenDriver> {
  const [first, ...others] = wished;
  if (first === undefined) throw new Error('TWO_HOSTS names none');
  const hosts: [DrivenHost, ...DrivenHost[]] = [await open(parts, first)];
  for (const other of others) hosts.push(await open(parts, other));
  return { hosts, fellBack: null };
}

await serve({ config, dataDir, log: openLog(config), drive });
