// Why: billing and monitoring systems listen to Nova's versioned notifications. What is told of a server, in which shape and
// under which name, is one table and a few pure functions here; the shapes are those that Nova publishes.

import { isoSeconds } from '../../base/clock.ts';
import type { FaultCode } from '../../base/errors.ts';
import type { Aggregate } from '../placement/aggregates.ts';
import type { Flavor, FlavorSnapshot } from '../machines/flavors.ts';
import type { ServerGroup } from '../servers/server-groups.ts';
import { type PowerState, power, type Server, type ServerDetail, toldStatus } from '../servers/servers.ts';

/** Null: what happens at once has no phases. */
export type Phase = 'start' | 'end' | 'error' | null;

/** A message as a listener gets it, before its transport's envelope. */
export interface Notification {
  /** `instance.pause.start` */
  readonly eventType: string;
  readonly priority: 'INFO' | 'ERROR';
  /** `nova-compute:host` */
  readonly publisherId: string;
  readonly payload: VersionedObject;
  readonly context: NotificationContext;
}

/** On whose behalf it happened. */
export interface NotificationContext {
  readonly requestId: string;
  readonly userId: string;
  readonly projectId: string;
}

export interface VersionedObject {
  readonly 'nova_object.name': string;
  readonly 'nova_object.namespace': 'nova';
  readonly 'nova_object.version': string;
  readonly 'nova_object.data': Readonly<Record<string, unknown>>;
}

const object = (name: string, version: string, data: Readonly<Record<string, unknown>>): VersionedObject => ({
  'nova_object.name': name,
  'nova_object.namespace': 'nova',
  'nova_object.version': version,
  'nova_object.data': data,
});

/** `instance.pause.start` for what is called `pause`. */
const eventTypeOf = (name: string, phase: Phase): string =>
  phase === null ? `instance.${name}` : `instance.${name}.${phase}`;

const powerWords: Readonly<Record<PowerState, string>> = {
  [power.noState]: 'pending',
  [power.running]: 'running',
  [power.paused]: 'paused',
  [power.shutdown]: 'shutdown',
  [power.crashed]: 'crashed',
  [power.suspended]: 'suspended',
};

const time = (ms: number | null): string | null => (ms === null ? null : isoSeconds(ms));

/** A flavor as notifications show it; a server's own snapshot knows no projects and shows none. */
export function flavorPayload(
  flavor: FlavorSnapshot | Flavor,
  more: { readonly projects: readonly string[] | null; readonly extraSpecs?: null } = { projects: null },
): VersionedObject {
  return object('FlavorPayload', '1.4', {
    flavorid: flavor.flavorid,
    name: flavor.name,
    memory_mb: flavor.memoryMb,
    vcpus: flavor.vcpus,
    root_gb: flavor.rootGb,
    ephemeral_gb: flavor.ephemeralGb,
    swap: flavor.swapMb,
    rxtx_factor: flavor.rxtxFactor,
    vcpu_weight: 0,
    disabled: flavor.disabled,
    is_public: flavor.isPublic,
    extra_specs: more.extraSpecs === null ? null : flavor.extraSpecs,
    projects: more.projects,
    description: flavor.description,
  });
}

const TAP_CHARACTERS = 11;

const ipPayloads = ({ nics }: ServerDetail): VersionedObject[] =>
  nics.flatMap((nic) =>
    nic.fixedIps.map(({ address }) =>
      object('IpPayload', '1.0', {
        address,
        version: address.includes(':') ? 6 : 4,
        mac: nic.mac,
        port_uuid: nic.portId,
        label: nic.network.name,
        device_name: `tap${nic.portId.slice(0, TAP_CHARACTERS)}`,
        meta: {},
      }),
    ),
  );

function instanceData(detail: ServerDetail, context: NotificationContext): Record<string, unknown> {
  const { server } = detail;
  const properties = server.image?.properties ?? {};
  return {
    uuid: server.uuid,
    tenant_id: server.projectId,
    user_id: server.userId,
    display_name: server.displayName,
    display_description: server.description,
    host: server.host,
    node: server.node,
    host_name: server.hostname,
    availability_zone: server.availabilityZone,
    reservation_id: server.reservationId,
    flavor: flavorPayload(server.flavor),
    image_uuid: server.imageRef,
    kernel_id: properties['kernel_id'] ?? '',
    ramdisk_id: properties['ramdisk_id'] ?? '',
    architecture: properties['hw_architecture'] ?? properties['architecture'] ?? null,
    os_type: properties['os_type'] ?? null,
    key_name: server.keyName,
    state: server.vmState === 'soft-delete' ? 'soft_deleted' : server.vmState,
    task_state: server.taskState,
    power_state: powerWords[server.powerState],
    progress: server.progress,
    locked: server.lockedBy !== null,
    locked_reason: server.lockedReason,
    auto_disk_config: server.autoDiskConfig ? 'AUTO' : 'MANUAL',
    metadata: detail.metadata,
    ip_addresses: ipPayloads(detail),
    block_devices: [],
    shares: [],
    created_at: time(server.createdAt),
    updated_at: time(server.updatedAt),
    launched_at: time(server.launchedAt),
    terminated_at: time(server.terminatedAt),
    deleted_at: time(server.deletedAt),
    request_id: context.requestId,
    action_initiator_user: context.userId,
    action_initiator_project: context.projectId,
  };
}

/** Why something failed, as far as a listener needs to know. */
export interface NotedFailure {
  readonly code: FaultCode;
  readonly message: string;
  readonly where: string;
}

const exceptionPayload = ({ code, message, where }: NotedFailure): VersionedObject =>
  object('ExceptionPayload', '1.1', {
    module_name: 'xloud',
    function_name: where,
    exception: code,
    exception_message: message,
    traceback: '',
  });

export interface KeyPairFacts {
  readonly userId: string;
  readonly name: string;
  readonly type: string;
  readonly fingerprint: string | null;
  readonly publicKey: string | null;
}

export const keypairPayload = (key: KeyPairFacts): VersionedObject =>
  object('KeypairPayload', '1.0', {
    user_id: key.userId,
    name: key.name,
    fingerprint: key.fingerprint,
    public_key: key.publicKey,
    type: key.type,
  });

/** What an action's notification says beside the server itself. */
export interface ActionFacts {
  readonly failure: NotedFailure | null;
  /** The key of a server that is created; null: none. */
  readonly key: KeyPairFacts | null;
  readonly snapshotImageId: string | null;
  readonly rescueImageRef: string | null;
}

type Shape = readonly [name: string, version: string, more: (detail: ServerDetail, facts: ActionFacts) => object];

const plain: Shape = ['InstanceActionPayload', '1.9', () => ({})];

/** The events whose payload is more than an action's. */
const shapes: Readonly<Record<string, Shape>> = {
  create: [
    'InstanceCreatePayload',
    '1.13',
    ({ server, tags }, { key }) => ({
      keypairs: key === null ? [] : [keypairPayload(key)],
      tags,
      trusted_image_certificates: null,
      instance_name: `instance-${server.id.toString(16).padStart(8, '0')}`,
    }),
  ],
  rebuild: ['InstanceActionRebuildPayload', '1.10', () => ({ trusted_image_certificates: null })],
  rescue: ['InstanceActionRescuePayload', '1.4', (_, { rescueImageRef }) => ({ rescue_image_ref: rescueImageRef })],
  snapshot: [
    'InstanceActionSnapshotPayload',
    '1.10',
    (_, { snapshotImageId }) => ({ snapshot_image_id: snapshotImageId }),
  ],
  adjust: ['InstanceAdjustPayload', '1.0', ({ server }) => adjustData(server)],
};

/** Ours: what an adjustment asks for and what the server has. */
const adjustData = (server: Server) => ({
  vcpus: { current: server.currentVcpus, target: server.targetVcpus },
  memory_mb: { current: server.currentMemoryMb, target: server.targetMemoryMb },
  adjust_status: toldStatus(server.adjustStatus),
});

/**
 * What is told of an action.
 * @param action what it is called in notifications
 * @param detail the server as it is in that phase
 */
export function actionNotification(
  action: string,
  phase: Phase,
  detail: ServerDetail,
  context: NotificationContext,
  facts: ActionFacts,
): Notification {
  const [name, version, more] = shapes[action] ?? plain;
  return {
    eventType: eventTypeOf(action, phase),
    priority: phase === 'error' ? 'ERROR' : 'INFO',
    publisherId: `nova-compute:${detail.server.host ?? ''}`,
    payload: object(name, version, {
      ...instanceData(detail, context),
      fault: facts.failure === null ? null : exceptionPayload(facts.failure),
      ...more(detail, facts),
    }),
    context,
  };
}

/** The states of a server before a change. */
export type StateBefore = Pick<Server, 'vmState' | 'taskState' | 'displayName'>;

/** `instance.update`: the server's state, name or tags changed. */
export function updateNotification(
  before: StateBefore,
  detail: ServerDetail,
  context: NotificationContext,
  nowMs: number,
): Notification {
  const { server } = detail;
  const now = new Date(nowMs);
  const monthMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth());
  return {
    eventType: 'instance.update',
    priority: 'INFO',
    publisherId: `nova-compute:${server.host ?? ''}`,
    payload: object('InstanceUpdatePayload', '2.1', {
      ...instanceData(detail, context),
      tags: detail.tags,
      old_display_name: before.displayName === server.displayName ? null : before.displayName,
      state_update: object('InstanceStateUpdatePayload', '1.0', {
        old_state: before.vmState,
        state: server.vmState,
        old_task_state: before.taskState,
        new_task_state: server.taskState,
      }),
      audit_period: object('AuditPeriodPayload', '1.0', {
        audit_period_beginning: isoSeconds(monthMs),
        audit_period_ending: isoSeconds(nowMs),
      }),
    }),
    context,
  };
}

/** Something that an API process did at once or in two phases: to flavors, keys, groups, services. */
export function apiNotification(
  eventType: string,
  publisher: string,
  payload: VersionedObject,
  context: NotificationContext,
): Notification {
  return { eventType, priority: 'INFO', publisherId: publisher, payload, context };
}

export const serverGroupPayload = (group: ServerGroup, members: readonly string[]): VersionedObject =>
  object('ServerGroupPayload', '1.1', {
    uuid: group.uuid,
    name: group.name,
    project_id: group.projectId,
    user_id: group.userId,
    policies: [group.policy],
    policy: group.policy,
    rules: group.maxServerPerHost === null ? {} : { max_server_per_host: String(group.maxServerPerHost) },
    members,
    hosts: null,
  });

/** What is told of an aggregate; before it is made it has neither number nor hosts. */
export const aggregatePayload = (
  aggregate: Pick<Aggregate, 'uuid' | 'name' | 'metadata'> & Partial<Pick<Aggregate, 'id' | 'hosts'>>,
): VersionedObject =>
  object('AggregatePayload', '1.1', {
    id: aggregate.id ?? null,
    uuid: aggregate.uuid,
    name: aggregate.name,
    hosts: aggregate.hosts ?? null,
    metadata: aggregate.metadata,
  });

/** How far images were brought to the hosts of an aggregate: the host that is done, the how manieth, of how many. */
export const aggregateCachePayload = (
  { id, uuid, name }: Pick<Aggregate, 'id' | 'uuid' | 'name'>,
  done: { readonly host: string; readonly index: number; readonly total: number },
  images: { readonly cached: readonly string[]; readonly failed: readonly string[] },
): VersionedObject =>
  object('AggregateCachePayload', '1.0', {
    ...{ id, uuid, name, ...done },
    images_cached: images.cached,
    images_failed: images.failed,
  });
