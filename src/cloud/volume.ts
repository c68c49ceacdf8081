// Why: what compute asks of the volume service, which is built in or an operator's.

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
  /** Of the image whose data it has; null: of none. */
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
  /** Null: as large as what it is made from. */
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
  /** By libvirt's names. */
  readonly limits: Readonly<Record<string, number>>;
}

/** The host that shall reach a volume. */
export interface VolumeTarget {
  readonly host: string;
  readonly ip: string;
  readonly arch: string;
  /** Null: its agent is of before there were connectors, and knows files alone. */
  readonly connector: HostConnector | null;
}

/** A volume that is at a host, or kept for its server at none. */
export interface ConnectedVolume {
  /** Another one than before, where the volume service has one for each host. */
  readonly attachmentId: string;
  /** Null: no host reaches it. */
  readonly connection: VolumeConnection | null;
}

/** What only its owner can have made, which is begun in his request, before there is a row of it. */
export interface EarlyVolumes {
  /** Resolves to its id. Asked for once more under the same mark: that of the first time. */
  volume(caller: Caller, mark: string, request: NewVolumeRequest, requestId: string): Promise<string>;
  snapshot(
    caller: Caller,
    mark: string,
    request: { readonly volumeId: string; readonly name: string; readonly quiesce: boolean },
    requestId: string,
  ): Promise<string>;
}

/**
 * What is done for a caller is done with his rights; what has none is done with the service's own, and may be done twice. Every call
 * rejects with `unavailable` when the service cannot be asked.
 */
export interface VolumeService {
  /** Null: `make` and `makeSnapshot` make them for anybody, under ids that are chosen before. */
  readonly early: EarlyVolumes | null;
  /** Whether a volume has to be at no host while it gets an image's data. */
  readonly reimagesApart: boolean;
  volumes(caller: Caller): Promise<readonly Volume[]>;
  /** Rejects with Nova's 404 where the caller sees no such volume. */
  volume(caller: Caller, id: string): Promise<Volume>;
  /** Rejects with a 400 where none can be made, and with what the volume service says. */
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
  /** Throws as `createVolume` would, but for what a quota says; what a volume would keep of its image. */
  checkNew(caller: Caller, request: NewVolumeRequest): Promise<Pick<Volume, 'imageMetadata'>>;
  /** Begins to make a volume with this id, for somebody whose request was checked; one that is there stays. */
  make(
    id: string,
    owner: { readonly projectId: string; readonly userId: string },
    request: NewVolumeRequest,
    requestId: string,
  ): Promise<void>;
  /** Throws as `createSnapshot` would for one of them, and where they are more than a quota allows. */
  checkSnapshots(caller: Caller, volumeIds: readonly string[]): Promise<void>;
  /**
   * Begins a snapshot with this id of a server's volume, for somebody whose request was checked; one that is there stays. `quiesce`: the
   * guest's file systems must be still at its moment, where it runs.
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
  /** Removes a snapshot, whole or half made; one that is not there: nothing. */
  removeSnapshot(id: string, requestId: string): Promise<void>;
  /** Throws as `reimage` would, and where the caller may not. */
  checkReimage(caller: Caller, volumeId: string, imageId: string): Promise<void>;
  /**
   * Begins to put an image's data on a volume of a server that is off: it is `downloading` until it is `in-use` again, or `error` with
   * its data of before. Under way: nothing.
   */
  reimage(volumeId: string, imageId: string, requestId: string): Promise<void>;
  /** Gives that up; over: nothing. */
  endReimage(volumeId: string): Promise<void>;
  /** Null: there is no such volume. */
  status(id: string): Promise<string | null>;
  /** Keeps a volume for a server; resolves to the attachment. Rejects with `badRequest` where it is at something else. */
  reserve(volumeId: string, serverUuid: string): Promise<string>;
  /**
   * Says which host has the volume, and tells how that host reaches it; null: none, while its server has none. What another host
   * has of it stays until `endOthers`. Rejects with `conflict` where the host cannot reach it.
   * @param device `/dev/vdb`
   */
  connect(attachmentId: string, to: VolumeTarget | null, device: string): Promise<ConnectedVolume>;
  /**
   * Makes a volume reachable for a host to which its server is on its way as it runs; the attachment stays where it is. Null: every
   * host reaches it in the same way.
   */
  connectAhead(attachmentId: string, to: VolumeTarget, device: string): Promise<VolumeConnection | null>;
  /** Says that the server has the volume. */
  complete(attachmentId: string, device: string): Promise<void>;
  /**
   * Says that no host has the volume now; it is kept for its server by the attachment to whose id this resolves. What a host has of
   * it stays until `endOthers`. An attachment that is not there: nothing.
   */
  disconnect(attachmentId: string): Promise<string>;
  /** Ends all attachments of the same server to the same volume but this one. Rejects with `notFound` where this one is not there. */
  endOthers(attachmentId: string): Promise<void>;
  /** Says that a volume is being taken from its server; `false`: it is not any more. */
  detaching(volumeId: string, begins: boolean): Promise<void>;
  /** Ends an attachment; one that is not there: nothing. */
  release(attachmentId: string): Promise<void>;
  /** Ends every attachment of a server. */
  releaseAll(serverUuid: string): Promise<void>;
  /** Begins to delete a volume that its server had; one that is not there, or is kept by its snapshots: nothing. */
  remove(volumeId: string, requestId: string): Promise<void>;
}

/** A volume's life at a server and its hosts. */
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

/** No block storage: every list is empty, and nothing is found or made. */
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
