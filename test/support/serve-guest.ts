// Why: a service with a real hypervisor needs an image that boots: the small Linux guest, uploaded as its users would.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { buildGuest } from './guest.ts';
import type { Service } from './serve.ts';

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
