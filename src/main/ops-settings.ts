// Why: the configuration speaks in the operator's words and units; the operations have their own.

import type { HostTerms } from '../domain/placement/host-terms.ts';
import type { SizedFlavorTerms } from '../domain/machines/sized-flavors.ts';
import { readAliases } from '../domain/pci/pci-alias.ts';
import type { OpsDeps } from '../ops/index.ts';
import { weigherNames, weighers } from '../scheduler/index.ts';
import { readCloudInitTemplates } from './cloud-init-templates.ts';
import type { Config } from './config.ts';
import { hasMetadata, isMetadataProxied } from './metadata-wish.ts';

const DAY_MS = 86_400_000;

/** What a host's configuration says of it; the control plane's, of hosts that do not say. */
export const termsOf = (compute: Config['compute']): HostTerms => ({
  zone: compute.zone,
  ratios: {
    cpu: compute.cpu_allocation_ratio,
    ram: compute.ram_allocation_ratio,
    disk: compute.disk_allocation_ratio,
  },
  reserved: { vcpus: compute.reserved_vcpus, memoryMb: compute.reserved_memory_mb, diskGb: compute.reserved_disk_gb },
});

/** A guest that nobody tells over the network who it is has to be told by a drive. */
const forcesConfigDrive = (config: Config): boolean =>
  config.compute.force_config_drive === 'auto'
    ? !hasMetadata(config) && !isMetadataProxied(config)
    : config.compute.force_config_drive === 'yes';

const sizedFlavorTerms = (compute: Config['compute']): SizedFlavorTerms => ({
  perProject: compute.sized_flavors,
  most: {
    vcpus: compute.sized_flavor_vcpus,
    memoryMb: compute.sized_flavor_memory_mb,
    diskGb: compute.sized_flavor_disk_gb,
  },
  base: compute.sized_flavor_base || null,
});

/** What the operations need of the configuration, in their own units. */
export const opsSettings = (config: Config): Pick<OpsDeps, 'config' | 'scheduler'> => {
  const { compute, database, network, pci, quota, scheduler, notifications } = config;
  return {
    config: {
      defaultZone: compute.zone,
      ratios: termsOf(compute).ratios,
      reserved: termsOf(compute).reserved,
      hostDownMs: compute.down_seconds * 1000,
      shutdownMs: compute.shutdown_seconds * 1000,
      plugTimeoutMs: network.vif_plugging_timeout_seconds * 1000,
      placementWaitMs: compute.placement_wait_seconds * 1000,
      forceConfigDrive: forcesConfigDrive(config),
      reclaimMs: compute.reclaim_instance_interval_seconds * 1000,
      retentionMs: database.retention_days * DAY_MS,
      adjustConfirmMs: compute.adjust_confirm_seconds * 1000,
      adjustMayMigrate: compute.adjust_may_migrate === 'yes',
      startSettleMs: compute.start_settle_seconds * 1000,
      autoscaleHostShare: compute.autoscale_host_share,
      allowResizeToSameHost: compute.allow_resize_to_same_host === 'yes',
      resizeConfirmMs: compute.resize_confirm_window * 1000,
      consoleBaseUrl: compute.console_base_url || null,
      notifications: notifications.url !== '',
      shelvedOffloadMs: compute.shelved_offload_time * 1000,
      evacuateAfterMs: compute.evacuate_after_seconds * 1000,
      evacuateMarkedOnly: compute.evacuate_servers === 'marked',
      pciAliases: readAliases(pci.alias),
      cloudInitTemplates: readCloudInitTemplates(compute.cloud_init_templates),
      sizedFlavors: sizedFlavorTerms(compute),
      quota,
    },
    scheduler: {
      filters: scheduler.enabled_filters,
      multipliers: Object.fromEntries(weigherNames.map((name) => [name, scheduler[weighers[name].option]])),
      settings: {
        maxIoOpsPerHost: scheduler.max_io_ops_per_host,
        maxInstancesPerHost: scheduler.max_instances_per_host,
        isolatedHosts: scheduler.isolated_hosts,
        isolatedImages: scheduler.isolated_images,
        restrictIsolatedHosts: scheduler.restrict_isolated_hosts_to_isolated_images === 'true',
        imageIsolationNamespace: scheduler.aggregate_image_properties_isolation_namespace,
        isolatedAggregates: scheduler.enable_isolated_aggregate_filtering === 'true',
        imageIsolationSeparator: scheduler.aggregate_image_properties_isolation_separator,
      },
    },
  };
};
