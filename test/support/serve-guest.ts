// Why: tests of the whole product on a real hypervisor need a libvirtd of their own, an image that boots (the small Linux guest,
// uploaded as its users would) and a flavor whose servers may change their size.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { buildGuest } from './guest.ts';
import { type Libvirtd, startLibvirtd } from './libvirtd.ts';
import { type Reply, type Service, startService } from './serve.ts';

/** The id of the guest's image, which names its kernel and initial ramdisk. */
export async function uploadGuest(service: Service): Promise<string> {
  const built = await buildGuest();
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
  return image('guest', 'qcow2', built.rootDisk, { kernel_id, ramdisk_id });
}

export interface GuestWish {
  /** MiB; its servers have 1 to `vcpus` vCPUs, and at least 256 MiB. */
  readonly flavor: { readonly vcpus: number; readonly ram: number };
  /** Beside the minimum. */
  readonly specs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
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
  close(): Promise<void>;
}

export async function startGuestService({ flavor, specs = {}, env = {} }: GuestWish): Promise<GuestService> {
  const libvirtd = await startLibvirtd();
  const own = {
    XLOUD_COMPUTE__LIBVIRT_URI: libvirtd.uri,
    XLOUD_COMPUTE__VIRT_TYPE: 'qemu',
    XLOUD_COMPUTE__REPORT_SECONDS: '2',
  };
  const service = await startService({ driver: 'libvirt', env: { ...own, ...env } });
  const compute: GuestService['compute'] = (method, path, body) =>
    service.request('xloud', method, `/compute/v2.1${path}`, body, { 'OpenStack-API-Version': 'compute 2.87' });
  const imageRef = await uploadGuest(service);
  const made = await compute('POST', '/flavors', { flavor: { name: 'elastic', disk: 1, ...flavor } });
  const flavorRef = made.body.flavor.id as string;
  const extra_specs = { minimum_cpu: '1', minimum_memory: '256', ...specs };
  assert.equal((await compute('POST', `/flavors/${flavorRef}/os-extra_specs`, { extra_specs })).status, 200);
  return {
    ...{ libvirtd, service, imageRef, flavorRef, compute },
    virsh: async (...words) => (await libvirtd.exec('virsh', '-q', '-c', 'qemu:///system', ...words)).stdout.trim(),
    async close() {
      await service.close();
      await libvirtd.stop();
    },
  };
}
