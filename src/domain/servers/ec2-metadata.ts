// Why: programs that know no OpenStack ask for metadata as EC2 has it: a tree of lists and values.

import type { GuestMetadata } from './guest-metadata.ts';
import type { Server } from './servers.ts';

/** The versions that Nova lists, oldest first; dates compare as text. */
export const ec2Versions = [
  ...(['1.0', '2007-01-19', '2007-03-01', '2007-08-29', '2007-10-10'] as const),
  ...(['2007-12-15', '2008-02-01', '2008-09-01', '2009-04-04'] as const),
] as const;

/** What only EC2's words need of a server. */
export interface Ec2Facts extends GuestMetadata {
  readonly server: Pick<Server, 'id' | 'projectId' | 'imageRef' | 'reservationId' | 'rootDeviceName'>;
}

/** A value, a list of them, or what is below. */
export type Ec2Tree = string | Uint8Array | readonly string[] | Ec2Node;
export interface Ec2Node {
  /** How the list above calls it, if not by its key. */
  readonly title?: string;
  readonly below: ReadonlyMap<string, Ec2Tree>;
}

/** EC2's ids have eight hexadecimal digits: a server's number, or the first of an image's id. */
const idOfNumber = (kind: string, value: number): string => `${kind}-${value.toString(16).padStart(8, '0')}`;
const idOfUuid = (kind: string, uuid: string): string => `${kind}-${uuid.slice(0, 8)}`;

const node = (entries: Readonly<Record<string, Ec2Tree | null>>, title?: string): Ec2Node => ({
  ...(title === undefined ? {} : { title }),
  below: new Map(Object.entries(entries).flatMap(([key, value]) => (value === null ? [] : [[key, value] as const]))),
});

function keysOf({ drive: { keyName, publicKey } }: GuestMetadata): Ec2Node | null {
  if (keyName === null || publicKey === null) return null;
  return node({ 0: node({ 'openssh-key': publicKey }, `0=${keyName}`) });
}

function metaDataOf(facts: Ec2Facts, version: string): Ec2Node {
  const { spec, drive, server } = facts;
  const since = <T>(date: string, value: T): T | null => (version >= date ? value : null);
  const four = ({ address }: { readonly address: string }): boolean => !address.includes(':');
  const fixed = spec.nics.flatMap(({ fixedIps }) => fixedIps).find(four);
  const floating = spec.nics.flatMap(({ floatingIps }) => floatingIps).find(four);
  const root = server.rootDeviceName ?? '';
  const { kernel, ramdisk } = spec;
  return node({
    'ami-id': server.imageRef === '' ? 'None' : idOfUuid('ami', server.imageRef),
    'ami-launch-index': String(drive.launchIndex),
    // as EC2 says of images that have none
    'ami-manifest-path': '(unknown)',
    'instance-id': idOfNumber('i', server.id),
    hostname: spec.hostname,
    'local-ipv4': fixed?.address ?? '',
    'reservation-id': server.reservationId,
    'security-groups': [...new Set(spec.nics.flatMap(({ securityGroups }) => securityGroups))],
    'public-keys': keysOf(facts),
    'local-hostname': since('2007-01-19', spec.hostname),
    'public-hostname': since('2007-01-19', spec.hostname),
    'public-ipv4': since('2007-01-19', floating?.address ?? ''),
    'instance-type': since('2007-08-29', spec.flavorName),
    'block-device-mapping': since('2007-12-15', node({ ami: root.replace(/^\/dev\//, ''), root })),
    'kernel-id': since('2007-12-15', kernel === null ? null : idOfUuid('aki', kernel.id)),
    'ramdisk-id': since('2007-12-15', ramdisk === null ? null : idOfUuid('ari', ramdisk.id)),
    placement: since('2008-02-01', node({ 'availability-zone': drive.availabilityZone })),
    'instance-action': since('2008-09-01', 'none'),
  });
}

/** What is at a path of a version (`['meta-data', 'hostname']`); null: nothing, or no such version. */
export function ec2Item(facts: Ec2Facts, version: string, path: readonly string[]): Ec2Tree | null {
  const known = version === 'latest' ? ec2Versions.at(-1) : ec2Versions.find((one) => one === version);
  if (known === undefined) return null;
  const { userData } = facts.drive;
  let found: Ec2Tree = node({
    'meta-data': metaDataOf(facts, known),
    'user-data': userData === null ? null : Buffer.from(userData, 'base64'),
  });
  for (const word of path) {
    const next: Ec2Tree | undefined = typeof found === 'object' && 'below' in found ? found.below.get(word) : undefined;
    if (next === undefined) return null;
    found = next;
  }
  return found;
}

const isNode = (tree: Ec2Tree): tree is Ec2Node => typeof tree === 'object' && 'below' in tree;

/** As a guest reads it: what has more below it ends in a slash. */
export function ec2Text(tree: Ec2Tree): string | Uint8Array {
  if (typeof tree === 'string' || tree instanceof Uint8Array) return tree;
  if (!isNode(tree)) return tree.join('\n');
  const line = ([key, value]: readonly [string, Ec2Tree]): string => (isNode(value) ? (value.title ?? `${key}/`) : key);
  return [...tree.below]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(line)
    .join('\n');
}
