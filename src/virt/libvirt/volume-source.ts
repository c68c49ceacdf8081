// Why: how libvirt is told where a volume's bytes are, derived in this one place from what the volume service said. What QEMU opens
// over the network it opens by itself; all else is a file of this host.

import { createHash } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import { badRequest } from '../../base/errors.ts';
import type {
  IscsiSource,
  NetworkAddress,
  NfsSource,
  RbdSource,
  VolumeSource,
} from '../../domain/servers/volume-source.ts';
import { leaf, type XMLBuilder } from './xml.ts';

/** What QEMU opens by itself, and as whom. */
export type NetworkSource = (RbdSource | IscsiSource) & {
  /** The id of libvirt's secret; null: nobody asks. */
  readonly secretUuid: string | null;
};

/** What stands under a volume's name for libvirt: a file here, or what is on the network. */
export interface Opened {
  /** Empty: it is on the network. */
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  readonly network?: NetworkSource;
}

/** Where the shares are mounted. */
const mountsDir = (instancesDir: string): string => join(instancesDir, '_mounts');

/** Where a share is mounted: one directory for each. */
export const mountOf = (instancesDir: string, { share }: Pick<NfsSource, 'share'>): string =>
  join(mountsDir(instancesDir), createHash('sha256').update(share).digest('hex').slice(0, 32));

const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/** The file of a volume in its share. Throws for what is no name of a file: it would lead out of the share. */
export function fileOf(instancesDir: string, source: NfsSource): string {
  if (!FILE_NAME.test(source.file))
    throw badRequest('The volume service named a file that is none.', { code: 'volume.source' });
  return join(mountOf(instancesDir, source), source.file);
}

/** Whether a volume's file is in a share. */
export const isInShare = (instancesDir: string, path: string): boolean =>
  path.startsWith(`${mountsDir(instancesDir)}/`);

/** @param volumeId under whose id libvirt keeps the password of its target */
export function openedAs(instancesDir: string, source: VolumeSource, volumeId: string): Opened {
  switch (source.kind) {
    case 'rbd':
      return { path: '', format: 'raw', network: { ...source, secretUuid: source.auth?.secretUuid ?? null } };
    case 'iscsi':
      return { path: '', format: 'raw', network: { ...source, secretUuid: source.chap === null ? null : volumeId } };
    case 'nfs':
      return { path: fileOf(instancesDir, source), format: source.format };
    default:
      if (!isAbsolute(source.path))
        throw badRequest('The volume service named a path that is none.', { code: 'volume.source' });
      return { path: source.path, format: source.format };
  }
}

const writeHost = (source: XMLBuilder, { host, port }: NetworkAddress): void =>
  void leaf(source, 'host', { name: host, port });

/** The source of a disk, and who QEMU is there. */
export function writeSource(disk: XMLBuilder, { path, network }: Opened): void {
  if (network === undefined) {
    leaf(disk, 'source', { file: path });
    return;
  }
  const user = network.kind === 'rbd' ? network.auth?.user : network.chap?.user;
  if (user !== undefined && network.secretUuid !== null) {
    const auth = disk.ele('auth', { username: user });
    leaf(auth, 'secret', { type: network.kind === 'rbd' ? 'ceph' : 'iscsi', uuid: network.secretUuid });
  }
  if (network.kind === 'rbd') {
    const source = disk.ele('source', { protocol: 'rbd', name: network.image });
    for (const monitor of network.monitors) writeHost(source, monitor);
    return;
  }
  const source = disk.ele('source', { protocol: 'iscsi', name: `${network.target}/${network.lun}` });
  writeHost(source, network.portal);
  leaf(source.ele('initiator'), 'iqn', { name: network.initiator });
}
