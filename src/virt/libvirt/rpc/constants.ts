// Why: libvirt's flags and numbers that a compute driver passes or reads, by the names of libvirt's headers, so that they can
// be looked up there.

// virDomainState
export const VIR_DOMAIN_NOSTATE = 0;
export const VIR_DOMAIN_RUNNING = 1;
export const VIR_DOMAIN_BLOCKED = 2;
export const VIR_DOMAIN_PAUSED = 3;
export const VIR_DOMAIN_SHUTDOWN = 4;
export const VIR_DOMAIN_SHUTOFF = 5;
export const VIR_DOMAIN_CRASHED = 6;
export const VIR_DOMAIN_PMSUSPENDED = 7;

// virDomainModificationImpact; the same bits for memory, vCPUs and devices
export const VIR_DOMAIN_AFFECT_CURRENT = 0;
export const VIR_DOMAIN_AFFECT_LIVE = 1;
export const VIR_DOMAIN_AFFECT_CONFIG = 2;

// virDomainVcpuFlags, virDomainMemoryModFlags
export const VIR_DOMAIN_VCPU_MAXIMUM = 4;
export const VIR_DOMAIN_VCPU_GUEST = 8;
export const VIR_DOMAIN_VCPU_HOTPLUGGABLE = 16;
export const VIR_DOMAIN_MEM_MAXIMUM = 4;

// virDomainCreateFlags, virDomainDefineFlags
export const VIR_DOMAIN_START_PAUSED = 1;
export const VIR_DOMAIN_START_VALIDATE = 16;
export const VIR_DOMAIN_DEFINE_VALIDATE = 1;

// virDomainDestroyFlagsValues, virDomainUndefineFlagsValues
export const VIR_DOMAIN_DESTROY_GRACEFUL = 1;
export const VIR_DOMAIN_UNDEFINE_MANAGED_SAVE = 1;
export const VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA = 2;
export const VIR_DOMAIN_UNDEFINE_NVRAM = 4;
export const VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA = 16;

// virDomainShutdownFlagValues
export const VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN = 1;
export const VIR_DOMAIN_SHUTDOWN_GUEST_AGENT = 2;

// virDomainXMLFlags
export const VIR_DOMAIN_XML_SECURE = 1;
export const VIR_DOMAIN_XML_INACTIVE = 2;

// virConnectListAllDomainsFlags
export const VIR_CONNECT_LIST_DOMAINS_ACTIVE = 1;
export const VIR_CONNECT_LIST_DOMAINS_INACTIVE = 2;

// virDomainStatsTypes, virConnectGetAllDomainStatsFlags
export const VIR_DOMAIN_STATS_STATE = 1;
export const VIR_DOMAIN_STATS_CPU_TOTAL = 2;
export const VIR_DOMAIN_STATS_BALLOON = 4;
export const VIR_DOMAIN_STATS_VCPU = 8;
export const VIR_DOMAIN_STATS_INTERFACE = 16;
export const VIR_DOMAIN_STATS_BLOCK = 32;
/** Takes what can be had without waiting for a domain that is busy. */
export const VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT = 0x2000_0000;

// virDomainInterfaceAddressesSource
export const VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE = 0;
export const VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT = 1;
export const VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP = 2;

// virDomainQemuAgentCommandTimeoutValues
export const VIR_DOMAIN_QEMU_AGENT_COMMAND_BLOCK = -2;
export const VIR_DOMAIN_QEMU_AGENT_COMMAND_DEFAULT = -1;
export const VIR_DOMAIN_QEMU_AGENT_COMMAND_NOWAIT = 0;

// virNetworkUpdateCommand, virNetworkUpdateSection, virNetworkUpdateFlags
export const VIR_NETWORK_UPDATE_COMMAND_MODIFY = 1;
export const VIR_NETWORK_UPDATE_COMMAND_DELETE = 2;
export const VIR_NETWORK_UPDATE_COMMAND_ADD_LAST = 3;
export const VIR_NETWORK_UPDATE_COMMAND_ADD_FIRST = 4;
export const VIR_NETWORK_SECTION_IP_DHCP_HOST = 4;
export const VIR_NETWORK_SECTION_IP_DHCP_RANGE = 5;
export const VIR_NETWORK_SECTION_DNS_HOST = 10;
export const VIR_NETWORK_UPDATE_AFFECT_CURRENT = 0;
export const VIR_NETWORK_UPDATE_AFFECT_LIVE = 1;
export const VIR_NETWORK_UPDATE_AFFECT_CONFIG = 2;

// Features of a driver or daemon (virDrvFeature)
export const VIR_DRV_FEATURE_PROGRAM_KEEPALIVE = 10;
export const VIR_DRV_FEATURE_NETWORK_UPDATE_HAS_CORRECT_ORDER = 16;
