// Why: before microversions a client asked for an extension's alias to learn whether it could do something. The list is closed
// since then, and stays as it was whatever became of its members: old clients look for words in it.

/** Alias, name and what it was for. */
type Row = readonly [alias: string, name: string, purpose: string];

const rows: readonly Row[] = [
  ['NMN', 'Multinic', 'Servers with several interfaces.'],
  ['OS-DCF', 'DiskConfig', 'How the disk is partitioned at the first boot.'],
  ['OS-EXT-AZ', 'ExtendedAvailabilityZone', 'The zone in which a server is.'],
  ['OS-EXT-IMG-SIZE', 'ImageSize', 'The size of an image in lists.'],
  ['OS-EXT-IPS', 'ExtendedIps', 'Whether an address is fixed or floating.'],
  ['OS-EXT-IPS-MAC', 'ExtendedIpsMac', 'The MAC address of the interface that has an address.'],
  ['OS-EXT-SRV-ATTR', 'ExtendedServerAttributes', 'Where a server runs.'],
  ['OS-EXT-STS', 'ExtendedStatus', 'The inner states of a server.'],
  ['OS-FLV-DISABLED', 'FlavorDisabled', 'Whether a flavor is disabled.'],
  ['OS-FLV-EXT-DATA', 'FlavorExtraData', 'The ephemeral disk of a flavor.'],
  ['OS-SCH-HNT', 'SchedulerHints', 'Hints for the scheduler.'],
  ['OS-SRV-USG', 'ServerUsage', 'When a server was launched and terminated.'],
  ['os-access-ips', 'AccessIPs', 'The addresses by which a server is reached.'],
  ['os-admin-actions', 'AdminActions', "Administrators' actions on a server, its state among them."],
  ['os-admin-password', 'AdminPassword', "Changing the administrator's password."],
  ['os-agents', 'Agents', 'Versions of the agents within guests.'],
  ['os-aggregates', 'Aggregates', 'Groups of hosts.'],
  ['os-assisted-volume-snapshots', 'AssistedVolumeSnapshots', 'Snapshots of volumes made by the hypervisor.'],
  ['os-attach-interfaces', 'AttachInterfaces', 'Interfaces that are added to a server and taken away.'],
  ['os-availability-zone', 'AvailabilityZone', 'Availability zones.'],
  ['os-baremetal-ext-status', 'BareMetalExtStatus', 'The state of bare metal nodes.'],
  ['os-baremetal-nodes', 'BareMetalNodes', 'Bare metal nodes.'],
  ['os-block-device-mapping', 'BlockDeviceMapping', 'Servers that boot from volumes.'],
  ['os-block-device-mapping-v2-boot', 'BlockDeviceMappingV2Boot', 'The disks of a new server, one by one.'],
  ['os-cell-capacities', 'CellCapacities', 'What the cells of the first kind had room for.'],
  ['os-cells', 'Cells', 'Cells of the first kind.'],
  ['os-certificates', 'Certificates', 'The root certificate.'],
  ['os-cloudpipe', 'Cloudpipe', 'Gateways into networks of VLANs.'],
  ['os-cloudpipe-update', 'CloudpipeUpdate', 'Changing the address of such a gateway.'],
  ['os-config-drive', 'ConfigDrive', 'Metadata on a disk.'],
  ['os-console-auth-tokens', 'ConsoleAuthTokens', 'What a console token stands for.'],
  ['os-console-output', 'ConsoleOutput', 'The output of the serial console.'],
  ['os-consoles', 'Consoles', 'Consoles through a proxy.'],
  ['os-create-backup', 'CreateBackup', 'Backups that rotate.'],
  ['os-create-server-ext', 'Createserverext', 'An older way to create servers.'],
  ['os-deferred-delete', 'DeferredDelete', 'Servers that are deleted later.'],
  ['os-evacuate', 'Evacuate', 'Servers that are rebuilt away from a dead host.'],
  ['os-extended-evacuate-find-host', 'ExtendedEvacuateFindHost', 'Evacuation to a host that the scheduler finds.'],
  ['os-extended-floating-ips', 'ExtendedFloatingIps', 'The fixed address to which a floating one leads.'],
  ['os-extended-hypervisors', 'ExtendedHypervisors', 'More of a hypervisor.'],
  ['os-extended-networks', 'ExtendedNetworks', 'More of a network.'],
  ['os-extended-quotas', 'ExtendedQuotas', 'Deleting quotas, and setting them below what is used.'],
  ['os-extended-rescue-with-image', 'ExtendedRescueWithImage', 'The image with which a server is rescued.'],
  ['os-extended-services', 'ExtendedServices', 'Why a service is disabled.'],
  ['os-extended-services-delete', 'ExtendedServicesDelete', 'Deleting services.'],
  ['os-extended-status', 'ExtendedStatus', 'The inner states of a server.'],
  ['os-extended-volumes', 'ExtendedVolumes', 'The volumes of a server.'],
  ['os-fixed-ips', 'FixedIPs', 'Reserving fixed addresses.'],
  ['os-flavor-access', 'FlavorAccess', 'Which projects may use a flavor.'],
  ['os-flavor-extra-specs', 'FlavorExtraSpecs', 'The extra specs of a flavor.'],
  ['os-flavor-manage', 'FlavorManage', 'Creating and deleting flavors.'],
  ['os-flavor-rxtx', 'FlavorRxtx', "A flavor's share of the network."],
  ['os-flavor-swap', 'FlavorSwap', 'The swap disk of a flavor.'],
  ['os-floating-ip-dns', 'FloatingIpDns', 'Names of floating addresses.'],
  ['os-floating-ip-pools', 'FloatingIpPools', 'Where floating addresses come from.'],
  ['os-floating-ips', 'FloatingIps', 'Floating addresses.'],
  ['os-floating-ips-bulk', 'FloatingIpsBulk', 'Many floating addresses at once.'],
  ['os-fping', 'Fping', 'Whether servers answer a ping.'],
  ['os-hide-server-addresses', 'HideServerAddresses', 'Hiding addresses while a server is in certain states.'],
  ['os-hosts', 'Hosts', 'Hosts.'],
  ['os-hypervisor-status', 'HypervisorStatus', 'The state of a hypervisor.'],
  ['os-hypervisors', 'Hypervisors', 'Hypervisors.'],
  ['os-instance-actions', 'InstanceActions', 'What was done to a server.'],
  ['os-instance_usage_audit_log', 'OSInstanceUsageAuditLog', 'How the audits of usage went.'],
  ['os-keypairs', 'Keypairs', 'Key pairs.'],
  ['os-lock-server', 'LockServer', 'Locking and unlocking servers.'],
  ['os-migrate-server', 'MigrateServer', 'Moving servers to other hosts, live or not.'],
  ['os-migrations', 'Migrations', 'Which servers were moved.'],
  ['os-multiple-create', 'MultipleCreate', 'Creating several servers at once.'],
  ['os-networks', 'Networks', 'Networks, for administrators.'],
  ['os-networks-associate', 'NetworkAssociationSupport', 'Which project or host a network is for.'],
  ['os-pause-server', 'PauseServer', 'Freezing servers and letting them run again.'],
  ['os-personality', 'Personality', 'Files that a new server gets.'],
  ['os-preserve-ephemeral-rebuild', 'PreserveEphemeralOnRebuild', 'Keeping the ephemeral disk when rebuilding.'],
  ['os-quota-class-sets', 'QuotaClasses', 'Quotas of classes.'],
  ['os-quota-sets', 'Quotas', 'Quotas.'],
  ['os-rescue', 'Rescue', 'Booting a server from a rescue image.'],
  ['os-security-group-default-rules', 'SecurityGroupDefaultRules', 'Rules that every new security group has.'],
  ['os-security-groups', 'SecurityGroups', 'Security groups.'],
  ['os-server-diagnostics', 'ServerDiagnostics', 'What a server has used of its devices.'],
  ['os-server-external-events', 'ServerExternalEvents', 'News of a server from other services.'],
  ['os-server-group-quotas', 'ServerGroupQuotas', 'Quotas of server groups.'],
  ['os-server-groups', 'ServerGroups', 'Server groups.'],
  ['os-server-list-multi-status', 'ServerListMultiStatus', 'Servers in one of several states.'],
  ['os-server-password', 'ServerPassword', 'The encrypted password of a server.'],
  ['os-server-sort-keys', 'ServerSortKeys', 'Lists of servers in a chosen order.'],
  ['os-server-start-stop', 'ServerStartStop', 'Starting and stopping servers.'],
  ['os-services', 'Services', 'Services.'],
  ['os-shelve', 'Shelve', 'Servers that are put aside.'],
  ['os-simple-tenant-usage', 'SimpleTenantUsage', 'What projects have used.'],
  ['os-suspend-server', 'SuspendServer', "Storing a server's memory on disk and resuming it."],
  ['os-tenant-networks', 'OSTenantNetworks', 'Networks of a project.'],
  ['os-used-limits', 'UsedLimits', 'How much of a limit is used.'],
  ['os-used-limits-for-admin', 'UsedLimitsForAdmin', 'How much another project uses of its limits.'],
  ['os-user-data', 'UserData', 'Data for the first boot of a server.'],
  ['os-user-quotas', 'UserQuotas', 'Quotas of users within a project.'],
  ['os-virtual-interfaces', 'VirtualInterfaces', 'The interfaces of a server.'],
  ['os-volume-attachment-update', 'VolumeAttachmentUpdate', 'Another volume in place of an attached one.'],
  ['os-volumes', 'Volumes', 'Volumes.'],
];

export interface Extension {
  readonly alias: string;
  readonly name: string;
  readonly description: string;
  readonly links: readonly never[];
  readonly namespace: string;
  readonly updated: string;
}

const extension = ([alias, name, description]: Row): Extension => ({
  alias,
  name,
  description,
  links: [],
  namespace: 'http://docs.openstack.org/compute/ext/fake_xml',
  updated: '2014-12-03T00:00:00Z',
});

/** In the order of their aliases' characters. */
export const extensions: readonly Extension[] = rows.map(extension);

const onlyLegacy: Row = ['OS-EXT-VIF-NET', 'ExtendedVIFNet', 'The network of an interface.'];

/** What the old /v2 endpoint lists: one more. */
export const legacyExtensions: readonly Extension[] = [...extensions, extension(onlyLegacy)].sort((a, b) =>
  a.alias < b.alias ? -1 : 1,
);
