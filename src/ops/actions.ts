// Why: the actions that this program has: the worker, the API, the docs and the tests read this list, and nothing else lists them.

import { internal } from '../base/errors.ts';
import type { Transitions } from '../domain/servers/transition.ts';
import type { InstantAction, PlainRequest } from './engine/action.ts';
import type { Saga } from './engine/saga.ts';
import { injectTransitions, resetStateAction } from './servers/admin-actions.ts';
import { changePasswordAction } from './servers/admin-password.ts';
import { adjustAction, storedAdjust } from './servers/adjust.ts';
import { applyProfileAction } from './servers/apply-profile.ts';
import { attachAction, detachAction } from './servers/attach-interfaces.ts';
import { confirmResizeAction } from './servers/confirm-resize.ts';
import { sshPortTransitions } from './servers/ssh-ports.ts';
import { cloudInitTransitions } from './servers/cloud-init-status.ts';
import { consoleOutputTransitions } from './servers/console-output.ts';
import { copyDiskAction } from './servers/copy-disk.ts';
import { crashDumpAction } from './servers/crash-dump.ts';
import { createBackupAction, createImageAction } from './servers/create-image.ts';
import { createAction } from './servers/create.ts';
import { deleteAction } from './servers/delete.ts';
import { evacuateAction } from './servers/evacuate.ts';
import { abortAction, forceCompleteAction, liveMigrateAction } from './servers/live-migrate.ts';
import { lockAction, unlockAction } from './servers/lock.ts';
import { fixedIpTransitions } from './servers/multinic.ts';
import { pauseAction, unpauseAction } from './servers/pause.ts';
import { rebootAction } from './servers/reboot.ts';
import { rebuildAction } from './servers/rebuild.ts';
import { consoleTransitions } from './servers/remote-consoles.ts';
import { rescueAction, unrescueAction } from './servers/rescue.ts';
import { restoreDiskAction } from './servers/restore-copy.ts';
import { migrateAction, resizeAction } from './servers/resize.ts';
import { revertResizeAction } from './servers/revert-resize.ts';
import { diagnosticsTransitions } from './servers/server-diagnostics.ts';
import { metadataTransitions } from './servers/server-metadata.ts';
import { shareTransitions } from './servers/server-shares.ts';
import { tagTransitions } from './servers/server-tags.ts';
import { offloadAction, shelveAction } from './servers/shelve.ts';
import { restoreAction } from './servers/soft-delete.ts';
import { startAction } from './servers/start.ts';
import { stopAction } from './servers/stop.ts';
import { resumeAction, suspendAction } from './servers/suspend.ts';
import { syncAction } from './servers/sync.ts';
import { unshelveAction } from './servers/unshelve.ts';
import { updateTransitions } from './servers/update.ts';
import { attachVolumeAction, detachVolumeAction } from './servers/attach-volume.ts';

const all = [
  createAction,
  deleteAction,
  restoreAction,
  rebuildAction,
  rescueAction,
  unrescueAction,
  startAction,
  stopAction,
  rebootAction,
  pauseAction,
  unpauseAction,
  suspendAction,
  resumeAction,
  attachAction,
  detachAction,
  attachVolumeAction,
  detachVolumeAction,
  resizeAction,
  migrateAction,
  liveMigrateAction,
  evacuateAction,
  confirmResizeAction,
  revertResizeAction,
  adjustAction,
  createImageAction,
  createBackupAction,
  shelveAction,
  offloadAction,
  unshelveAction,
  changePasswordAction,
  crashDumpAction,
  syncAction,
  copyDiskAction,
  restoreDiskAction,
];

/** What is recorded as soon as it is asked for. */
export const instantActions: readonly InstantAction[] = [
  lockAction,
  unlockAction,
  resetStateAction,
  abortAction,
  forceCompleteAction,
  storedAdjust,
  applyProfileAction,
];

/** What is checked alike, and leaves no record. */
export const unrecorded: Transitions = {
  ...fixedIpTransitions,
  ...injectTransitions,
  ...metadataTransitions,
  ...tagTransitions,
  ...shareTransitions,
  ...cloudInitTransitions,
  ...sshPortTransitions,
  ...consoleOutputTransitions,
  ...consoleTransitions,
  ...diagnosticsTransitions,
  ...updateTransitions,
};

type Listed = (typeof all)[number];

/** By their names, each of which one action has: the variants of its saga (`variant`) are not listed. */
export function byName<A extends { readonly name: string }>(listed: readonly A[]): ReadonlyMap<string, A> {
  const found = new Map(listed.map((action) => [action.name, action]));
  if (found.size === listed.length) return found;
  const twice = listed.filter((action) => found.get(action.name) !== action).map(({ name }) => name);
  throw internal(`Several actions have one name: ${twice.join(', ')}.`);
}

export const actions: ReadonlyMap<string, Listed> = byName<Listed>(all);

/**
 * The saga of an action, or null for a name that no action of this program has. The cast is the only one between an action and its
 * saga: what lies in the database has no type, but name and input were written together, from one action (`enqueueAction`).
 */
export const sagaOf = (name: string): Saga<unknown> | null => (actions.get(name) as Saga<unknown> | undefined) ?? null;

/** What is asked for by its key alone, with what it does. */
export const plainRequests: readonly (PlainRequest & { readonly summary: string })[] = all.flatMap((action) =>
  Object.entries<PlainRequest | undefined>(action.requests ?? {}).flatMap(([name, request]) =>
    request === undefined ? [] : { ...request, summary: (action.transitions as Transitions)[name]?.summary ?? '' },
  ),
);
