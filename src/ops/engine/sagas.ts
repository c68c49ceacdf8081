// Why: the sagas that this program has, and from an action's name to its saga: the worker and the tests read it.

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
import { internal } from '../../base/errors.ts';
import type { Saga } from './saga.ts';
import { offloadSaga, shelveSaga } from '../servers/shelve.ts';
import { unshelveSaga } from '../servers/unshelve.ts';

const all = [
  createSaga,
  deleteSaga,
  restoreSaga,
  rebuildSaga,
  rescueSaga,
  unrescueSaga,
  startSaga,
  stopSaga,
  rebootSaga,
  pauseSaga,
  unpauseSaga,
  suspendSaga,
  resumeSaga,
  attachSaga,
  detachSaga,
  resizeSaga,
  migrateSaga,
  liveMigrateSaga,
  evacuateSaga,
  confirmResizeSaga,
  revertResizeSaga,
  adjustSaga,
  createImageSaga,
  createBackupSaga,
  shelveSaga,
  offloadSaga,
  unshelveSaga,
  changePasswordSaga,
  crashDumpSaga,
];

type Listed = (typeof all)[number];

/** By their names, each of which one saga has: its variants (`variant`) are not listed. */
export function sagasByName<S extends { readonly name: string }>(sagas: readonly S[]): ReadonlyMap<string, S> {
  const found = new Map(sagas.map((saga) => [saga.name, saga]));
  if (found.size === sagas.length) return found;
  const twice = sagas.filter((saga) => found.get(saga.name) !== saga).map(({ name }) => name);
  throw internal(`Several sagas have one name: ${twice.join(', ')}.`);
}

export const sagas: ReadonlyMap<string, Listed> = sagasByName<Listed>(all);

/**
 * The saga of an action, or null for a name that no saga of this program has. The cast is the only one between an action and its
 * saga: what lies in the database has no type, but name and input were written together, from one saga (`enqueueAction`).
 */
export const sagaOf = (name: string): Saga<unknown> | null => (sagas.get(name) as Saga<unknown> | undefined) ?? null;
