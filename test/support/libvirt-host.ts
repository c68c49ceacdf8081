// Why: tests of the libvirt driver need a whole host of their own: a private libvirtd, a folder for guests, images that boot,
// and specs of guests on a network. One call makes it, one call removes all of it.

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { notFound } from '../../src/base/errors.ts';
import { type Log, makeLog } from '../../src/base/log.ts';
import type { ConfigDriveSpec, GuestSpec } from '../../src/domain/servers/guests.ts';
import type { ImageFacts } from '../../src/domain/machines/images.ts';
import type { NetworkFacts, NicSpec } from '../../src/domain/networks/server-nics.ts';
import type { Driver, ImageSink, ImageSource } from '../../src/virt/driver.ts';
import { makeLibvirtDriver, type LibvirtDriverOptions } from '../../src/virt/libvirt/driver.ts';
import { buildGuest, ConsoleLog, QUICK_BOOT } from './guest.ts';
import { runInside } from './inside.ts';
import { memorySink } from './memory-sink.ts';
import { type Libvirtd, type LibvirtdOptions, startLibvirtd } from './libvirtd.ts';

const READY_MS = 180_000;
/** Between two questions to an agent, each of which starts a program. */
const ASK_MS = 500;
/** Where on its disk a guest writes a mark: within the first GiB. */
const MARK_SECTOR = 2_000_000;

export interface TestImage {
  readonly facts: ImageFacts;
  readonly path: string;
}

/** A file as an image of the image service, with its true size and hash. */
export async function imageOf(path: string, diskFormat: string): Promise<TestImage> {
  const hash = createHash('sha512');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  const facts: ImageFacts = {
    ...{ id: randomUUID(), name: diskFormat, status: 'active', owner: null, visibility: 'public', diskFormat },
    ...{ containerFormat: 'bare', minDiskGb: 0, minRamMb: 0, sizeBytes: (await stat(path)).size },
    ...{ virtualSizeBytes: null, checksum: null, osHashAlgo: 'sha512', osHashValue: hash.digest('hex') },
    properties: {},
  };
  return { facts, path };
}

export interface TestImages extends ImageSource, ImageSink {
  /** How often each was fetched. */
  readonly reads: Map<string, number>;
  /** The bytes of those that were written; they can be read like the others. */
  readonly stored: Map<string, Buffer>;
}

/** An image service of files, and of what is written to it. */
function imageSource(images: readonly TestImage[]): TestImages {
  const reads = new Map<string, number>();
  const stored = new Map<string, Buffer>();
  return {
    reads,
    stored,
    ...memorySink(stored),
    read: (imageId) => {
      const image = images.find(({ facts }) => facts.id === imageId);
      const bytes = stored.get(imageId);
      if (image === undefined && bytes === undefined) return Promise.reject(notFound(`No image ${imageId}`));
      reads.set(imageId, (reads.get(imageId) ?? 0) + 1);
      if (image === undefined) return Promise.resolve(Readable.from([bytes]));
      return Promise.resolve(createReadStream(image.path) as AsyncIterable<Uint8Array>);
    },
  };
}

/** Network number `n`, 10.77.n.0/24, of which .1 is the gateway. */
export function networkOf(n: number): NetworkFacts {
  const subnet = {
    ...({ id: randomUUID(), cidr: `10.77.${n}.0/24`, ipVersion: 4, gateway: `10.77.${n}.1` } as const),
    ...{ enableDhcp: true, dnsServers: [], hostRoutes: [] },
  };
  return { id: randomUUID(), name: `net${n}`, projectId: 'p', mtu: 1400, subnets: [subnet] };
}

/** A port on it with the address that ends in `last`. */
export function nicOf(network: NetworkFacts, last: number): NicSpec {
  const subnet = network.subnets[0];
  if (subnet === undefined) throw new Error('a network without a subnet');
  const mac = `fa:16:3e:${[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
  return {
    ...{ portId: randomUUID(), mac, network, tag: null, vifType: 'nat', vifDetails: {}, floatingIps: [] },
    fixedIps: [{ address: subnet.cidr.replace(/\.0\/24$/, `.${last}`), subnetId: subnet.id }],
    ...{ securityGroups: [], preexisting: false },
  };
}

export const configDriveOf = (more: Partial<ConfigDriveSpec> = {}): ConfigDriveSpec => ({
  ...{ availabilityZone: 'nova', keyName: null, publicKey: null, keyType: null, adminPass: null, userData: null },
  ...{ launchIndex: 0, projectName: 'demo', files: [] },
  ...more,
});

export interface LibvirtHost {
  readonly libvirtd: Libvirtd;
  readonly driver: Driver;
  readonly instancesDir: string;
  readonly images: TestImages;
  readonly log: Log;
  /** The Linux guest's disk, kernel and initial ramdisk. */
  readonly guestImages: { readonly root: TestImage; readonly kernel: TestImage; readonly ramdisk: TestImage };
  /** A Linux guest that boots its kernel directly: 1 to 4 vCPUs, 256 to 1024 MiB, booting with 1 and 256. */
  readonly spec: (more?: Partial<GuestSpec>) => GuestSpec;
  readonly consoleOf: (uuid: string) => ConsoleLog;
  /** virsh on the private libvirtd. */
  readonly virsh: (...args: string[]) => Promise<string>;
  /** What a guest's own agent answers. */
  readonly askAgent: (uuid: string, command: object) => Promise<unknown>;
  /** Writes to the guest's root disk, from inside; what it wrote is then somewhere on the disk. */
  readonly mark: (uuid: string) => Promise<string>;
  /** What the guest reads where it was last told to write. */
  readonly marked: (uuid: string) => Promise<string>;
  /** Resolves when the guest's agent answers, which is when everything in it is up. */
  readonly ready: (uuid: string) => Promise<void>;
  /** What a user does inside with `poweroff`. */
  readonly powerOffFromInside: (uuid: string) => Promise<void>;
  /** Ends the guest's QEMU as a fault of its own would. */
  readonly killQemu: (uuid: string) => Promise<void>;
  /** Whatever there is of a guest on the host. */
  readonly leftovers: (uuid: string) => Promise<readonly string[]>;
  /** A further driver on the same host, as after a restart of the program. */
  readonly anotherDriver: (more?: Partial<LibvirtDriverOptions>) => Promise<Driver>;
  readonly close: () => Promise<void>;
}

let linuxImages: Promise<LibvirtHost['guestImages']> | undefined;

/** The small Linux guest as images, the same for each host of this process. */
const builtImages = (): Promise<LibvirtHost['guestImages']> => (linuxImages ??= makeImages());

async function makeImages(): Promise<LibvirtHost['guestImages']> {
  const built = await buildGuest();
  const [root, kernel, ramdisk] = await Promise.all([
    imageOf(built.rootDisk, 'qcow2'),
    imageOf(built.kernel, 'aki'),
    imageOf(built.initrd, 'ari'),
  ]);
  const properties = { os_command_line: QUICK_BOOT };
  return { root: { ...root, facts: { ...root.facts, properties } }, kernel, ramdisk };
}

export async function startHost(
  options: LibvirtdOptions & {
    readonly driver?: Partial<LibvirtDriverOptions>;
    readonly extraImages?: readonly TestImage[];
    /** Another host, whose image service this one has too. */
    readonly beside?: Pick<LibvirtHost, 'images' | 'guestImages'>;
    /** Where guests' disks stand, for hosts that share it; default: a directory of its own. */
    readonly instancesDir?: string;
  } = {},
): Promise<LibvirtHost> {
  const { driver: driverOptions = {}, extraImages = [], beside, instancesDir: given, ...daemon } = options;
  const guestImages = beside?.guestImages ?? (await builtImages());
  const { root, kernel, ramdisk } = guestImages;
  const images = beside?.images ?? imageSource([root, kernel, ramdisk, ...extraImages]);
  const instancesDir = given ?? (await mkdtemp(join(tmpdir(), 'xloud-instances-')));
  const log = makeLog(process.env.XLOUD_TEST_LOG === undefined ? 'silent' : 'debug');
  const libvirtd = await startLibvirtd(daemon);
  const anotherDriver = (more: Partial<LibvirtDriverOptions> = {}) =>
    makeLibvirtDriver({
      uri: libvirtd.uri,
      instancesDir,
      images,
      sink: images,
      virtType: 'qemu',
      log,
      ...driverOptions,
      ...more,
    });
  const virsh = async (...args: string[]) =>
    (await libvirtd.exec('virsh', '-q', '-c', 'qemu:///system', ...args)).stdout.trim();
  const askAgent = async (uuid: string, command: object): Promise<unknown> =>
    (JSON.parse(await virsh('qemu-agent-command', uuid, JSON.stringify(command))) as { return: unknown }).return;
  let driver: Driver;
  try {
    driver = await anotherDriver();
  } catch (error) {
    await libvirtd.stop();
    await rm(instancesDir, { recursive: true, force: true });
    throw error;
  }
  return {
    ...{ libvirtd, driver, instancesDir, images, log, guestImages, virsh, anotherDriver },
    spec: (more = {}) => ({
      ...{ uuid: randomUUID(), name: 'a guest', hostname: 'a-guest', projectId: 'p', userId: 'u', metadata: {} },
      ...{ maximum: { vcpus: 4, memoryMb: 1024 }, minimum: { vcpus: 1, memoryMb: 256 } },
      ...{ boot: { vcpus: 1, memoryMb: 256 }, flavorName: 'elastic', extraSpecs: {} },
      ...{ numa: null, hostDevices: [], cpuTopology: null, lockedMemory: false },
      disks: { image: root.facts, rootGb: 1, ephemeralGb: 0, swapMb: 0 },
      ...{ kernel: kernel.facts, ramdisk: ramdisk.facts, nics: [], configDrive: null, createdAt: Date.now() },
      ...more,
    }),
    consoleOf: (uuid) => new ConsoleLog(join(instancesDir, uuid, 'console.log')),
    askAgent,
    ready: async (uuid) => {
      const end = Date.now() + READY_MS;
      for (;;) {
        try {
          await askAgent(uuid, { execute: 'guest-ping' });
          return;
        } catch (error) {
          if (Date.now() > end) throw error;
          await sleep(ASK_MS);
        }
      }
    },
    marked: (uuid) =>
      runInside(
        (command) => askAgent(uuid, command),
        `dd if=/dev/vda bs=512 skip=${MARK_SECTOR} count=1 | tr -d '\\000'`,
        READY_MS,
      ),
    mark: async (uuid) => {
      const words = `mark-${randomUUID()}`;
      // behind all that the image has
      const write = `printf ${words} | dd of=/dev/vda bs=512 seek=${MARK_SECTOR} conv=notrunc,fsync`;
      await runInside((command) => askAgent(uuid, command), write, READY_MS);
      return words;
    },
    powerOffFromInside: async (uuid) => {
      // the agent is gone before it can answer
      await askAgent(uuid, { execute: 'guest-shutdown', arguments: { mode: 'powerdown' } }).catch(() => {});
    },
    killQemu: async (uuid) => {
      await libvirtd.exec('sh', '-c', 'kill -9 "$(cat "/run/libvirt/qemu/xloud-$0.pid")"', uuid);
    },
    leftovers: async (uuid) => {
      const found = (await virsh('list', '--all', '--uuid')).split(/\s+/).filter((one) => one === uuid);
      if (existsSync(join(instancesDir, uuid))) found.push(...(await readdir(join(instancesDir, uuid))), 'directory');
      return found;
    },
    close: async () => {
      await driver.close();
      await libvirtd.stop();
      await rm(instancesDir, { recursive: true, force: true });
    },
  };
}

/** The processor's means for real virtual machines, told to a driver that shall believe in them. */
export const cpuinfoWith = async (flag: 'vmx' | 'svm'): Promise<string> =>
  (await readFile('/proc/cpuinfo', 'utf8')).replace(/^(flags\s*:.*)$/m, `$1 ${flag}`);
