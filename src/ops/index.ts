// Why: the verbs of compute, with what they act on bound once. The only writers of state.

import {
  addFlavorAccess,
  createFlavor,
  deleteFlavor,
  deleteFlavorExtraSpec,
  removeFlavorAccess,
  setFlavorExtraSpecs,
  updateFlavor,
} from './administration/flavors.ts';
import {
  addHostToAggregate,
  createAggregate,
  deleteAggregate,
  removeHostFromAggregate,
  setAggregateMetadata,
  updateAggregate,
} from './administration/aggregates.ts';
import { injectNetworkInfo, resetState } from './servers/admin-actions.ts';
import { applyProfile } from './servers/apply-profile.ts';
import { createAdjustPolicy, deleteAdjustPolicy, updateAdjustPolicy } from './administration/adjust-policies.ts';
import { changePrices } from './administration/prices.ts';
import { cacheImages } from './administration/cache-images.ts';
import { changePassword } from './servers/admin-password.ts';
import { attachInterface, detachInterface, listInterfaces, showInterface } from './servers/attach-interfaces.ts';
import { adjustServerAnywhere } from './servers/grow-elsewhere.ts';
import { dropServerSshPort, giveSshPort, showSshPort } from './servers/ssh-ports.ts';
import { cloudInitStatus } from './servers/cloud-init-status.ts';
import { consoleOutput } from './servers/console-output.ts';
import { deleteBackupSchedule, setBackupSchedule } from './servers/backup-schedules.ts';
import { createFromBackup } from './servers/create-from-backup.ts';
import { copyServer } from './servers/copy-disk.ts';
import { restoreCopy } from './servers/restore-copy.ts';
import { changeCopy, deleteCopy, verifyCopy } from './servers/server-copies.ts';
import { createBackup, createImage } from './servers/create-image.ts';
import { bootImage } from './servers/boot-source.ts';
import { createServers } from './servers/create.ts';
import { deleteServer } from './servers/delete.ts';
import { rebuildServer } from './servers/rebuild.ts';
import { rescueServer } from './servers/rescue.ts';
import type { OpsDeps } from './deps.ts';
import { requestAction } from './engine/action.ts';
import { changeImageMetadata, checkImageMetadata, deleteImage, listImages, showImage } from './proxies/images.ts';
import { listCloudInitTemplates, showCloudInitTemplate } from './administration/cloud-init-templates.ts';
import { createKeypair, deleteKeypair } from './administration/keypairs.ts';
import { evacuateServer } from './servers/evacuate.ts';
import { balanceHosts } from './placement/balance-hosts.ts';
import { explainPlacement } from './placement/explain-placement.ts';
import { abortLiveMigration, forceLiveMigration, liveMigrateServer } from './servers/live-migrate.ts';
import { lockServer, unlockServer } from './servers/lock.ts';
import { rebootServer } from './servers/reboot.ts';
import { serverDiagnostics, serverUsage } from './servers/server-diagnostics.ts';
import {
  addFloatingIp,
  createFloatingIp,
  deleteFloatingIp,
  listFloatingIps,
  listFloatingPools,
  removeFloatingIp,
  showFloatingIp,
} from './proxies/floating-ips.ts';
import { listNetworks, showNetwork } from './proxies/networks.ts';
import { addFixedIp, removeFixedIp } from './servers/multinic.ts';
import { migrateServer, resizeServer } from './servers/resize.ts';
import { deleteServerMetadata, setServerMetadata } from './servers/server-metadata.ts';
import { takeExternalEvents } from './servers/server-external-events.ts';
import { attachShare, detachShare } from './servers/server-shares.ts';
import { openRemoteConsole } from './servers/remote-consoles.ts';
import { clearServerPassword } from './servers/server-password.ts';
import { addServerTag, deleteServerTag, deleteServerTags, setServerTags } from './servers/server-tags.ts';
import { planAdjustment } from './servers/adjust-plan.ts';
import { deleteQuota, readClassQuota, readQuota, updateClassQuota, updateQuota } from './administration/quota-sets.ts';
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
} from './proxies/security-groups.ts';
import { deleteService, setServiceStatus } from './administration/services.ts';
import { sizedFlavorFor } from './administration/sized-flavors.ts';
import { createServerGroup, deleteServerGroup } from './administration/server-groups.ts';
import { unshelveServer } from './servers/unshelve.ts';
import { updateServer } from './servers/update.ts';
import { attachVolume, detachVolume, updateAttachedVolume } from './servers/attach-volume.ts';
import {
  createSnapshot,
  createVolume,
  deleteSnapshot,
  deleteVolume,
  listSnapshots,
  listVolumes,
  showSnapshot,
  showVolume,
} from './servers/volumes.ts';

const verbs = {
  requestAction,
  bootImage,
  createServers,
  updateServer,
  deleteServer,
  clearServerPassword,
  rebuildServer,
  rescueServer,
  setServerMetadata,
  deleteServerMetadata,
  setServerTags,
  addServerTag,
  deleteServerTag,
  deleteServerTags,
  rebootServer,
  resizeServer,
  migrateServer,
  liveMigrateServer,
  evacuateServer,
  abortLiveMigration,
  forceLiveMigration,
  lockServer,
  unlockServer,
  applyProfile,
  createAdjustPolicy,
  updateAdjustPolicy,
  deleteAdjustPolicy,
  changePrices,
  resetState,
  injectNetworkInfo,
  changePassword,
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
  detachVolume,
  updateAttachedVolume,
  deleteVolume,
  deleteSnapshot,
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
  cloudInitStatus,
  showSshPort,
  giveSshPort,
  dropServerSshPort,
  consoleOutput,
  serverDiagnostics,
  serverUsage,
  openRemoteConsole,
  takeExternalEvents,
  attachShare,
  detachShare,
  adjustServer: adjustServerAnywhere,
  planAdjustment,
  balanceHosts,
  explainPlacement,
  createImage,
  createBackup,
  copyServer,
  restoreCopy,
  changeCopy,
  deleteCopy,
  verifyCopy,
  createFromBackup,
  setBackupSchedule,
  deleteBackupSchedule,
  unshelveServer,
  checkImageMetadata,
  listImages,
  showImage,
  deleteImage,
  changeImageMetadata,
  createFlavor,
  sizedFlavorFor,
  updateFlavor,
  deleteFlavor,
  addFlavorAccess,
  removeFlavorAccess,
  setFlavorExtraSpecs,
  deleteFlavorExtraSpec,
  listCloudInitTemplates,
  showCloudInitTemplate,
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

export { noAggregate } from './administration/aggregates.ts';
export type { ShownInterface } from './servers/attach-interfaces.ts';
export type { ShownFloatingIp } from './proxies/floating-ips.ts';
export type { SeenGroups } from './proxies/security-groups.ts';
export type { RebuildRequest } from './servers/rebuild.ts';
export type { CreatedServers } from './servers/create.ts';
export type { SshPort } from './servers/ssh-ports.ts';
export type {
  ActionEnd,
  AdjustEnd,
  OpsConfig,
  OpsDeps,
  OpsHooks,
  OpsObserver,
  ReconcilerEnd,
  SshPorts,
} from './deps.ts';
export type { CreatedKeypair, NewKeypair } from './administration/keypairs.ts';
export type { QuotaOwner, QuotaView } from './administration/quota-sets.ts';
export { followConsoleToken } from './servers/remote-consoles.ts';
export { attachVolumeAction, copyAttached, detachVolumeAction, growAttached } from './servers/attach-volume.ts';
export type { NewVolumeRequest, Volume, VolumeSnapshot } from './servers/volumes.ts';
export { type GuestMetadataSource, guestMetadata, type MetadataAsker } from './servers/guest-metadata.ts';
export { handleReport } from './reconcile/reports.ts';
export { noSuchShare } from './servers/server-shares.ts';
export { startWorker, type Worker, type WorkerOptions } from './engine/worker.ts';
