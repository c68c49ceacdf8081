// Why: the compute API as one list of routes, for the router, the API document, the sample policy file and the tests that
// walk every route.

import type { RouteEntry } from '../resource.ts';
import adjustPolicies from './adjust-policies.ts';
import aggregates from './aggregates.ts';
import attachInterfaces from './attach-interfaces.ts';
import assistedVolumeSnapshots from './assisted-volume-snapshots.ts';
import availabilityZone from './availability-zone.ts';
import costs from './costs.ts';
import baremetalNodes from './baremetal-nodes.ts';
import sshPort from './ssh-ports.ts';
import cloudInitStatus from './cloud-init-status.ts';
import cloudInitTemplates from './cloud-init-templates.ts';
import consoleAuthTokens from './console-auth-tokens.ts';
import extensionInfo from './extension-info.ts';
import flavorsAccess from './flavors-access.ts';
import flavorsExtraSpecs from './flavors-extra-specs.ts';
import flavors from './flavors.ts';
import hosts from './hosts.ts';
import floatingIpPools from './floating-ip-pools.ts';
import floatingIps from './floating-ips.ts';
import hypervisors from './hypervisors.ts';
import imageMetadata from './image-metadata.ts';
import images from './images.ts';
import instanceActions from './instance-actions.ts';
import instanceUsageAuditLog from './instance-usage-audit-log.ts';
import ips from './ips.ts';
import keypairs from './keypairs.ts';
import limits from './limits.ts';
import plans from './plans.ts';
import prices from './prices.ts';
import sizedFlavors from './sized-flavors.ts';
import profiles from './profiles.ts';
import quotaClassSets from './quota-class-sets.ts';
import metrics from './metrics.ts';
import health from './health.ts';
import clusterStats from './cluster-stats.ts';
import migrations from './migrations.ts';
import networks from './networks.ts';
import quotaSets from './quota-sets.ts';
import remoteConsoles from './remote-consoles.ts';
import removed from './removed.ts';
import securityGroups from './security-groups.ts';
import serverDiagnostics from './server-diagnostics.ts';
import serverExternalEvents from './server-external-events.ts';
import serverMetadata from './server-metadata.ts';
import serverPassword from './server-password.ts';
import serverShares from './server-shares.ts';
import serverTags from './server-tags.ts';
import serverTopology from './server-topology.ts';
import serverActions from './servers/actions.ts';
import serverGroups from './server-groups.ts';
import createImage from './servers/create-image.ts';
import serverAdminActions from './servers/admin-actions.ts';
import serverAdminPassword from './servers/admin-password.ts';
import serverMultinic from './servers/multinic.ts';
import serverEvacuate from './servers/evacuate.ts';
import serverMigrate from './servers/migrate.ts';
import serverPlainActions from './servers/plain-actions.ts';
import serverRescue from './servers/rescue.ts';
import serverRebuild from './servers/rebuild.ts';
import serverResize from './servers/resize.ts';
import serversMigrations from './servers-migrations.ts';
import servers from './servers/index.ts';
import serverLock from './servers/lock.ts';
import serverShelve from './servers/shelve.ts';
import services from './services.ts';
import backupSchedules from './backup-schedules.ts';
import serverBackups from './server-backups.ts';
import serverSnapshots from './server-snapshots.ts';
import { versionRoutes } from './versions.ts';
import simpleTenantUsage from './simple-tenant-usage.ts';
import tenantNetworks from './tenant-networks.ts';
import volumeAttachments from './volume-attachments.ts';
import { volumesBoot } from './volumes-boot.ts';
import volumes from './volumes.ts';
import xloudAdjust from './adjust.ts';
import xloudScheduler from './xloud-scheduler.ts';

const routes: readonly RouteEntry[] = [
  ...servers,
  ...serverActions,
  ...serverPlainActions,
  ...createImage,
  ...serverAdminActions,
  ...serverAdminPassword,
  ...remoteConsoles,
  ...consoleAuthTokens,
  ...serverDiagnostics,
  ...serverPassword,
  ...serverTopology,
  ...serverResize,
  ...serverMigrate,
  ...serverEvacuate,
  ...migrations,
  ...serverRebuild,
  ...serverRescue,
  ...serverShares,
  ...serversMigrations,
  ...serverMetadata,
  ...serverTags,
  ...ips,
  ...serverLock,
  ...serverSnapshots,
  ...serverBackups,
  ...backupSchedules,
  ...serverShelve,
  ...attachInterfaces,
  ...serverMultinic,
  ...securityGroups,
  ...networks,
  ...tenantNetworks,
  ...floatingIpPools,
  ...floatingIps,
  ...volumes,
  ...volumeAttachments,
  ...baremetalNodes,
  ...instanceActions,
  ...xloudAdjust,
  ...xloudScheduler,
  ...cloudInitStatus,
  ...sshPort,
  ...cloudInitTemplates,
  ...adjustPolicies,
  ...profiles,
  ...plans,
  ...prices,
  ...costs,
  ...metrics,
  ...health,
  ...clusterStats,
  ...flavors,
  ...sizedFlavors,
  ...flavorsAccess,
  ...flavorsExtraSpecs,
  ...keypairs,
  ...limits,
  ...quotaSets,
  ...serverGroups,
  ...aggregates,
  ...quotaClassSets,
  ...simpleTenantUsage,
  ...instanceUsageAuditLog,
  ...availabilityZone,
  ...hosts,
  ...hypervisors,
  ...images,
  ...imageMetadata,
  ...services,
  ...serverExternalEvents,
  ...assistedVolumeSnapshots,
  ...extensionInfo,
  ...versionRoutes,
  ...removed,
];

export const computeRoutes: readonly RouteEntry[] = [...routes, ...volumesBoot(routes)];
