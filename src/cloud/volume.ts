// Why: compute's interface to the volume service, which is built in or an operator's Cinder.

import { badRequest, notFound } from '../base/errors.ts';
import type { Caller } from '../base/op.ts';
import type { HostConnector, VolumeSource } from '../domain/servers/volume-source.ts';
import { snapshotMissing, volumeMissing } from '../domain/servers/volumes.ts';

/** A volume as compute sees it; times in milliseconds. */
export interface Volume {
  readonly id: string;
  readonly projectId: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly status: string;
  readonly sizeGb: number;
  readonly zone: string;
  readonly type: string | null;
  readonly bootable: boolean;
  readonly snapshotId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** Metadata of the image that it was made from; null: it was not made from one. */
  readonly imageMetadata: Readonly<Record<string, string>> | null;
  readonly attachments: readonly { readonly serverUuid: string | null; readonly device: string | null }[];
  readonly createdAt: number;
}

export interface VolumeSnapshot {
  readonly id: string;
  readonly volumeId: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly status: string;
  readonly sizeGb: number;
  readonly createdAt: number;
}

export interface NewVolumeRequest {
  /** Null: the size of its source. */
  readonly sizeGb: number | null;
  readonly name: string | null;
  readonly description: string | null;
  readonly type: string | null;
  readonly zone: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly imageId: string | null;
  readonly snapshotId: string | null;
}

/** How a host reaches a volume. */
export interface VolumeConnection {
  readonly source: VolumeSource;
  readonly readonly: boolean;
  /** I/O limits by libvirt's names. */
  readonly limits: Readonly<Record<string, number>>;
}

/** The host to which a volume is to be connected. */
export interface VolumeTarget {
  readonly host: string;
  readonly ip: string;
  readonly arch: string;
  /** Null: its agent is of an earlier release without connectors, and opens only files. */
  readonly connector: HostConnector | null;
}

/** A volume that is connected to a host, or only reserved for its server. */
export interface ConnectedVolume {
  /** Differs from the previous one if the volume service has one per host. */
  readonly attachmentId: string;
  /** Null: it is not connected to a host. */
  readonly connection: VolumeConnection | null;
}

/** Volumes and snapshots that only their owner can create: within the owner's request, before there is a row. */
export interface EarlyVolumes {
  /** Resolves to its id; the same id if called again with the same mark. */
  volume(caller: Caller, mark: string, request: NewVolumeRequest, requestId: string): Promise<string>;
  snapshot(
    caller: Caller,
    mark: string,
    request: { readonly volumeId: string; readonly name: string; readonly quiesce: boolean },
    requestId: string,
  ): Promise<string>;
}

/**
 * Calls with a caller use the caller's rights; calls without one use the service's own and are idempotent. Every call
 * rejects with `unavailable` if the service cannot be reached.
 */
export interface VolumeService {
  /** Null: `make` and `makeSnapshot` create them for any owner, under ids chosen beforehand. */
  readonly early: EarlyVolumes | null;
  /** Whether a volume must be disconnected from its host during a reimage. */
  readonly reimagesApart: boolean;
  volumes(caller: Caller): Promise<readonly Volume[]>;
  /** Rejects with Nova's 404 where the caller sees no such volume. */
  volume(caller: Caller, id: string): Promise<Volume>;
  /** Rejects with a 400 if none can be created, and with the volume service's own faults. */
  createVolume(caller: Caller, request: NewVolumeRequest, requestId: string): Promise<Volume>;
  deleteVolume(caller: Caller, id: string, requestId: string): Promise<void>;
  snapshots(caller: Caller): Promise<readonly VolumeSnapshot[]>;
  snapshot(caller: Caller, id: string): Promise<VolumeSnapshot>;
  createSnapshot(
    caller: Caller,
    request: { readonly volumeId: string; readonly name: string | null; readonly description: string | null },
    requestId: string,
  ): Promise<VolumeSnapshot>;
  deleteSnapshot(caller: Caller, id: string, requestId: string): Promise<void>;
  /** Throws as `createVolume` would, except for quotas; resolves to the image metadata that the volume would have. */
  checkNew(caller: Caller, request: NewVolumeRequest): Promise<Pick<Volume, 'imageMetadata'>>;
  /** Starts to create a volume with this id for the owner of a validated request; an existing one stays. */
  make(
    id: string,
    owner: { readonly projectId: string; readonly userId: string },
    request: NewVolumeRequest,
    requestId: string,
  ): Promise<void>;
  /** Throws as `createSnapshot` would for one of them, and if they exceed a quota. */
  checkSnapshots(caller: Caller, volumeIds: readonly string[]): Promise<void>;
  /**
   * Starts a snapshot with this id of a server's volume, for the owner of a validated request; an existing one stays. `quiesce`: a running
   * guest's file systems must be frozen while it is taken.
   */
  makeSnapshot(
    id: string,
    request: {
      readonly volumeId: string;
      readonly userId: string;
      readonly name: string;
      readonly description: string | null;
      readonly quiesce: boolean;
    },
    requestId: string,
  ): Promise<void>;
  /** Null: there is no such snapshot. */
  snapshotState(id: string): Promise<Pick<VolumeSnapshot, 'status' | 'sizeGb'> | null>;
  /** Deletes a snapshot, complete or not; does nothing if there is none. */
  removeSnapshot(id: string, requestId: string): Promise<void>;
  /** Throws as `reimage` would, and if the caller may not. */
  checkReimage(caller: Caller, volumeId: string, imageId: string): Promise<void>;
  /**
   * Starts to replace the data of a volume, of a server that is off, with an image's: its status is `downloading` until it is `in-use` again,
   * or `error` with the old data. Does nothing if one is in progress.
   */
  reimage(volumeId: string, imageId: string, requestId: string): Promise<void>;
  /** Aborts a reimage; does nothing if it has finished. */
  endReimage(volumeId: string): Promise<void>;
  /** Null: there is no such volume. */
  status(id: string): Promise<string | null>;
  /** Reserves a volume for a server; resolves to the attachment's id. Rejects with `badRequest` if the volume is in use elsewhere. */
  reserve(volumeId: string, serverUuid: string): Promise<string>;
  /**
   * Connects the volume to a host and resolves to the connection; null: to none, while its server has no host. Another host's
   * connection stays until `endOthers`. Rejects with `conflict` if the host cannot use it.
   * @param device `/dev/vdb`
   */
  connect(attachmentId: string, to: VolumeTarget | null, device: string): Promise<ConnectedVolume>;
  /**
   * Connects a volume to the destination of a live migration as well; the current attachment stays. Null: the connection is the same for
   * every host.
   */
  connectAhead(attachmentId: string, to: VolumeTarget, device: string): Promise<VolumeConnection | null>;
  /** Marks the volume as attached (`in-use`). */
  complete(attachmentId: string, device: string): Promise<void>;
  /**
   * Takes the volume from its host and reserves it for its server, by the attachment to whose id this resolves. The host's connection
   * stays until `endOthers`. Does nothing if there is no such attachment.
   */
  disconnect(attachmentId: string): Promise<string>;
  /** Deletes all other attachments of the same server to the same volume. Rejects with `notFound` if this one does not exist. */
  endOthers(attachmentId: string): Promise<void>;
  /** Marks a volume as being detached from its server; `false`: takes that back. */
  detaching(volumeId: string, begins: boolean): Promise<void>;
  /** Deletes an attachment; does nothing if there is none. */
  release(attachmentId: string): Promise<void>;
  /** Deletes every attachment of a server. */
  releaseAll(serverUuid: string): Promise<void>;
  /** Starts to delete a volume that its server had; does nothing if there is none, or if its snapshots keep it. */
  remove(volumeId: string, requestId: string): Promise<void>;
}

/** The part of `VolumeService` that attaches volumes to servers and hosts. */
export type VolumeAttachments = Pick<
  VolumeService,
  | 'complete'
  | 'connect'
  | 'connectAhead'
  | 'detaching'
  | 'disconnect'
  | 'endOthers'
  | 'release'
  | 'releaseAll'
  | 'reserve'
>;

const none = (): never => {
  throw badRequest('Invalid input received: there is no block storage service here.', { code: 'NotOffered' });
};

const noVolume = (id: string): never => {
  throw notFound(volumeMissing(id), { code: 'VolumeNotFound' });
};

const noSnapshot = (id: string): never => {
  throw notFound(snapshotMissing(id), { code: 'SnapshotNotFound' });
};

/** No block storage: every list is empty, and nothing is found or created. */
export const noVolumes: VolumeService = {
  early: null,
  reimagesApart: false,
  volumes: async () => [],
  volume: async (_caller, id) => noVolume(id),
  createVolume: async () => none(),
  deleteVolume: async (_caller, id) => noVolume(id),
  snapshots: async () => [],
  snapshot: async (_caller, id) => noSnapshot(id),
  createSnapshot: async () => none(),
  deleteSnapshot: async (_caller, id) => noSnapshot(id),
  checkNew: async () => none(),
  make: async () => none(),
  checkSnapshots: async () => none(),
  makeSnapshot: async () => none(),
  snapshotState: async () => null,
  removeSnapshot: async () => undefined,
  checkReimage: async () => none(),
  reimage: async () => none(),
  endReimage: async () => undefined,
  status: async () => null,
  reserve: async (id) => noVolume(id),
  connect: async () => none(),
  connectAhead: async () => null,
  complete: async () => none(),
  disconnect: async (id) => id,
  endOthers: async () => undefined,
  detaching: async () => none(),
  release: async () => undefined,
  releaseAll: async () => undefined,
  remove: async () => undefined,
};
