// Why: one place turns what we keep of a server into what its host is told: whole and absolute, so that it can be told twice.

import { diskName } from './disk-name.ts';
import { bestCpuTopology, cpuTopologyRequestOf } from '../numa/cpu-topology.ts';
import { maximumOf, memoryFor, minimumOf } from '../machines/flavors.ts';
import type { FilledTemplate } from './cloud-init-templates.ts';
import type { ConfigDriveSpec, GuestSpec, InjectedFile } from './guests.ts';
import type { ImageFacts } from '../machines/images.ts';
import { knownProperties } from '../machines/image-properties.ts';
import type { Server } from './servers.ts';
import type { LocalDisks } from './local-disks.ts';
import type { VolumeDisk } from './server-volumes.ts';
import type { NicSpec } from '../networks/server-nics.ts';
import type { NumaTopology } from '../numa/numa.ts';
import { locksMemory } from '../numa/memory-pages.ts';
import type { Size } from '../adjustment/size.ts';
import { mergedUserData } from './user-data.ts';

const HOSTNAME_CHARACTERS = 63;

/**
 * A display name as a host name, by Nova's rule (`sanitize_hostname`): characters above U+00FF go, 63 characters at most,
 * blanks, underscores and dots become hyphens, everything else that is no letter or digit goes, lower case. May be empty.
 */
export function sanitizeHostname(name: string): string {
  return name
    .replaceAll(/[^\p{ASCII}\u{80}-\u{ff}]/gu, '')
    .slice(0, HOSTNAME_CHARACTERS)
    .replaceAll(/[ _.]/g, '-')
    .replaceAll(/[^\p{L}\p{N}-]/gu, '')
    .toLowerCase()
    .replaceAll(/^-+|-+$/g, '');
}

/** The names of one server of a request for `count`; with more than one each gets its number (Nova's rule). */
export function namesOf(
  displayName: string,
  uuid: string,
  index: number,
  count: number,
): { readonly displayName: string; readonly hostname: string } {
  const plain = sanitizeHostname(displayName);
  const number = `-${index + 1}`;
  if (count === 1) return { displayName, hostname: plain || `Server-${uuid}` };
  return { displayName: `${displayName}${number}`, hostname: plain ? `${plain}${number}` : `Server-${uuid}` };
}

/** `/dev/vda`, or what the image's `root_device_name` and `hw_disk_bus` say. */
export function rootDeviceName(image: ImageFacts | null): string {
  const { img_root_device_name: own, hw_disk_bus: bus = 'virtio' } = knownProperties(image);
  return own ?? `/dev/${diskName(bus, 0)}`;
}

/** What the row does not hold. */
export interface BuildInput {
  readonly server: Server;
  readonly metadata: Readonly<Record<string, string>>;
  readonly nics: readonly NicSpec[];
  /** What it has of its host's NUMA nodes. */
  readonly numa: NumaTopology | null;
  /** The addresses of its host's devices that it has. */
  readonly hostDevices: readonly string[];
  /** What was said of its disks; absent: nothing. */
  readonly disks?: LocalDisks | undefined;
  readonly volumes: readonly VolumeDisk[];
  readonly kernel: ImageFacts | null;
  readonly ramdisk: ImageFacts | null;
  /** `ssh` or `x509`; null without a key. */
  readonly keyType: string | null;
  readonly adminPass: string | null;
  readonly projectName: string | null;
  readonly files: readonly InjectedFile[];
  /** Absent: it has none. */
  readonly template?: FilledTemplate | undefined;
}

/** What a guest is told of itself beside its spec, by a config drive or by the metadata service. */
export const driveSpecOf = ({
  server,
  keyType,
  adminPass,
  projectName,
  files,
  template,
}: Pick<BuildInput, 'server' | 'keyType' | 'adminPass' | 'projectName' | 'files' | 'template'>): ConfigDriveSpec => ({
  availabilityZone: server.availabilityZone ?? server.requestedZone ?? 'nova',
  keyName: server.keyName,
  publicKey: server.keyData,
  keyType: server.keyData === null ? null : keyType,
  adminPass,
  userData: mergedUserData(template, server.userData),
  launchIndex: server.launchIndex,
  projectName,
  files,
});

/** The size at the next power cycle, within the flavor's bounds whatever the row says. */
export function bootSizeOf(server: Pick<Server, 'flavor' | 'bootVcpus' | 'bootMemoryMb'>): Size {
  const low = minimumOf(server.flavor);
  const high = maximumOf(server.flavor);
  return {
    vcpus: Math.min(Math.max(server.bootVcpus, low.vcpus), high.vcpus),
    memoryMb: memoryFor(server.flavor, Math.min(Math.max(server.bootMemoryMb, low.memoryMb), high.memoryMb)),
  };
}

/** Throws Nova's text where the bounds of its topology leave none for its number of vCPUs. */
export function buildSpec(input: BuildInput): GuestSpec {
  const { server } = input;
  return {
    uuid: server.uuid,
    name: server.displayName,
    hostname: server.hostname,
    projectId: server.projectId,
    userId: server.userId,
    metadata: input.metadata,
    maximum: maximumOf(server.flavor),
    minimum: minimumOf(server.flavor),
    boot: bootSizeOf(server),
    flavorName: server.flavor.name,
    extraSpecs: server.flavor.extraSpecs,
    disks: {
      image: server.image,
      rootGb: server.flavor.rootGb,
      ephemeralGb: server.flavor.ephemeralGb,
      swapMb: server.flavor.swapMb,
      ...(input.disks && { local: input.disks }),
      ...(input.volumes.length > 0 && { volumes: input.volumes }),
    },
    numa: input.numa,
    hostDevices: input.hostDevices,
    cpuTopology: bestCpuTopology(server.flavor.vcpus, cpuTopologyRequestOf(server.flavor, server.image)),
    lockedMemory: locksMemory(server.flavor, server.image),
    kernel: input.kernel,
    ramdisk: input.ramdisk,
    nics: input.nics,
    configDrive: server.configDrive ? driveSpecOf(input) : null,
    createdAt: server.createdAt,
  };
}
