// Why: what every part of the volume service is given.

import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { ImageService } from '../../cloud/image.ts';
import type { Database } from '../../db/engine.ts';
import type { Allows } from '../access.ts';
import type { VolumeFiles } from './files.ts';
import type { VolumeQuota } from './quota.ts';

/** What is done to a volume that a server has, by the host that runs it. */
export interface AttachedVolumes {
  /**
   * Copies a volume to a new file, as it is when this begins; false: no host has it, so the file may be copied.
   * @param quiesce the guest's file systems must be still at that moment, where it runs
   */
  copy(serverUuid: string, volumeId: string, path: string, quiesce: boolean): Promise<boolean>;
  /** Makes a volume larger, and the guest see it; false: no host has it, so the file is anybody's. Rejects where the host cannot. */
  grow(serverUuid: string, volumeId: string, gb: number, requestId: string): Promise<boolean>;
}

export interface VolumeParts {
  readonly database: Database;
  readonly files: VolumeFiles;
  readonly images: ImageService;
  readonly clock: Clock;
  readonly log: Log;
  readonly allows: Allows;
  /** What a project has unless somebody set it otherwise. */
  readonly quota: VolumeQuota;
  /** The zone of volumes that name none. */
  readonly zone: string;
  /** Has work looked for at once. */
  readonly wake: () => void;
  /** Of a process that carries out work on files. */
  readonly attached: () => AttachedVolumes | null;
}
