// Why: tests of the whole product on a real hypervisor need a libvirtd of their own, an image that boots (the small Linux guest,
// uploaded as its users would) and a flavor whose servers may change their size.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { messageOf } from '../../src/base/errors.ts';
import { buildGuest, type GuestImages, QUICK_BOOT } from './guest.ts';
import { runInside } from './inside.ts';
import { type Libvirtd, startLibvirtd } from './libvirtd.ts';
import { eventually, type Reply, type Service, startService } from './serve.ts';

const INSIDE_MS = 120_000;

/** The id of the guest's image, which names its kernel and initial ramdisk. @param given default: the small Linux guest */
export async function uploadGuest(service: Pick<Service, 'request'>, given?: GuestImages): Promise<string> {
  const built = given ?? (await buildGuest());
  const image = async (name: string, format: string, path: string, properties: object = {}): Promise<string> => {
    const container = format === 'qcow2' ? 'bare' : format;
    const wish = { name, disk_format: format, container_format: container, visibility: 'public', ...properties };
    const { body } = await service.request('xloud', 'POST', '/image/v2/images', wish);
    const upload = await service.request('xloud', 'PUT', `/image/v2/images/${body.id}/file`, readFileSync(path));
    assert.equal(upload.status, 204);
    return body.id as string;
  };
  const kernel_id = await image('kernel', 'aki', built.kernel);
  const ramdisk_id = await image('ramdisk', 'ari', built.initrd);
  return image('guest', 'qcow2', built.rootDisk, { kernel_id, ramdisk_id, os_command_line: QUICK_BOOT });
}

export interface GuestRequest {
  /** MiB; its servers have 1 to `vcpus` vCPUs, and at least 256 MiB. */
  readonly flavor: { readonly vcpus: number; readonly ram: number };
  /** Beside the minimum. */
  readonly specs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** What is to be done between the start and the first request. */
  readonly started?: (service: Service) => Promise<void>;
}

/** `xloud serve` over a libvirtd of its own, whose host reports every two seconds, with an image and an elastic flavor. */
export interface GuestService {
  readonly libvirtd: Libvirtd;
  readonly service: Service;
  readonly imageRef: string;
  readonly flavorRef: string;
  /** A request as administrator to the compute API, at 2.87. */
  compute(method: string, path: string, body?: unknown): Promise<Reply>;
  virsh(...words: string[]): Promise<string>;
  /** What a shell in the guest prints. */
  inside(id: string, script: string): Promise<string>;
  close(): Promise<void>;
}

export async function startGuestService({
  flavor,
  specs = {},
  env = {},
  started,
}: GuestRequest): Promise<GuestService> {
  const libvirtd = await startLibvirtd();
  const own = {
    XLOUD_COMPUTE__LIBVIRT_URI: libvirtd.uri,
    XLOUD_COMPUTE__VIRT_TYPE: 'qemu',
    XLOUD_COMPUTE__REPORT_SECONDS: '2',
  };
  const service = await startService({ driver: 'libvirt', env: { ...own, ...env } });
  await started?.(service);
  const compute: GuestService['compute'] = (method, path, body) =>
    service.request('xloud', method, `/compute/v2.1${path}`, body, { 'OpenStack-API-Version': 'compute 2.87' });
  const imageRef = await uploadGuest(service);
  const made = await compute('POST', '/flavors', { flavor: { name: 'elastic', disk: 1, ...flavor } });
  const flavorRef = made.body.flavor.id as string;
  const extra_specs = { minimum_cpu: '1', minimum_memory: '256', ...specs };
  assert.equal((await compute('POST', `/flavors/${flavorRef}/os-extra_specs`, { extra_specs })).status, 200);
  const virsh: GuestService['virsh'] = async (...words) =>
    (await libvirtd.exec('virsh', '-q', '-c', 'qemu:///system', ...words)).stdout.trim();
  return {
    ...{ libvirtd, service, imageRef, flavorRef, compute, virsh },
    inside(id, script) {
      const ask = async (command: object): Promise<unknown> =>
        (JSON.parse(await virsh('qemu-agent-command', id, JSON.stringify(command))) as { return: unknown }).return;
      return runInside(ask, script, INSIDE_MS);
    },
    async close() {
      await service.close();
      await libvirtd.stop();
    },
  };
}

const BOOT_MS = 180_000;
/** Between two looks: each is some requests to a service that shares the processors with its guest. */
const LOOK_MS = 250;

/** A server of the elastic flavor, without a network, and what tests do to it. */
export interface ElasticServer {
  readonly id: string;
  /** The adjustment resource. */
  look(): Promise<Reply['body']>;
  /** The adjustment resource, as soon as nothing is under way. */
  settled(what: string): Promise<Reply['body']>;
  /** Adjusts, and the resource when that has ended. */
  adjust(body: object): Promise<Reply['body']>;
  /** Does an action, and the server's status when that has ended. */
  act(action: object): Promise<string>;
  inside(script: string): Promise<string>;
}

/** Resolves when its start has settled and its agent has answered. */
export async function startElastic(world: GuestService): Promise<ElasticServer> {
  const server = await makeElastic(world);
  await server.settled('its start');
  await eventually(
    'its agent',
    BOOT_MS,
    async () => ((await server.look()).vcpus.guest_online === null ? null : true),
    LOOK_MS,
  );
  return server;
}

/** As soon as it is accepted. */
export async function makeElastic(world: GuestService): Promise<ElasticServer> {
  const { imageRef, flavorRef } = world;
  const wish = { name: 'one', imageRef, flavorRef, networks: 'none', config_drive: true };
  const made = await world.compute('POST', '/servers', { server: wish });
  assert.equal(made.status, 202, JSON.stringify(made.body));
  const id = made.body.server.id as string;
  const look: ElasticServer['look'] = async () => (await world.compute('GET', `/os-xloud-adjust/${id}`)).body;
  /** Null while an action is under way or a start settles. */
  const now = async () => {
    const [{ server }, shown] = [(await world.compute('GET', `/servers/${id}`)).body, await look()];
    const busy = server['OS-EXT-STS:task_state'] !== null || shown.status === 'adjusting';
    return busy ? null : { status: server.status as string, shown };
  };
  /** What there is to see of a guest that does not come to an end. */
  const evidence = async (): Promise<string> => {
    const console = await world.compute('POST', `/servers/${id}/action`, { 'os-getConsoleOutput': { length: 20 } });
    const { body } = await world.compute('GET', `/servers/${id}`);
    return [
      `task: ${body.server?.['OS-EXT-STS:task_state']}, adjustment: ${JSON.stringify(await look())}`,
      `domain: ${await world.virsh('domstate', id, '--reason')}, console:`,
      console.body.output,
    ].join('\n');
  };
  const end = (what: string) =>
    eventually(what, BOOT_MS, now, LOOK_MS).catch(async (error: unknown) => {
      throw new Error(`${messageOf(error)}\n${await evidence()}`, { cause: error });
    });
  const ends = async (path: string, body: object) => {
    const answer = await world.compute('POST', path, body);
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    return end(JSON.stringify(body));
  };
  return {
    id,
    look,
    settled: async (what) => (await end(what)).shown,
    adjust: async (body) => (await ends(`/os-xloud-adjust/${id}`, body)).shown,
    act: async (action) => (await ends(`/servers/${id}/action`, action)).status,
    inside: (script) => world.inside(id, script),
  };
}
