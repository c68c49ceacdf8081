// Why: a guest learns who it is from a drive labelled `config-2`, in the files and words that Nova writes, so that
// cloud-init and its like find what they look for. Every dated path holds what that version of Nova's had.

import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { Fault, internal } from '../base/errors.ts';
import type { ConfigDriveSpec, GuestSpec } from '../domain/servers/guest.ts';
import type { NicSpec, SubnetFacts } from '../domain/networks/nic.ts';
import type { Run } from './run.ts';

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
const SEED_BYTES = 512;
const PROGRAMS = ['genisoimage', 'mkisofs', 'xorrisofs'] as const;

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

/** All files of the drive by their paths. */
export function configDriveFiles(
  spec: GuestSpec,
  drive: ConfigDriveSpec,
  seed: Uint8Array,
  disks: readonly TaggedDisk[] = [],
): ReadonlyMap<string, string | Uint8Array> {
  const files = new Map<string, string | Uint8Array>(
    drive.files.map(({ contents }, index) => [`openstack/${contentPath(index)}`, Buffer.from(contents, 'base64')]),
  );
  for (const version of metadataVersions) {
    const put = (name: string, content: string | Uint8Array) => files.set(`openstack/${version}/${name}`, content);
    put('meta_data.json', JSON.stringify(metaData(spec, drive, version, seed, disks)));
    if (drive.userData !== null) put('user_data', Buffer.from(drive.userData, 'base64'));
    if (version >= HAVANA) put('vendor_data.json', '{}');
    if (version >= LIBERTY) put('network_data.json', JSON.stringify(networkData(spec.nics)));
    if (version >= NEWTON_VENDOR) put('vendor_data2.json', '{}');
  }
  return files;
}

/** Writes the drive as an ISO 9660 image at `path`, which is either whole or not there. */
export async function buildConfigDrive(
  run: Run,
  spec: GuestSpec,
  path: string,
  disks: readonly TaggedDisk[] = [],
): Promise<void> {
  if (spec.configDrive === null) return;
  const work = await mkdtemp(join(dirname(path), 'config-'));
  try {
    const tree = join(work, 'tree');
    for (const [name, content] of configDriveFiles(spec, spec.configDrive, randomBytes(SEED_BYTES), disks)) {
      await mkdir(join(tree, dirname(name)), { recursive: true });
      await writeFile(join(tree, name), content);
    }
    const image = join(work, 'image');
    await writeFile(image, '', { mode: 0o600 });
    await makeIso(run, tree, image);
    await rename(image, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

// All three programs take mkisofs's options; the distributions differ in which one they have.
async function makeIso(run: Run, tree: string, image: string): Promise<void> {
  const options = [
    '-quiet',
    '-J',
    '-r',
    '-l',
    '-allow-lowercase',
    '-allow-multidot',
    '-V',
    'config-2',
    '-o',
    image,
    tree,
  ];
  for (const program of PROGRAMS) {
    try {
      await run(program, options);
      return;
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'program.missing') throw error;
    }
  }
  throw internal(`A config drive needs one of ${PROGRAMS.join(', ')}, and none is installed.`, {
    code: 'program.missing',
  });
}
