// Why: what an image of a server says of itself is Nova's convention, which clients, Horizon and a later boot read: where it
// comes from, whose it is, and what it inherits of the image that the server was made from.

import type { ImageFacts, NewImage } from '../machines/images.ts';
import type { Server } from './servers.ts';

/** Who made the server, as remembered when it was made. */
export interface Maker {
  readonly userName: string;
  readonly projectName: string | null;
  readonly roles: readonly string[];
}

/** Who asks for the image. */
export interface Asker {
  readonly userId: string;
  readonly projectId: string | null;
}

export interface SnapshotRequest {
  readonly name: string;
  readonly type: 'snapshot' | 'backup';
  /** The caller's own; they go before all others. */
  readonly properties: Readonly<Record<string, string>>;
}

/** Properties that speak of one image's bytes or key, and what Nova's `non_inheritable_image_properties` adds by default. */
const NOT_INHERITED = new Set([
  'cinder_encryption_key_id',
  'cinder_encryption_key_deletion_policy',
  'img_signature',
  'img_signature_hash_method',
  'img_signature_key_type',
  'img_signature_certificate_uuid',
  'cache_in_nova',
  'bittorrent',
  // of which disks that server has
  ...['block_device_mapping', 'bdm_v2', 'mappings', 'img_block_device_mapping', 'img_bdm_v2', 'img_mappings'],
]);
const isInherited = (name: string): boolean => !NOT_INHERITED.has(name) && !name.startsWith('os_glance');

/** What of an image's properties an image that is made of it has, too. */
export const inheritedProperties = ({ properties }: Pick<ImageFacts, 'properties'>): Record<string, string> =>
  Object.fromEntries(Object.entries(properties).filter(([name]) => isInherited(name)));

type Subject = Pick<Server, 'uuid' | 'projectId' | 'imageRef' | 'image' | 'flavor'>;

function inherited(server: Subject, maker: Maker): Record<string, string> {
  return {
    ...(server.image === null ? {} : inheritedProperties(server.image)),
    base_image_ref: server.imageRef,
    owner_user_name: maker.userName,
    ...(maker.projectName === null ? {} : { owner_project_name: maker.projectName }),
    boot_roles: maker.roles.join(','),
  };
}

/**
 * The image of a server before it has data. Private, or shared with the server's project where another asks. It needs a disk
 * as large as the server's.
 */
export function snapshotOf(
  server: Subject,
  maker: Maker,
  asker: Asker,
  request: SnapshotRequest,
): Omit<NewImage, 'id'> {
  const foreign = asker.projectId !== server.projectId;
  const { image } = server;
  // a snapshot's formats are those of the copy; a backup begins with the image's, as in Nova
  const formats = request.type === 'backup' ? image : null;
  return {
    name: request.name,
    visibility: foreign ? 'shared' : 'private',
    sharedWith: foreign ? server.projectId : null,
    diskFormat: formats?.diskFormat ?? null,
    containerFormat: formats?.containerFormat ?? null,
    minDiskGb: Math.max(image?.minDiskGb ?? 0, server.flavor.rootGb),
    minRamMb: image?.minRamMb ?? 0,
    properties: {
      ...inherited(server, maker),
      instance_uuid: server.uuid,
      user_id: asker.userId,
      image_type: request.type,
      ...request.properties,
    },
  };
}

/** Containers that stand for one part of an old three-part image; a copied disk is whole. */
const PARTS = new Set(['aki', 'ari', 'ami']);

/** What is known of the image once its disk was copied: formats, and the properties that Nova's driver adds. */
export function copiedImage(server: Pick<Server, 'projectId' | 'image'>, diskFormat: string) {
  const { containerFormat = null, properties = {} } = server.image ?? {};
  const kept = ['kernel_id', 'ramdisk_id', 'os_type'].flatMap((name) => {
    const value = properties[name];
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
  return {
    formats: {
      disk: diskFormat,
      container: containerFormat === null || PARTS.has(containerFormat) ? 'bare' : containerFormat,
    },
    set: {
      ...Object.fromEntries(kept),
      image_location: 'snapshot',
      image_state: 'available',
      owner_id: server.projectId,
    },
  };
}
