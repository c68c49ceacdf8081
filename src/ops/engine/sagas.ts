// Why: the table from an action's name to its saga; the worker and the tests read it.

import { changePasswordSaga } from '../servers/admin-password.ts';
import { crashDumpSaga } from '../servers/crash-dump.ts';
import { adjustSaga } from '../servers/adjust-server.ts';
import { createBackupSaga, createImageSaga } from '../servers/create-image.ts';
import { attachSaga, detachSaga } from '../servers/attach-interfaces.ts';
import { confirmResizeSaga } from '../servers/confirm-resize.ts';
import { createSaga } from '../servers/create-servers.ts';
import { deleteSaga } from '../servers/delete-server.ts';
import { rebuildSaga } from '../servers/rebuild.ts';
import { rescueSaga, unrescueSaga } from '../servers/rescue.ts';
import { restoreSaga } from '../servers/soft-delete.ts';
import { pauseSaga, rebootSaga, resumeSaga, startSaga, stopSaga, suspendSaga, unpauseSaga } from '../servers/power.ts';
import { evacuateSaga } from '../servers/evacuate.ts';
import { liveMigrateSaga } from '../servers/live-migrate.ts';
import { migrateSaga, resizeSaga } from '../servers/resize.ts';
import { revertResizeSaga } from '../servers/revert-resize.ts';
import type { Saga } from './saga.ts';
import { offloadSaga, shelveSaga } from '../servers/shelve.ts';
import { unshelveSaga } from '../servers/unshelve.ts';

const table = {
  create: createSaga,
  delete: deleteSaga,
  restore: restoreSaga,
  rebuild: rebuildSaga,
  rescue: rescueSaga,
  unrescue: unrescueSaga,
  start: startSaga,
  stop: stopSaga,
  reboot: rebootSaga,
  pause: pauseSaga,
  unpause: unpauseSaga,
  suspend: suspendSaga,
  resume: resumeSaga,
  attach_interface: attachSaga,
  detach_interface: detachSaga,
  resize: resizeSaga,
  migrate: migrateSaga,
  'live-migration': liveMigrateSaga,
  evacuate: evacuateSaga,
  confirmResize: confirmResizeSaga,
  revertResize: revertResizeSaga,
  adjust: adjustSaga,
  createImage: createImageSaga,
  createBackup: createBackupSaga,
  shelve: shelveSaga,
  shelveOffload: offloadSaga,
  unshelve: unshelveSaga,
  changePassword: changePasswordSaga,
  trigger_crash_dump: crashDumpSaga,
};

export type SagaName = keyof typeof table;

/** The saga of an action, or null for a name that no saga of this program has. */
export const sagaOf = (name: string): Saga<unknown> | null =>
  Object.hasOwn(table, name) ? (table[name as SagaName] as unknown as Saga<unknown>) : null;
