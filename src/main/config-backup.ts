// Why: what can be configured of snapshots and backups of servers.

import { text } from './config-options.ts';

export const backupOptions = {
  directory: text(
    '',
    "Where snapshots and backups of servers lie, which every worker and every host has under the same path, and QEMU's own user must be able to enter; empty: backups in the data directory.",
  ),
};
