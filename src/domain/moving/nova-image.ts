// Why: Nova keeps of a server's image what it was when the server was made, as `image_…` in the server's system metadata.

import type { ImageFacts } from '../machines/images.ts';
import { propertiesBesideDevices } from '../servers/image-devices.ts';

const PREFIX = 'image_';
/** What has a field of its own, or is about an image and not about its guests. */
const FIELDS = ['min_disk', 'min_ram', 'disk_format', 'container_format', 'base_image_ref', 'name'] as const;

/** What the image of a server says of its guest, or what its root volume keeps of one; null: the server has none. */
export function readImage(
  imageRef: string,
  systemMetadata: Readonly<Record<string, string>>,
  onVolume: boolean,
): ImageFacts | null {
  if (!onVolume && imageRef === '') return null;
  const said = Object.fromEntries(
    Object.entries(systemMetadata).flatMap(([key, value]) =>
      key.startsWith(PREFIX) ? [[key.slice(PREFIX.length), value] as const] : [],
    ),
  );
  const whole = (name: string): number => {
    const number = Number(said[name] ?? 0);
    return Number.isSafeInteger(number) && number >= 0 ? number : 0;
  };
  const properties = Object.entries(said).filter(([name]) => !FIELDS.some((field) => field === name));
  const noData = { sizeBytes: null, virtualSizeBytes: null, checksum: null, osHashAlgo: null, osHashValue: null };
  if (onVolume)
    return {
      ...{ id: '', name: null, status: 'active', owner: null, visibility: 'private', ...noData },
      ...{ diskFormat: 'raw', containerFormat: 'bare', minDiskGb: 0, minRamMb: whole('min_ram') },
      properties: propertiesBesideDevices({ properties: Object.fromEntries(properties) }),
    };
  return {
    id: imageRef,
    name: said['name'] ?? null,
    status: 'active',
    owner: said['owner_id'] ?? null,
    visibility: 'private',
    diskFormat: said['disk_format'] ?? null,
    containerFormat: said['container_format'] ?? null,
    minDiskGb: whole('min_disk'),
    minRamMb: whole('min_ram'),
    ...noData,
    properties: Object.fromEntries(properties),
  };
}

/** The kernel or initial ramdisk of a server that boots from one beside its disk: its files are on its host. */
export const bareImage = (id: string, format: 'aki' | 'ari'): ImageFacts => ({
  ...{ id, name: null, status: 'active', owner: null, visibility: 'private' },
  ...{ diskFormat: format, containerFormat: format, minDiskGb: 0, minRamMb: 0 },
  ...{ sizeBytes: null, virtualSizeBytes: null, checksum: null, osHashAlgo: null, osHashValue: null },
  properties: {},
});
