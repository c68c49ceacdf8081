// Why: Nova stores a server's image properties, as of its creation, as `image_…` in the server's system metadata.

import type { ImageFacts } from '../machines/images.ts';
import { propertiesBesideDevices } from '../servers/image-devices.ts';

const PREFIX = 'image_';
/** Keys with a field of their own, or that concern the image and not the guest. */
const FIELDS = ['min_disk', 'min_ram', 'disk_format', 'container_format', 'base_image_ref', 'name'] as const;

/** The facts of a server's image, or of the one that its root volume was made from; null: the server has none. */
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

/** The kernel or ramdisk image of a server that boots with one; its files are already on the host. */
export const bareImage = (id: string, format: 'aki' | 'ari'): ImageFacts => ({
  ...{ id, name: null, status: 'active', owner: null, visibility: 'private' },
  ...{ diskFormat: format, containerFormat: format, minDiskGb: 0, minRamMb: 0 },
  ...{ sizeBytes: null, virtualSizeBytes: null, checksum: null, osHashAlgo: null, osHashValue: null },
  properties: {},
});
