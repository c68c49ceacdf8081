// Why: the code of a fault is what programs compare, so the list of codes is closed: what does not stand here does not compile. By
// what comes of it: words for whoever asked, words that only the cloud's own people read, and Neutron's names, which its clients know.

/** Of these the message is the caller's, too. */
const outward = {
  'action.overtaken': 'another request ended what was under way',
  'action.slow': 'what was asked for is under way, but did not end while the caller waited',
  address: 'no such address of the server',
  'adjust.noRoom': 'the host has not what the server should grow by',
  'agent.closing': 'the agent of the host ends',
  'agent.mailbox_full': 'too much waits for one guest',
  aggregate: 'no such aggregate',
  'aggregate.name': 'the aggregate has no usable name',
  'broker.away': 'the broker of notifications does not answer',
  config: 'the configuration is refused',
  console: 'no such console',
  consoles: 'consoles of such a kind are not offered',
  copy: 'no such snapshot or backup',
  'copy.broken': 'a snapshot or backup is not what it was made as',
  'copy.busy': 'the snapshot or backup is at something else',
  'copy.image': 'the server is of another image than its snapshot',
  'copy.noDirectory': 'the directory of snapshots and backups is not there',
  'copy.noRoom': 'there is no room for a snapshot or backup',
  'db.away': 'the database does not answer',
  'db.busy': 'the database is locked',
  'db.duplicate': 'it is there already',
  'db.full': 'the database has no room',
  'db.pattern': 'the database refuses the regular expression',
  'disk.down': 'a disk would become smaller',
  'disk.none': 'the flavor has no root disk',
  'disk.small': 'the image does not fit on the root disk',
  'fake.device_in_use': 'the fake driver gave the device to another guest',
  'fake.no_device': 'the fake driver has no such device',
  'fake.no_peer': 'the fake driver does not know the other host',
  'fake.told': 'the fake driver fails as it was told to',
  flavor: 'no such flavor',
  'flavor.noDisk': 'the flavor lets the image choose the disk, which is not allowed',
  'guest.elsewhere': 'the guest is on another host',
  host: 'no such host',
  'host.down': 'the host does not report',
  'image.checksum': 'the data is not what the image says',
  'image.format': 'the format of the image is not what it says, or is not taken',
  'image.signature': 'an image has no signature that is that of its data',
  'image.size': 'the image is larger than it may be',
  'image.unsafe': 'the image names other files',
  'keystone.unavailable': 'the identity service does not answer',
  keypair: 'no such key pair',
  'migration.cancelled': 'the migration was given up, as it was asked',
  'migration.devices': 'a guest with devices of its host cannot move',
  'migration.moving': 'the guest is on its way to another host',
  'migration.precheck': 'the other host cannot take the guest as it runs',
  'migration.slow': 'the migration took too long',
  'migration.tpm': 'the secrets of a TPM do not move with the disks',
  noValidHost: 'no host has room and is what was asked for',
  partial: 'a part of what was asked for was reached',
  'policy.evaluation': 'a rule could not be evaluated',
  'policy.forbidden': 'a rule refuses',
  'policy.syntax': 'a rule is not in the language of rules',
  'policy.unreadable': 'the file of rules cannot be read',
  'port.bridge': 'the bridge of a port is not on its host and cannot be made there',
  'port.limits': 'a bound on what an interface may carry cannot be kept',
  'port.vif_type': 'the port was bound in a way that hosts here do not know',
  quota: 'more than the project or the user may have',
  server: 'no such server',
  serverGroup: 'no such server group',
  share: 'no such share',
  sshPort: 'the server has no SSH port',
  sshPorts: 'no SSH port can be had',
  'shelved.noImage': 'the image of the shelved server is gone',
  'snapshot.broken': 'the snapshot could not be made',
  'snapshot.quiesce': 'the guest did not hold its file systems still',
  'snapshot.slow': 'the snapshot took too long',
  uuid: 'not an id',
  version: 'no such resource in this version',
  'virt.above_maximum': 'more than the guest was started for',
  'virt.foreign': 'the guest, or its directory, is of another program and was not taken over',
  'virt.no_guest': 'the host has no such guest',
  'virt.no_snapshot': 'there is no such snapshot',
  'virt.running': 'the guest runs',
  'virt.not_running': 'the guest does not run',
  'volume.busy': 'the volume is at something else',
  'volume.device': 'the name of a disk is taken',
  'volume.reach': 'the host cannot reach the volume',
  'volume.source': 'what the volume service says of where a volume is cannot be used',
  'volume.elsewhere': 'the host does not have the directory of volumes',
  'virt.unplug': 'the guest does not give it back',
  volume: 'no such volume',
} as const;

/** These speak in the words of the hypervisor or of a program, or name hosts or paths of the cloud. */
const inner = {
  'bus.away': 'the message broker cannot be reached, or was away until now',
  'bus.closed': 'the bus ends',
  'bus.full': 'too much waits for the host in the message broker',
  'bus.method': "the host's agent has no such method",
  'bus.no_key': 'the process may neither ask hosts nor serve one',
  'bus.nobody': 'nobody serves the host',
  'bus.timeout': 'the agent did not answer in time',
  'bus.version': "the host's agent speaks another version",
  'host.taken': "another host's hypervisor was reported",
  'host.unknown': 'the host does not know the guest that it should have',
  'image.damaged': 'a file of an image is not as it was stored',
  'image.fetch': 'the image could not be fetched',
  invariant: 'something that must hold does not: a mistake of the program',
  'disk.broken': 'a disk came to another host otherwise than it was sent',
  'disk.offer': 'a disk that another host offers cannot be had',
  'libvirt.argument': 'libvirt could not be asked so',
  'libvirt.auth': 'libvirt wants to know who asks',
  'libvirt.closed': 'the connection to libvirt was closed',
  'libvirt.connection': 'libvirt cannot be reached',
  'libvirt.deadline': 'libvirt did not answer in time',
  'libvirt.protocol': 'libvirt answered in words that are not its protocol',
  'libvirt.queue': 'too much waits for libvirt',
  'migration.arriving': 'the guest is still on its way to the host',
  'migration.elsewhere': 'the guest is on its way to a third host',
  'migration.failed': 'the hypervisor did not move the guest',
  'migration.silent': 'nothing reached the host where the guest shall go any more',
  'migration.landing': 'nothing was made ready where the guest shall go',
  'migration.interrupted': 'a hypervisor ended when the guest had stopped for its switch-over',
  'migration.lost': 'the guest is on neither host',
  'migration.offered': 'the guest is being offered to the host anew',
  'migration.stillMoving': 'the guest is still under way',
  'program.failed': 'a program ended with an error',
  'program.missing': 'a program is not installed',
  'virt.unreachable': 'the hypervisor cannot be reached',
} as const;

/** Neutron's names, by which its clients and Nova tell its refusals apart. */
const neutron = [
  ...['IllegalSubnetPoolPrefixBounds', 'IllegalSubnetPoolPrefixUpdate', 'MaxPrefixSubnetAllocationError'],
  ...['MinPrefixSubnetAllocationError', 'PrefixVersionMismatch', 'SubnetAllocationError', 'SubnetPoolDeleteError'],
  ...['SubnetPoolNotFound', 'SubnetPoolQuotaExceeded'],
  ...['RbacPolicyInUse', 'RbacPolicyExists', 'RbacPolicyNotFound', 'RevisionNumberConstraintFailed'],
  ...['AddressGroupInUse', 'AddressGroupNotFound', 'AddressesAlreadyExist', 'AddressesNotFound'],
  ...['AllowedAddressPairsMissingIP', 'AutoAllocationFailure', 'BadRequest', 'DuplicateAddressPairInRequest'],
  ...['ExtensionNotFound', 'ExternalIpAddressExhausted', 'ExternalNetworkAttachForbidden', 'ExternalNetworkInUse'],
  ...['FixedIpAlreadyInUse', 'FixedIpNotFound', 'FixedIpNotFoundForInstance', 'FixedIpNotFoundForNetwork'],
  ...['FipInUseByPortForwarding', 'FloatingIPNotFound', 'FloatingIPPortAlreadyAssociated', 'FloatingIpMultipleFound'],
  ...['FloatingIpNotAssociated', 'FloatingIpNotFound', 'FloatingIpPoolNotFound'],
  ...['GatewayConflictWithAllocationPools', 'GatewayIpInUse', 'HTTPBadRequest', 'HTTPNotFound'],
  ...['InterfaceAttachFailed', 'InterfaceAttachFailedNoNetwork', 'InvalidAllocationPool'],
  ...['InvalidFixedIpAndMaxCountRequest', 'InvalidInput', 'InvalidIpForNetwork', 'InvalidIpForSubnet'],
  ...['InvalidSharedSetting', 'IpAddressAlreadyAllocated', 'IpAddressGenerationFailure', 'IpAddressInUse'],
  ...['MacAddressInUse', 'MultiplePortsNotApplicable', 'NetworkAmbiguous', 'NetworkInUse', 'NetworkNotFound'],
  ...['NetworkNotFoundForInstance', 'NetworkRefused', 'NetworkRequiresSubnet', 'NoMoreFixedIps', 'NoUniqueMatch'],
  ...['NotOffered', 'OutOfBoundsAllocationPool', 'OverQuota', 'OverlappingAllocationPools', 'PolicyNotAuthorized'],
  ...[
    'PortBindingFailed',
    'PortBound',
    'PortDuplicated',
    'PortInUse',
    'PortLimitExceeded',
    'PortNotFound',
    'PortNotPlugged',
    'PortNotUsable',
  ],
  ...['PolicyRemoveAuthorizationError', 'QoSRulesConflict', 'QosPolicyInUse', 'QosPolicyNotFound', 'QosRuleNotFound'],
  ...['PortForwardingNotFound', 'PortHasBindingFloatingIP', 'PortHasPortForwarding'],
  ...['PortRequiresFixedIP', 'PortSecurityAndIPRequiredForSecurityGroups', 'PortVnicType', 'RouterNotFound'],
  ...['ExternalGatewayForFloatingIPNotFound', 'InvalidRoutes', 'RouterExternalGatewayInUseByFloatingIp'],
  ...['RouterInterfaceInUseByFloatingIP', 'RouterInterfaceNotFoundForSubnet', 'RouterInUse'],
  ...['SecurityGroupCannotBeApplied', 'SecurityGroupCannotRemoveDefault', 'SecurityGroupCannotUpdateDefault'],
  ...['SecurityGroupDefaultAlreadyExists', 'SecurityGroupEthertypeConflictWithProtocol', 'SecurityGroupInUse'],
  ...['SecurityGroupInvalidIcmpValue', 'SecurityGroupInvalidPortRange', 'SecurityGroupInvalidPortValue'],
  ...['SecurityGroupInvalidProtocolForPort', 'SecurityGroupMissingIcmpType', 'SecurityGroupMultipleRemoteEntites'],
  ...['SecurityGroupNotFound', 'SecurityGroupProtocolRequiredWithPorts', 'SecurityGroupRuleExists'],
  ...['SecurityGroupRuleInvalidEtherType', 'SecurityGroupRuleInvalidProtocol', 'SecurityGroupRuleNotFound'],
  ...['SecurityGroupRuleParameterConflict', 'ServicePortInUse', 'SnapshotNotFound', 'SubnetInUse'],
  ...['FlatNetworkInUse', 'TunnelIdInUse', 'VlanIdInUse'],
  ...['SubnetNotFound', 'TagNotFound', 'UnableToAutoAllocateNetwork', 'VolumeNotFound'],
] as const;

/** What kinds of faults are called; a fault without a code of its own has its kind's. */
export const faultKinds = [
  ...['badRequest', 'unauthorized', 'forbidden', 'notFound', 'notAcceptable', 'conflict', 'gone', 'tooLarge'],
  'preconditionFailed',
  ...['badMediaType', 'overLimit', 'notImplemented', 'unavailable', 'internal'],
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** The verbs that a driver may lack, which the table of the agents' methods adds (src/domain/servers/agent-methods.ts). */
export interface DriverVerbs {}

/** `libvirt.67`: an error of libvirt by its number. `driver.rescue`: the driver of a host lacks a verb. */
type Numbered = `libvirt.${number}` | `driver.${keyof DriverVerbs}`;

export type FaultCode = FaultKind | keyof typeof outward | keyof typeof inner | (typeof neutron)[number] | Numbered;

/** All that are not numbered. */
export const faultCodes: readonly FaultCode[] = [
  ...faultKinds,
  ...(Object.keys(outward) as (keyof typeof outward)[]),
  ...(Object.keys(inner) as (keyof typeof inner)[]),
  ...neutron,
];

const listed: ReadonlySet<string> = new Set(faultCodes);

const NUMBERED = /^(?:libvirt\.\d+|driver\.\w+)$/;

const isFaultCode = (text: string): text is FaultCode => listed.has(text) || NUMBERED.test(text);

/** A code that came from elsewhere (a neighbour, a process of another release); `otherwise` for one that is not ours. */
export const faultCodeOf = (text: string, otherwise: FaultCode): FaultCode => (isFaultCode(text) ? text : otherwise);

/** Whether the message of such a fault is for the log and for administrators alone. */
export const isInnerCode = (code: FaultCode): boolean => Object.hasOwn(inner, code) || code.startsWith('libvirt.');
