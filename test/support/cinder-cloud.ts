// Why: a real Cinder wants neighbours and storage; tests of it start them all the same way, in a network namespace of their own, and wire
// hypervisors to the storage.

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cephMissing, startCeph, type TestCeph } from './ceph.ts';
import { cinderMissing, startCinder, type TestCinder } from './cinder-server.ts';
import { glanceMissing, startGlance, type TestGlance } from './glance.ts';
import {
  cloudsFor,
  enrol,
  keystoneMissing,
  type Member,
  register,
  startKeystone,
  type TestKeystone,
} from './keystone.ts';
import { startRabbitmq } from './rabbitmq.ts';
import type { Service } from './serve.ts';
import { startTgtd, tgtdMissing } from './tgtd.ts';

const run = promisify(execFile);

/** Where storage listens. */
const STORAGE = '10.88.0.1';
const WIRE = 'storage';
const VERSION = { 'OpenStack-API-Version': 'volume 3.68' };

/** A namespace that was just made has no more than the loopback. */
const shared = (): string | null =>
  Object.keys(networkInterfaces()).every((name) => name === 'lo' || name.startsWith(WIRE))
    ? null
    : 'this is the network namespace of the machine: make cinder';

/** Why none of it can be started here, or null. */
export const cinderCloudMissing = (): string | null =>
  keystoneMissing() ?? glanceMissing() ?? cinderMissing() ?? cephMissing() ?? tgtdMissing() ?? shared();

export const tenant = { name: 'xloud-demo', project: 'tenants', roles: ['member', 'reader'] } as const satisfies Member;

export interface CinderCloud {
  readonly ceph: TestCeph;
  readonly cinder: TestCinder;
  readonly glance: TestGlance;
  readonly keystone: TestKeystone;
  /** Options of the service that is tested. */
  readonly env: Readonly<Record<string, string>>;
  /** Makes the service known, and its types of volumes: `ceph` and `files`. */
  started(service: Service): Promise<void>;
  /** A hypervisor's namespace reaches the storage, and nothing else. */
  wire(pid: number): Promise<void>;
  stop(): Promise<void>;
}

/** A minute and a half on an idle machine. */
export async function startCinderCloud(): Promise<CinderCloud> {
  const ends: (() => Promise<unknown>)[] = [];
  const started = async <T extends { stop(): Promise<unknown> }>(one: Promise<T>): Promise<T> => {
    const made = await one;
    ends.push(() => made.stop());
    return made;
  };
  const stop = async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  };
  try {
    await run('ip', ['link', 'set', 'lo', 'up']);
    await run('ip', ['addr', 'replace', `${STORAGE}/32`, 'dev', 'lo']);
    const keystone = await started(startKeystone({ provider: 'fernet' }));
    const [glance, ceph, broker, tgtd] = await Promise.all([
      started(startGlance(keystone)),
      started(startCeph(STORAGE)),
      started(startRabbitmq()),
      started(startTgtd(STORAGE)),
    ]);
    const transportUrl = `rabbit://guest:guest@127.0.0.1:${broker.port}/`;
    const cinder = await started(startCinder({ keystone, transportUrl, images: glance.endpoint, ceph, tgtd }));
    await register(keystone, { user: 'nova', type: 'xloud', url: 'http://127.0.0.1:1' });
    await enrol(keystone, tenant);
    let wires = 0;
    return {
      ...{ ceph, cinder, glance, keystone, stop },
      env: {
        XLOUD_IDENTITY__AUTH_URL: keystone.authUrl,
        XLOUD_IDENTITY__USERNAME: 'nova',
        XLOUD_IDENTITY__PASSWORD: 'nova',
        XLOUD_IMAGE__SERVICE: 'glance',
        XLOUD_VOLUME__SERVICE: 'cinder',
        XLOUD_VOLUME__CEPH_DIR: ceph.dir,
      },
      async started(service) {
        await register(keystone, { user: 'nova', type: 'compute', url: `${service.url}/compute/v2.1` });
        await writeFile(join(service.dataDir, 'clouds.yaml'), cloudsFor(keystone, [tenant]));
        for (const name of ['ceph', 'files']) {
          const wish = { volume_type: { name, extra_specs: { volume_backend_name: name } } };
          const { status } = await service.request('xloud', 'POST', '/volume/v3/types', wish, VERSION);
          if (status !== 200) throw new Error(`type ${name}: ${status}`);
        }
      },
      async wire(pid) {
        wires += 1;
        const [near, far] = [`10.88.${wires}.1`, `10.88.${wires}.2`];
        const inside = (...words: string[]) => run('nsenter', ['-t', String(pid), '-n', 'ip', ...words]);
        const here = `${WIRE}${wires}`;
        await run('ip', ['link', 'add', here, 'type', 'veth', 'peer', 'name', WIRE, 'netns', String(pid)]);
        await run('ip', ['addr', 'add', `${near}/30`, 'dev', here]);
        await run('ip', ['link', 'set', here, 'up']);
        await inside('addr', 'add', `${far}/30`, 'dev', WIRE);
        await inside('link', 'set', WIRE, 'up');
        await inside('route', 'add', `${STORAGE}/32`, 'via', near);
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
