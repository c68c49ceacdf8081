// Why: the verbs of compute, with what they act on bound once. The only writers of state.

import {
  addFlavorAccess,
  createFlavor,
  deleteFlavor,
  deleteFlavorExtraSpec,
  removeFlavorAccess,
  setFlavorExtraSpecs,
  updateFlavor,
} from './flavors.ts';
import {
  addHostToAggregate,
  createAggregate,
  deleteAggregate,
  removeHostFromAggregate,
  setAggregateMetadata,
  updateAggregate,
} from './aggregates.ts';
import { injectNetworkInfo, resetState } from './admin-actions.ts';
import { cacheImages } from './cache-images.ts';
import { changePassword } from './admin-password.ts';
import { triggerCrashDump } from './crash-dump.ts';
import { attachInterface, detachInterface, listInterfaces, showInterface } from './attach-interfaces.ts';
import { adjustServer } from './adjust-server.ts';
import { confirmResize } from './confirm-resize.ts';
import { consoleOutput } from './console-output.ts';
import { createBackup, createImage } from './create-image.ts';
import { createServers } from './create-servers.ts';
import { deleteServer, forceDeleteServer } from './delete-server.ts';
import { rebuildServer } from './rebuild.ts';
import { rescueServer, unrescueServer } from './rescue.ts';
import { restoreServer } from './soft-delete.ts';
import type { OpsDeps } from './deps.ts';
import { changeImageMetadata, checkImageMetadata, deleteImage, listImages, showImage } from './images.ts';
import { createKeypair, deleteKeypair } from './keypairs.ts';
import { evacuateServer } from './evacuate.ts';
import { explainPlacement } from './explain-placement.ts';
import { abortLiveMigration, forceLiveMigration, liveMigrateServer } from './live-migrate.ts';
import { lockServer, unlockServer } from './lock-server.ts';
import {
  pauseServer,
  rebootServer,
  resumeServer,
  startServer,
  stopServer,
  suspendServer,
  unpauseServer,
} from './power.ts';
import { serverDiagnostics } from './server-diagnostics.ts';
import {
  addFloatingIp,
  createFloatingIp,
  deleteFloatingIp,
  listFloatingIps,
  listFloatingPools,
  removeFloatingIp,
  showFloatingIp,
} from './floating-ips.ts';
import { listNetworks, showNetwork } from './networks.ts';
import { addFixedIp, removeFixedIp } from './multinic.ts';
import { migrateServer, resizeServer } from './resize.ts';
import { revertResize } from './revert-resize.ts';
import { deleteServerMetadata, setServerMetadata } from './server-metadata.ts';
import { takeExternalEvents } from './external-events.ts';
import { attachShare, detachShare } from './server-shares.ts';
import { openRemoteConsole } from './remote-consoles.ts';
import { clearServerPassword } from './server-password.ts';
import { addServerTag, deleteServerTag, deleteServerTags, setServerTags } from './server-tags.ts';
import { planAdjustment } from './plan-adjust.ts';
import { deleteQuota, readClassQuota, readQuota, updateClassQuota, updateQuota } from './quota-sets.ts';
import {
  addSecurityGroup,
  createSecurityGroup,
  createSecurityGroupRule,
  deleteSecurityGroup,
  deleteSecurityGroupRule,
  groupsOfServer,
  listSecurityGroups,
  removeSecurityGroup,
  showSecurityGroup,
  updateSecurityGroup,
} from './security-groups.ts';
import { deleteService, setServiceStatus } from './services.ts';
import { createServerGroup, deleteServerGroup } from './server-groups.ts';
import { offloadServer, shelveServer } from './shelve.ts';
import { unshelveServer } from './unshelve.ts';
import { updateServer } from './update-server.ts';
import {
  attachVolume,
  createSnapshot,
  createVolume,
  listSnapshots,
  listVolumes,
  showSnapshot,
  showVolume,
} from './volumes.ts';

const verbs = {
  createServers,
  updateServer,
  deleteServer,
  clearServerPassword,
  forceDeleteServer,
  restoreServer,
  rebuildServer,
  rescueServer,
  unrescueServer,
  setServerMetadata,
  deleteServerMetadata,
  setServerTags,
  addServerTag,
  deleteServerTag,
  deleteServerTags,
  startServer,
  stopServer,
  rebootServer,
  pauseServer,
  unpauseServer,
  suspendServer,
  resumeServer,
  resizeServer,
  confirmResize,
  revertResize,
  migrateServer,
  liveMigrateServer,
  evacuateServer,
  abortLiveMigration,
  forceLiveMigration,
  lockServer,
  unlockServer,
  resetState,
  injectNetworkInfo,
  changePassword,
  triggerCrashDump,
  listInterfaces,
  showInterface,
  attachInterface,
  detachInterface,
  addFixedIp,
  removeFixedIp,
  groupsOfServer,
  addSecurityGroup,
  removeSecurityGroup,
  listSecurityGroups,
  showSecurityGroup,
  createSecurityGroup,
  updateSecurityGroup,
  deleteSecurityGroup,
  createSecurityGroupRule,
  deleteSecurityGroupRule,
  attachVolume,
  listVolumes,
  showVolume,
  createVolume,
  listSnapshots,
  showSnapshot,
  createSnapshot,
  listNetworks,
  showNetwork,
  listFloatingPools,
  listFloatingIps,
  showFloatingIp,
  createFloatingIp,
  deleteFloatingIp,
  addFloatingIp,
  removeFloatingIp,
  consoleOutput,
  serverDiagnostics,
  openRemoteConsole,
  takeExternalEvents,
  attachShare,
  detachShare,
  adjustServer,
  planAdjustment,
  explainPlacement,
  createImage,
  createBackup,
  shelveServer,
  offloadServer,
  unshelveServer,
  checkImageMetadata,
  listImages,
  showImage,
  deleteImage,
  changeImageMetadata,
  createFlavor,
  updateFlavor,
  deleteFlavor,
  addFlavorAccess,
  removeFlavorAccess,
  setFlavorExtraSpecs,
  deleteFlavorExtraSpec,
  createKeypair,
  deleteKeypair,
  createAggregate,
  cacheImages,
  updateAggregate,
  deleteAggregate,
  addHostToAggregate,
  removeHostFromAggregate,
  setAggregateMetadata,
  createServerGroup,
  deleteServerGroup,
  setServiceStatus,
  deleteService,
  readQuota,
  readClassQuota,
  updateQuota,
  deleteQuota,
  updateClassQuota,
};

type Verbs = typeof verbs;
type Bound<F> = F extends (deps: OpsDeps, ...args: infer A) => infer R ? (...args: A) => R : never;

/** Every verb with its dependencies bound; each takes the Op first. */
export type Ops = { readonly [V in keyof Verbs]: Bound<Verbs[V]> };

export function makeOps(deps: OpsDeps): Ops {
  const bind = ([name, verb]: [string, (...args: never[]) => unknown]) => [
    name,
    (...args: unknown[]) => (verb as (...all: unknown[]) => unknown)(deps, ...args),
  ];
  return Object.fromEntries(Object.entries(verbs).map(bind)) as unknown as Ops;
}

export { noAggregate } from './aggregates.ts';
export type { ShownInterface } from './attach-interfaces.ts';
export type { ShownFloatingIp } from './floating-ips.ts';
export type { SeenGroups } from './security-groups.ts';
export type { RebuildRequest } from './rebuild.ts';
export type { CreatedServers } from './create-servers.ts';
export type { ActionEnd, AdjustEnd, OpsConfig, OpsDeps, OpsHooks, OpsObserver } from './deps.ts';
export type { CreatedKeypair, NewKeypair } from './keypairs.ts';
export type { QuotaOwner, QuotaView } from './quota-sets.ts';
export { followConsoleToken } from './remote-consoles.ts';
export { handleReport } from './reports.ts';
export { noSuchShare } from './server-shares.ts';
export { startWorker, type Worker, type WorkerOptions } from './worker.ts';
