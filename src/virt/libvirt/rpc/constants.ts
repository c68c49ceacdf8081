// Why: libvirt's flags and numbers that a compute driver passes or reads, by the names of libvirt's headers, so that they can
// be looked up there.

// virDomainState
export const VIR_DOMAIN_RUNNING = 1;
export const VIR_DOMAIN_BLOCKED = 2;
export const VIR_DOMAIN_PAUSED = 3;
export const VIR_DOMAIN_SHUTDOWN = 4;
export const VIR_DOMAIN_SHUTOFF = 5;
export const VIR_DOMAIN_CRASHED = 6;
export const VIR_DOMAIN_PMSUSPENDED = 7;

// virDomainPausedReason
export const VIR_DOMAIN_PAUSED_POSTCOPY = 12;

// virDomainModificationImpact; the same bits for memory, vCPUs and devices
export const VIR_DOMAIN_AFFECT_LIVE = 1;
export const VIR_DOMAIN_AFFECT_CONFIG = 2;
export const VIR_DOMAIN_BLOCK_RESIZE_BYTES = 1;

// virDomainXMLFlags
export const VIR_DOMAIN_XML_SECURE = 1;
export const VIR_DOMAIN_XML_INACTIVE = 2;
export const VIR_DOMAIN_XML_MIGRATABLE = 8;

// virDomainShutoffReason
export const VIR_DOMAIN_SHUTOFF_MIGRATED = 4;

// virDomainMigrateFlags
export const VIR_MIGRATE_LIVE = 1;
export const VIR_MIGRATE_PEER2PEER = 2;
export const VIR_MIGRATE_PERSIST_DEST = 8;
export const VIR_MIGRATE_UNDEFINE_SOURCE = 16;
export const VIR_MIGRATE_NON_SHARED_INC = 128;
export const VIR_MIGRATE_UNSAFE = 512;
export const VIR_MIGRATE_ABORT_ON_ERROR = 4096;
export const VIR_MIGRATE_AUTO_CONVERGE = 8192;
export const VIR_MIGRATE_POSTCOPY = 32_768;
export const VIR_MIGRATE_TLS = 65_536;
export const VIR_MIGRATE_PARALLEL = 131_072;

// virDomainJobOperation
export const VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT = 5;

// virConnectCompareCPUFlags
export const VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE = 1;

// virDomainVcpuFlags, virDomainMemoryModFlags
export const VIR_DOMAIN_VCPU_MAXIMUM = 4;

// virDomainCreateFlags, virDomainDefineFlags
export const VIR_DOMAIN_START_PAUSED = 1;
/** Not from stored memory: that is thrown away. */
export const VIR_DOMAIN_START_FORCE_BOOT = 8;

// virDomainDestroyFlagsValues, virDomainUndefineFlagsValues
export const VIR_DOMAIN_DESTROY_GRACEFUL = 1;
export const VIR_DOMAIN_UNDEFINE_MANAGED_SAVE = 1;
export const VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA = 2;
export const VIR_DOMAIN_UNDEFINE_NVRAM = 4;
export const VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA = 16;

// virDomainShutdownFlagValues
export const VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN = 1;

// virDomainJobType, virDomainGetJobStatsFlags, virDomainBackupBeginFlags
export const VIR_DOMAIN_JOB_NONE = 0;
export const VIR_DOMAIN_JOB_COMPLETED = 3;
export const VIR_DOMAIN_JOB_STATS_COMPLETED = 1;
export const VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL = 1;
export const VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY = 2;

// virConnectListAllDomainsFlags
export const VIR_CONNECT_LIST_DOMAINS_ACTIVE = 1;

// virDomainStatsTypes
export const VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING = 16;
export const VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT = 1 << 29;
export const VIR_DOMAIN_STATS_BALLOON = 4;
export const VIR_DOMAIN_STATS_VCPU = 8;
export const VIR_DOMAIN_STATS_INTERFACE = 16;
export const VIR_DOMAIN_STATS_BLOCK = 32;

// virDomainInterfaceAddressesSource
export const VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE = 0;

// virConnectListAllNodeDeviceFlags
export const VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV = 2;

// virNetworkUpdateCommand, virNetworkUpdateSection, virNetworkUpdateFlags
export const VIR_NETWORK_UPDATE_COMMAND_DELETE = 2;
export const VIR_NETWORK_UPDATE_COMMAND_ADD_LAST = 3;
export const VIR_NETWORK_SECTION_IP_DHCP_HOST = 4;
export const VIR_NETWORK_UPDATE_AFFECT_LIVE = 1;
export const VIR_NETWORK_UPDATE_AFFECT_CONFIG = 2;

// Features of a driver or daemon (virDrvFeature)
export const VIR_DRV_FEATURE_PROGRAM_KEEPALIVE = 10;
export const VIR_DRV_FEATURE_NETWORK_UPDATE_HAS_CORRECT_ORDER = 16;
