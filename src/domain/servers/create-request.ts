// Why: POST /servers has thirty fields in six generations; everything behind the API sees this one value instead.

import type { InjectedFile } from './guests.ts';
import type { LocalDisks } from './local-disks.ts';
import type { NewServerVolume } from './server-volumes.ts';

/** One network wish, as `networks` lists them. */
export interface NetworkRequest {
  readonly networkId: string | null;
  readonly portId: string | null;
  readonly fixedIp: string | null;
  readonly tag: string | null;
}

/** `auto`, `none`, the listed wishes, or null where nothing was said (before 2.37: the project's network, if it has one). */
export type NetworkRequests = 'auto' | 'none' | readonly NetworkRequest[] | null;

export interface CreateServersRequest {
  readonly name: string;
  readonly description: string | null;
  /** Null: made from the name, as Nova does. */
  readonly hostname: string | null;
  /** Flavor id as the caller wrote it. */
  readonly flavorRef: string;
  /** Whether the flavor may have a root disk of 0, so that the image's size decides, which nothing counts. */
  readonly mayLackDisk: boolean;
  /** Whether the caller may put it on an external network. */
  readonly mayAttachExternal: boolean;
  /** Image id; empty: it boots from a volume. */
  readonly imageRef: string;
  /** What was said of its disks. */
  readonly disks: LocalDisks;
  readonly volumes: readonly NewServerVolume[];
  readonly networks: NetworkRequests;
  /** Names or ids; empty: `default`. */
  readonly securityGroups: readonly string[];
  readonly keyName: string | null;
  /** base64, checked. */
  readonly userData: string | null;
  readonly configDrive: boolean;
  /** They come into the guest by its config drive, which a server with files therefore has. */
  readonly files: readonly InjectedFile[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly minCount: number;
  readonly maxCount: number;
  /** The zone asked for, without host and node; null: any. */
  readonly zone: string | null;
  /** A host that is forced by `zone:host:node`: no filter is asked (admin). */
  readonly forcedHost: string | null;
  readonly forcedNode: string | null;
  /** A host that is asked for from 2.74 on: the filters are asked (admin). */
  readonly requestedHost: string | null;
  readonly requestedNode: string | null;
  readonly adminPass: string;
  readonly accessIpV4: string | null;
  readonly accessIpV6: string | null;
  /** Null: nothing was said. */
  readonly autoDiskConfig: boolean | null;
  readonly schedulerHints: Readonly<Record<string, unknown>>;
}
