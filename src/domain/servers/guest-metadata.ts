// Why: who a guest is, is told in the files and words that Nova writes, so that cloud-init and its like find what they look for: on a
// drive labelled `config-2`, and by the metadata service. Every dated path holds what that version of Nova's had.

import ipaddr from 'ipaddr.js';
import type { ConfigDriveSpec, GuestSpec } from './guests.ts';
import type { NicSpec, SubnetFacts } from '../networks/server-nics.ts';

/** Nova's versions of the metadata, oldest first (nova/api/metadata/base.py); dates compare as text. */
export const metadataVersions = [
  ...(['2012-08-10', '2013-04-04', '2013-10-17', '2015-10-15', '2016-06-30', '2016-10-06', '2017-02-22'] as const),
  ...(['2018-08-27', '2020-10-14', 'latest'] as const),
] as const;

export type MetadataVersion = (typeof metadataVersions)[number];

const GRIZZLY = '2013-04-04';
const HAVANA = '2013-10-17';
const LIBERTY = '2015-10-15';
const NEWTON_DEVICES = '2016-06-30';
const NEWTON_VENDOR = '2016-10-06';

/** Bytes of chance that a guest is given (Nova's number). */
export const SEED_BYTES = 512;

type Json = Readonly<Record<string, unknown>>;

/** `meta_data.json` as that version has it. */
export function metaData(
  spec: GuestSpec,
  drive: ConfigDriveSpec,
  version: MetadataVersion,
  seed: Uint8Array,
  disks: readonly TaggedDisk[] = [],
): Json {
  const since = (date: string) => version >= date;
  const key = drive.keyName !== null && drive.publicKey !== null;
  return {
    uuid: spec.uuid,
    ...(Object.keys(spec.metadata).length > 0 ? { meta: spec.metadata } : {}),
    ...(drive.adminPass === null ? {} : { admin_pass: drive.adminPass }),
    ...(key ? { public_keys: { [drive.keyName]: drive.publicKey } } : {}),
    ...(key ? { keys: [{ name: drive.keyName, type: drive.keyType ?? 'ssh', data: drive.publicKey }] } : {}),
    hostname: spec.hostname,
    name: spec.name,
    ...(drive.files.length > 0
      ? { files: drive.files.map(({ path }, index) => ({ content_path: `/${contentPath(index)}`, path })) }
      : {}),
    launch_index: drive.launchIndex,
    availability_zone: drive.availabilityZone,
    ...(since(GRIZZLY) ? { random_seed: Buffer.from(seed).toString('base64') } : {}),
    ...(since(LIBERTY) ? { project_id: spec.projectId } : {}),
    ...(since(NEWTON_DEVICES) ? { devices: [...taggedDevices(spec.nics), ...disks.map(diskDevice)] } : {}),
  };
}

/** Where the content of a file lies, below `openstack`. */
const contentPath = (index: number): string => `content/${String(index).padStart(4, '0')}`;

/** A disk that the creator of the server gave a tag. */
export interface TaggedDisk {
  /** `/dev/vdb`. */
  readonly path: string;
  readonly tag: string;
}

const diskDevice = ({ path, tag }: TaggedDisk): Json => ({
  type: 'disk',
  bus: 'none',
  address: 'none',
  path,
  tags: [tag],
});

// Nova tells the guest which device carries which tag, found by its MAC address.
const taggedDevices = (nics: readonly NicSpec[]): readonly Json[] =>
  nics
    .filter((nic) => nic.tag !== null)
    .map((nic) => ({ type: 'nic', bus: 'none', address: 'none', mac: nic.mac, tags: [nic.tag] }));

/** `network_data.json`: links, their networks, and name servers (nova/virt/netutils.py, get_network_metadata). */
export function networkData(nics: readonly NicSpec[]): Json {
  const networks: Json[] = [];
  for (const nic of nics) {
    for (const ip of nic.fixedIps) {
      const subnet = nic.network.subnets.find((one) => one.id === ip.subnetId);
      if (subnet !== undefined) networks.push(networkEntry(nic, subnet, ip.address, networks.length));
    }
  }
  const servers = new Set(nics.flatMap((nic) => subnetsOf(nic).flatMap((subnet) => subnet.dnsServers)));
  return {
    links: nics.map((nic) => ({
      id: linkId(nic),
      vif_id: nic.portId,
      type: 'bridge',
      mtu: nic.network.mtu,
      ethernet_mac_address: nic.mac,
    })),
    networks,
    services: [...servers].map((address) => ({ type: 'dns', address })),
  };
}

/** The name of a port's tap device in Neutron's convention. */
const linkId = (nic: NicSpec): string => `tap${nic.portId.slice(0, 11)}`;

const subnetsOf = (nic: NicSpec): readonly SubnetFacts[] =>
  nic.network.subnets.filter((subnet) => nic.fixedIps.some((ip) => ip.subnetId === subnet.id));

// Only the first IPv4 subnet of a port that wants DHCP gets it here; every other address is the guest's to configure.
function networkEntry(nic: NicSpec, subnet: SubnetFacts, address: string, index: number): Json {
  const common = { id: `network${index}`, link: linkId(nic), network_id: nic.network.id };
  const byDhcp = nic.network.subnets.find((one) => one.ipVersion === 4 && one.enableDhcp && one.gateway !== null);
  const first = nic.fixedIps.find((ip) => ip.subnetId === subnet.id);
  if (subnet === byDhcp && first?.address === address) return { ...common, type: 'ipv4_dhcp' };
  return {
    ...common,
    type: `ipv${subnet.ipVersion}`,
    ip_address: address,
    netmask: netmaskOf(subnet.cidr),
    routes: [
      ...(subnet.gateway === null ? [] : [route(subnet.ipVersion === 4 ? '0.0.0.0/0' : '::/0', subnet.gateway)]),
      ...subnet.hostRoutes.map((one) => route(one.destination, one.nexthop)),
    ],
    services: subnet.dnsServers.map((server) => ({ type: 'dns', address: server })),
  };
}

const route = (cidr: string, gateway: string): Json => ({
  network: cidr.split('/')[0],
  netmask: netmaskOf(cidr),
  gateway,
});

function netmaskOf(cidr: string): string {
  const [address, prefix] = ipaddr.parseCIDR(cidr);
  const kind = address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6;
  return kind.subnetMaskFromPrefixLength(prefix).toString();
}

/** What a guest is told, of which every file is made. */
export interface GuestMetadata {
  readonly spec: GuestSpec;
  readonly drive: ConfigDriveSpec;
  readonly disks?: readonly TaggedDisk[];
}

export const META_DATA = 'meta_data.json';
export const USER_DATA = 'user_data';

type Content = string | Uint8Array;

/** The files of each version, in Nova's order: since when it has them, and what is in them; null: this guest has none. */
const files: Readonly<
  Record<
    string,
    readonly [since: string, of: (guest: GuestMetadata, version: MetadataVersion, seed: Uint8Array) => Content | null]
  >
> = {
  [META_DATA]: [
    '',
    ({ spec, drive, disks }, version, seed) => JSON.stringify(metaData(spec, drive, version, seed, disks)),
  ],
  [USER_DATA]: ['', ({ drive: { userData } }) => (userData === null ? null : Buffer.from(userData, 'base64'))],
  'vendor_data.json': [HAVANA, () => '{}'],
  'network_data.json': [LIBERTY, ({ spec }) => JSON.stringify(networkData(spec.nics))],
  'vendor_data2.json': [NEWTON_VENDOR, () => '{}'],
};

/** Whether a version of the metadata may be asked for, and set, the guest's password. */
export const hasPassword = (version: MetadataVersion): boolean => version >= GRIZZLY;

/** The names of the files that a guest has in a version, in Nova's order. */
export const filesOf = ({ drive }: Pick<GuestMetadata, 'drive'>, version: MetadataVersion): readonly string[] =>
  Object.entries(files).flatMap(([name, [since]]) =>
    version >= since && (name !== USER_DATA || drive.userData !== null) ? [name] : [],
  );

/** One file of a version; null: there is none of that name. */
export function fileOf(guest: GuestMetadata, version: MetadataVersion, name: string, seed: Uint8Array): Content | null {
  const [since, make] = Object.hasOwn(files, name) ? (files[name] ?? []) : [];
  return since === undefined || make === undefined || version < since ? null : make(guest, version, seed);
}

/** A file that the creator of the server gave along, by its path below `openstack`; null: there is none. */
export function contentOf({ drive }: Pick<GuestMetadata, 'drive'>, path: string): Uint8Array | null {
  const file = drive.files.find((_, index) => contentPath(index) === path);
  return file === undefined ? null : Buffer.from(file.contents, 'base64');
}

/** All files of the drive by their paths. */
export function configDriveFiles(
  spec: GuestSpec,
  drive: ConfigDriveSpec,
  seed: Uint8Array,
  disks: readonly TaggedDisk[] = [],
): ReadonlyMap<string, Content> {
  const guest = { spec, drive, disks };
  const all = new Map<string, Content>(
    drive.files.map(({ contents }, index) => [`openstack/${contentPath(index)}`, Buffer.from(contents, 'base64')]),
  );
  for (const version of metadataVersions) {
    for (const name of filesOf(guest, version)) {
      const content = fileOf(guest, version, name, seed);
      if (content !== null) all.set(`openstack/${version}/${name}`, content);
    }
  }
  return all;
}
