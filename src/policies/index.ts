// Why: one list of every rule, for the enforcement point, the sample file and the test of roles against routes.

import { rules as adjustPolicies } from './adjust-policies.ts';
import { rules as aggregates } from './aggregates.ts';
import { rules as adminActions } from './admin-actions.ts';
import { rules as adminPassword } from './admin-password.ts';
import { rules as attachInterfaces } from './attach-interfaces.ts';
import { rules as assistedVolumeSnapshots } from './assisted-volume-snapshots.ts';
import { rules as availabilityZone } from './availability-zone.ts';
import { rules as backupSchedules } from './backup-schedules.ts';
import { rules as baremetalNodes } from './baremetal-nodes.ts';
import { type Rule, macros } from './base.ts';
import { rules as cinder } from './cinder.ts';
import { rules as sshPort } from './ssh-ports.ts';
import { rules as cloudInitStatus } from './cloud-init-status.ts';
import { rules as cloudInitTemplates } from './cloud-init-templates.ts';
import { rules as consoleOutput } from './console-output.ts';
import { rules as costs } from './costs.ts';
import { rules as createBackup } from './create-backup.ts';
import { rules as extensions } from './extensions.ts';
import { rules as deferredDelete } from './soft-delete.ts';
import { rules as evacuate } from './evacuate.ts';
import { rules as flavorsAccess } from './flavors-access.ts';
import { rules as flavorsExtraSpecs } from './flavors-extra-specs.ts';
import { rules as flavors } from './flavors.ts';
import { rules as glance } from './glance.ts';
import { rules as hosts } from './hosts.ts';
import { rules as floatingIpPools } from './floating-ip-pools.ts';
import { rules as floatingIps } from './floating-ips.ts';
import { rules as hypervisors } from './hypervisors.ts';
import { rules as ips } from './ips.ts';
import { rules as instanceActions } from './instance-actions.ts';
import { rules as instanceUsageAuditLog } from './instance-usage-audit-log.ts';
import { rules as keypairs } from './keypairs.ts';
import { rules as keystone } from './keystone.ts';
import { rules as limits } from './limits.ts';
import { rules as lockServer } from './lock.ts';
import { rules as multinic } from './multinic.ts';
import { rules as metrics } from './metrics.ts';
import { rules as migrateServer } from './migrate.ts';
import { rules as migrations } from './migrations.ts';
import { rules as networks } from './networks.ts';
import { rules as neutron } from './neutron.ts';
import { rules as pauseServer } from './pause.ts';
import { rules as sizedFlavors } from './sized-flavors.ts';
import { rules as profiles } from './profiles.ts';
import { rules as quotaClassSets } from './quota-class-sets.ts';
import { rules as quotaSets } from './quota-sets.ts';
import { rules as remoteConsoles } from './remote-consoles.ts';
import { rules as serverBackups } from './server-backups.ts';
import { rules as serverSnapshots } from './server-snapshots.ts';
import { rules as serverDiagnostics } from './server-diagnostics.ts';
import { rules as securityGroups } from './security-groups.ts';
import { rules as serverGroups } from './server-groups.ts';
import { rules as serverExternalEvents } from './server-external-events.ts';
import { rules as serverMetadata } from './server-metadata.ts';
import { rules as serverPassword } from './server-password.ts';
import { rules as serverShares } from './server-shares.ts';
import { rules as serverTags } from './server-tags.ts';
import { rules as serverTopology } from './server-topology.ts';
import { rules as servers } from './servers.ts';
import { rules as serversMigrations } from './servers-migrations.ts';
import { rules as services } from './services.ts';
import { rules as simpleTenantUsage } from './simple-tenant-usage.ts';
import { rules as shelve } from './shelve.ts';
import { rules as rescue } from './rescue.ts';
import { rules as suspendServer } from './suspend.ts';
import { rules as tenantNetworks } from './tenant-networks.ts';
import { rules as volumeAttachments } from './volume-attachments.ts';
import { rules as volumes } from './volumes.ts';
import { rules as xloudAdjust } from './adjust.ts';
import { rules as xloudScheduler } from './xloud-scheduler.ts';

const resourceRules = [
  ...servers,
  ...remoteConsoles,
  ...serverDiagnostics,
  ...serverSnapshots,
  ...serverBackups,
  ...backupSchedules,
  ...serverPassword,
  ...serverTopology,
  ...extensions,
  ...serverShares,
  ...serverExternalEvents,
  ...assistedVolumeSnapshots,
  ...serverMetadata,
  ...serverTags,
  ...ips,
  ...adjustPolicies,
  ...consoleOutput,
  ...costs,
  ...createBackup,
  ...adminActions,
  ...adminPassword,
  ...deferredDelete,
  ...rescue,
  ...lockServer,
  ...pauseServer,
  ...suspendServer,
  ...shelve,
  ...attachInterfaces,
  ...multinic,
  ...securityGroups,
  ...networks,
  ...tenantNetworks,
  ...floatingIpPools,
  ...floatingIps,
  ...volumes,
  ...volumeAttachments,
  ...baremetalNodes,
  ...migrateServer,
  ...evacuate,
  ...migrations,
  ...serversMigrations,
  ...instanceActions,
  ...xloudAdjust,
  ...xloudScheduler,
  ...cloudInitStatus,
  ...sshPort,
  ...cloudInitTemplates,
  ...profiles,
  ...metrics,
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
  ...services,
  ...glance,
  ...neutron,
  ...keystone,
  ...cinder,
] as const;

/** The name of a rule that a route or a view may cite. */
export type RuleName = (typeof resourceRules)[number]['name'];

/** The rules that routes and views cite, resource by resource. */
export const citedRules: readonly Rule<RuleName>[] = resourceRules;

/** Every rule: the ones that others are made of, then the cited ones. */
export const allRules: readonly Rule[] = [...macros, ...resourceRules];

const byName: ReadonlyMap<string, Rule> = new Map(allRules.map((rule) => [rule.name, rule]));

export function findRule(name: string): Rule | undefined {
  return byName.get(name);
}
