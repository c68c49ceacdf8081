// What a driver does of a move, on two real hosts. Needs root and a hypervisor's packages, as libvirt-driver.test.ts does.

import { readQcow2File } from '../../src/base/qcow2.ts';
import type { Driver } from '../../src/virt/driver.ts';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LibvirtHost } from '../support/libvirt-host.ts';
import { configDriveOf, networkOf, nicOf } from '../support/libvirt-host.ts';
import { moveContract } from '../support/move-contract.ts';
import { moving, startTwoHosts } from '../support/two-hosts.ts';

const TIMEOUT_MS = 120_000;
const GIB = 1024 ** 3;

moveContract('libvirt', TIMEOUT_MS, async () => {
  const two = await startTwoHosts({ driver: () => ({ screen: 'socket' }) });
  const { a, b } = two;
  const hostOf = (driver: Driver): LibvirtHost => (driver === b.driver ? b : a);
  const slow = await a.anotherDriver(moving(two.addressOf(a), { bandwidthMib: 4 }));
  const network = networkOf(5);
  let last = 10;
  return {
    ...{ a: a.driver, b: b.driver, slow },
    close: async () => {
      await slow.close();
      await two.close();
    },
    slowSpec: () => a.spec(),
    uptime: async (on, uuid) => (await hostOf(on).consoleOf(uuid).last())?.upS ?? 0,
    spec: () => a.spec({ nics: [nicOf(network, last++)], configDrive: configDriveOf() }),
    ready: (on, uuid) => hostOf(on).ready(uuid),
    mark: (on, uuid) => hostOf(on).mark(uuid),
    marked: (on, uuid) => hostOf(on).marked(uuid),
    rootGb: async (on, uuid) => {
      const bytes = (await readQcow2File(join(hostOf(on).instancesDir, uuid, 'disk')))?.virtualBytes ?? 0;
      return bytes / GIB;
    },
    leftovers: async (on, uuid) => {
      const { instancesDir, leftovers } = hostOf(on);
      return [...(await leftovers(uuid)), ...(existsSync(join(instancesDir, '_aside', uuid)) ? ['aside'] : [])];
    },
  };
});
