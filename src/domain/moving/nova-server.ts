// Why: decides from Nova's rows alone which servers can be taken over, and as what; their hosts are checked afterwards.

import { asksForDevices } from '../pci/pci-alias.ts';
import { numaRequestOf } from '../numa/numa-request.ts';
import { type FlavorSnapshot, isElastic, maximumOf } from '../machines/flavors.ts';
import type { ImageFacts } from '../machines/images.ts';
import type { NicSpec } from '../networks/server-nics.ts';
import { type PowerState, power, type Server, type VmState } from '../servers/servers.ts';
import { readServerFlavor, sizeProblem } from './nova-flavor.ts';
import { bareImage, readImage } from './nova-image.ts';
import { readNics } from './nova-network.ts';
import {
  boolIn,
  jsonIn,
  listIn,
  type NovaServer,
  numberIn,
  objectData,
  objectIn,
  textIn,
  timeIn,
} from './nova-rows.ts';
import { hasVolumeRoot, isVolume, type NovaVolume, readVolumes } from './nova-volumes.ts';

/** States in which a server has a guest that can be taken over as it stands. */
const adoptable = ['active', 'stopped', 'paused', 'suspended'] as const satisfies readonly VmState[];

const stateReasons: Readonly<Record<string, string>> = {
  building: 'it is being built',
  error: 'it is in ERROR: repair or delete it in Nova',
  rescued: 'it is rescued: unrescue it in Nova',
  resized: 'its resize waits to be confirmed or reverted in Nova',
  'soft-delete': 'it is soft-deleted: restore or force-delete it in Nova',
  shelved: 'it is shelved: unshelve it in Nova',
  shelved_offloaded: 'it is shelved: unshelve it in Nova',
};

/** Reasons against a server before its host is asked; empty: none. */
export function serverProblems(server: NovaServer): readonly string[] {
  const { instance, extra, blockDevices, pciDevices, moves } = server;
  const problems: string[] = [];
  const [vmState, task] = [textIn(instance, 'vm_state') ?? '', textIn(instance, 'task_state')];
  if (!adoptable.some((state) => state === vmState)) problems.push(stateReasons[vmState] ?? `its state is ${vmState}`);
  if (task !== null) problems.push(`a task of Nova's is in progress (${task})`);
  if (moves.length > 0) problems.push(`a migration of it is in progress (${moves.join(', ')})`);
  if (textIn(instance, 'host') === null) problems.push('it has no host');
  const flavor = readServerFlavor(extra['flavor']);
  if (flavor === null) problems.push('its flavor in Nova cannot be read');
  else {
    const size = sizeProblem(flavor.flavor);
    if (size !== null) problems.push(`its flavor in Nova is invalid: ${size}`);
    if (flavor.moves) problems.push('its flavor is being changed');
    problems.push(...flavorProblems(flavor.flavor, imageOf(server)));
  }
  problems.push(...readVolumes(server).problems);
  if (
    blockDevices.some((row) => !isVolume(row) && boolIn(row, 'encrypted')) ||
    textIn(instance, 'ephemeral_key_uuid') !== null
  )
    problems.push('its disks are encrypted');
  const requests = listIn(jsonIn(extra['pci_requests']));
  if (pciDevices > 0 || requests.length > 0) problems.push('it has devices of its host (PCI, SR-IOV)');
  if (jsonIn(extra['numa_topology']) !== null) problems.push('it has NUMA nodes or dedicated CPUs');
  if (jsonIn(extra['vpmems']) !== null) problems.push('it has persistent memory of its host');
  problems.push(...readNics(server.networkInfo).problems);
  return problems;
}

function flavorProblems(flavor: FlavorSnapshot, image: ImageFacts | null): readonly string[] {
  const problems: string[] = [];
  const says = (key: string) => flavor.extraSpecs[key] ?? image?.properties[key.replace(':', '_')];
  try {
    if (numaRequestOf(flavor, image) !== null) problems.push('its flavor asks for NUMA nodes or dedicated CPUs');
  } catch {
    problems.push('its flavor has CPU or memory extra specs that are not understood here');
  }
  if (asksForDevices(flavor)) problems.push('its flavor asks for host devices');
  if (says('hw:tpm_version') !== undefined) problems.push('it has a TPM, whose secrets are kept elsewhere');
  if (says('hw:mem_encryption') !== undefined) problems.push('its memory is encrypted');
  if (flavor.ephemeralGb > 0 || flavor.swapMb > 0)
    problems.push('it has ephemeral or swap disks, which are not taken over');
  return problems;
}

const imageOf = (server: NovaServer): ImageFacts | null =>
  readImage(textIn(server.instance, 'image_ref') ?? '', server.systemMetadata, hasVolumeRoot(server));

const isPower = (value: number | null): value is PowerState => Object.values(power).some((one) => one === value);

/** Scheduler hints and availability zone that were requested at its creation. */
function readHints({ requestSpec, group }: NovaServer): {
  readonly hints: Readonly<Record<string, unknown>>;
  readonly zone: string | null;
} {
  const data = objectData(jsonIn(requestSpec));
  const said = objectIn(data['scheduler_hints']);
  const hints = Object.entries(said).map(([key, value]) => {
    const list = listIn(value);
    return [key, list.length === 1 ? list[0] : value] as const;
  });
  const zone = data['availability_zone'];
  return {
    hints: { ...Object.fromEntries(hints), ...(group !== null && { group }) },
    zone: typeof zone === 'string' && zone !== '' ? zone : null,
  };
}

function keyTypeOf({ instance, extra }: NovaServer): string | null {
  if (textIn(instance, 'key_data') === null) return null;
  const [first] = listIn(objectData(jsonIn(extra['keypairs']))['objects']);
  const type = objectData(first)['type'];
  return typeof type === 'string' ? type : 'ssh';
}

/** A server to be inserted, with the data of its other tables. */
export interface AdoptedServer {
  readonly server: Omit<Server, 'id' | 'updatedAt'>;
  readonly nics: readonly NicSpec[];
  readonly volumes: readonly NovaVolume[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly group: string | null;
  readonly keyType: string | null;
  readonly kernel: ImageFacts | null;
  readonly ramdisk: ImageFacts | null;
}

const lockers = ['owner', 'admin'] as const;

/** For servers without problems (`serverProblems`). @throws Error for a row that lacks required values */
export function readServer(nova: NovaServer): AdoptedServer {
  const { instance, extra, systemMetadata } = nova;
  const text = (name: string): string | null => textIn(instance, name);
  const must = (name: string): string => {
    const value = text(name);
    if (value === null) throw new Error(`a server of Nova's has no ${name}`);
    return value;
  };
  const read = readServerFlavor(extra['flavor']);
  if (read === null) throw new Error('a server of Nova has a flavor');
  const image = imageOf(nova);
  const { hints, zone } = readHints(nova);
  const state = numberIn(instance, 'power_state');
  const powerState = isPower(state) ? state : power.noState;
  const createdAt = timeIn(instance, 'created_at') ?? 0;
  const full = maximumOf(read.flavor);
  const kernel = text('kernel_id') || null;
  const ramdisk = text('ramdisk_id') || null;
  return {
    server: {
      uuid: must('uuid'),
      projectId: must('project_id'),
      userId: must('user_id'),
      displayName: text('display_name') ?? '',
      description: text('display_description'),
      hostname: text('hostname') ?? '',
      reservationId: text('reservation_id') ?? '',
      launchIndex: numberIn(instance, 'launch_index') ?? 0,
      vmState: must('vm_state') as VmState,
      taskState: null,
      powerState,
      progress: 0,
      // Nova may have an image even for a server that boots from a volume
      imageRef: hasVolumeRoot(nova) ? '' : (text('image_ref') ?? ''),
      image,
      flavor: read.flavor,
      host: text('host'),
      node: text('node'),
      availabilityZone: text('availability_zone'),
      requestedZone: zone,
      schedulerHints: hints,
      keyName: text('key_name'),
      keyData: text('key_data'),
      userData: text('user_data'),
      configDrive: boolIn(instance, 'config_drive'),
      autoDiskConfig: boolIn(instance, 'auto_disk_config'),
      accessIpV4: text('access_ip_v4'),
      accessIpV6: text('access_ip_v6'),
      rootDeviceName: text('root_device_name'),
      lockedBy: lockers.find((one) => one === text('locked_by')) ?? null,
      lockedReason: systemMetadata['locked_reason'] ?? null,
      ...{ currentVcpus: full.vcpus, targetVcpus: full.vcpus, bootVcpus: full.vcpus },
      ...{ currentMemoryMb: full.memoryMb, targetMemoryMb: full.memoryMb, bootMemoryMb: full.memoryMb },
      ...{ guestOnlineVcpus: null, guestAvailableMb: null, adjustStatus: 'idle', adjustPersist: true },
      ...{ adjustRequestId: null, adjustMessage: null, adjustUpdatedAt: null },
      createdAt,
      launchedAt: timeIn(instance, 'launched_at') ?? createdAt,
      ...{ terminatedAt: null, deletedAt: null, deleted: false },
    },
    nics: readNics(nova.networkInfo).nics,
    volumes: readVolumes(nova).volumes,
    metadata: nova.metadata,
    tags: nova.tags,
    group: nova.group,
    keyType: keyTypeOf(nova),
    kernel: kernel === null ? null : bareImage(kernel, 'aki'),
    ramdisk: ramdisk === null ? null : bareImage(ramdisk, 'ari'),
  };
}

/** A server in the state found on its host; a running one keeps Nova's definition until its next start (`startedElsewhere`). */
export function asFound(server: AdoptedServer['server'], powerState: PowerState): AdoptedServer['server'] {
  const runs = powerState !== power.shutdown && powerState !== power.crashed;
  const states: Partial<Record<PowerState, VmState>> = {
    [power.running]: 'active',
    [power.paused]: 'paused',
    [power.shutdown]: 'stopped',
    [power.crashed]: 'stopped',
    [power.suspended]: 'suspended',
  };
  const flavor: FlavorSnapshot = runs ? { ...server.flavor, startedElsewhere: true } : server.flavor;
  return { ...server, powerState, vmState: states[powerState] ?? server.vmState, flavor };
}

/** What changes for a server by being taken over; empty: nothing. */
export function changesOf({ server }: AdoptedServer): readonly string[] {
  return isElastic(server.flavor) && server.vmState !== 'stopped'
    ? ['its size can be adjusted after its next start; until then it has all of its flavor']
    : [];
}
