// Why: where the bytes of a volume are and how a host reaches them differs by the storage that has them. What is said of it is one
// union by kind: volume services write it, hosts read it, and nothing between looks into it.

/** A file that every host has under the same path. Without a kind, as it was before there were others. */
export interface FileSource {
  readonly kind?: 'file';
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
}

/** A file of a share that the host mounts. */
export interface NfsSource {
  readonly kind: 'nfs';
  /** `server:/path` */
  readonly share: string;
  /** Of the mount, as `vers=4.2`; empty: none. */
  readonly options: string;
  /** The file in the share, which is no path. */
  readonly file: string;
  readonly format: 'raw' | 'qcow2';
}

export interface NetworkAddress {
  readonly host: string;
  readonly port: number;
}

/** An image of Ceph, opened by QEMU itself. */
export interface RbdSource {
  readonly kind: 'rbd';
  /** `pool/image` */
  readonly image: string;
  readonly monitors: readonly NetworkAddress[];
  /** Who the host is at Ceph, and the id of libvirt's secret with his key; null: the cluster asks nobody. */
  readonly auth: { readonly user: string; readonly secretUuid: string } | null;
}

/** A unit of an iSCSI target, opened by QEMU itself. */
export interface IscsiSource {
  readonly kind: 'iscsi';
  readonly portal: NetworkAddress;
  readonly target: string;
  readonly lun: number;
  /** As whom the host logs in. */
  readonly initiator: string;
  /** Null: the target asks for no password. */
  readonly chap: { readonly user: string; readonly password: string } | null;
}

export type VolumeSource = FileSource | NfsSource | RbdSource | IscsiSource;

export type SourceKind = 'file' | 'nfs' | 'rbd' | 'iscsi';

export const kindOf = ({ kind = 'file' }: VolumeSource): SourceKind => kind;

/** How a host is known to storage, and which sources it can open. */
export interface HostConnector {
  /** Its iSCSI qualified name. */
  readonly initiator: string;
  readonly kinds: readonly SourceKind[];
}

/** The source alone of what has more members. */
export function sourceOf(of: VolumeSource): VolumeSource {
  switch (of.kind) {
    case 'nfs':
      return { kind: of.kind, share: of.share, options: of.options, file: of.file, format: of.format };
    case 'rbd':
      return { kind: of.kind, image: of.image, monitors: of.monitors, auth: of.auth };
    case 'iscsi': {
      const { kind, portal, target, lun, initiator, chap } = of;
      return { kind, portal, target, lun, initiator, chap };
    }
    default:
      return { path: of.path, format: of.format };
  }
}

/** QoS limits by QEMU's own names, as specs of volume types say them too; all else of the specs is left out. */
const LIMIT = /^(?:total|read|write)_(?:bytes|iops)_sec(?:_max|_max_length)?$|^size_iops_sec$/;

export function limitsIn(specs: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> {
  const pairs = Object.entries(specs).filter(([name, value]) => LIMIT.test(name) && /^\d{1,15}$/.test(String(value)));
  return Object.fromEntries(pairs.map(([name, value]) => [name, Number(value)]));
}
