// Why: volumes are a block storage service's, and none is asked here yet. What compute would ask of one has its place: a client
// gives `Volume` and `VolumeSnapshot` a shape, and the compiler then names every place that has to deal with one.

import { badRequest, notFound } from '../base/errors.ts';
import type { Caller } from '../base/op.ts';
import { snapshotMissing, volumeMissing } from '../domain/servers/volume.ts';

/** There is none. */
export type Volume = never;
export type VolumeSnapshot = never;

export interface VolumeService {
  volumes(caller: Caller): Promise<readonly Volume[]>;
  /** Rejects with Nova's 404 where the caller sees no such volume. */
  volume(caller: Caller, id: string): Promise<Volume>;
  /** Rejects with a 400 where none can be made. */
  createVolume(caller: Caller): Promise<Volume>;
  snapshots(caller: Caller): Promise<readonly VolumeSnapshot[]>;
  snapshot(caller: Caller, id: string): Promise<VolumeSnapshot>;
}

/** No block storage: every list is empty, and nothing is found or made. */
export const noVolumes: VolumeService = {
  volumes: async () => [],
  async volume(_caller, id) {
    throw notFound(volumeMissing(id), { code: 'VolumeNotFound' });
  },
  async createVolume() {
    throw badRequest('Invalid input received: there is no block storage service here.', { code: 'NotOffered' });
  },
  snapshots: async () => [],
  async snapshot(_caller, id) {
    throw notFound(snapshotMissing(id), { code: 'SnapshotNotFound' });
  },
};
