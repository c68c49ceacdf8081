// Why: what several processes may have in common is where the configuration says, else in the data directory; whoever looks asks here.

import { join } from 'node:path';
import type { Config } from './config.ts';

/** Where the data of the built-in image service's images lies. */
export const imagesDirectory = ({ image }: Config, dataDir: string): string =>
  image.directory || join(dataDir, 'images');

/** Where the bytes of the built-in volume service's volumes lie. */
export const volumesDirectory = ({ volume }: Config, dataDir: string): string =>
  volume.directory || join(dataDir, 'volumes');

/** Where snapshots and backups of servers lie. */
export const backupsDirectory = ({ backup }: Config, dataDir: string): string =>
  backup.directory || join(dataDir, 'backups');

/** Where the built-in identity service keeps its keys. */
export const keysDirectory = ({ identity }: Config, dataDir: string): string => identity.keys_dir || dataDir;
