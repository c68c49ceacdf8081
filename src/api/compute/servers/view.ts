// Why: what a server looks like is the history of its fields. A view is folded once per request (version and rights), then
// applied to each server of the page.

import { hash } from 'node:crypto';
import { isoMicros, isoSeconds } from '../../../base/clock.ts';
import { type History, history, versioned } from '../../../base/history.ts';
import type { FlavorSnapshot } from '../../../domain/machines/flavors.ts';
import { type Server, type ServerDetail, statusOf } from '../../../domain/servers/servers.ts';
import type { NicSpec } from '../../../domain/networks/server-nics.ts';
import { memberLinks } from '../../links.ts';
import { ipVersion } from '../../parameters.ts';
import type { Call, CallUrl } from '../../resource.ts';

/** What of the view depends on who asks. */
export interface ViewRights {
  /** os-extended-server-attributes: host, hypervisor, instance name. */
  readonly attributes: boolean;
  /** servers:show:host_status; else, with `hostUnknown`, only the fact that a host is silent. */
  readonly hostStatus: boolean;
  readonly hostUnknown: boolean;
  readonly extraSpecs: boolean;
  readonly faultDetails: boolean;
}

export interface ViewContext {
  readonly url: CallUrl;
  readonly rights: ViewRights;
  /** UP, DOWN, MAINTENANCE or UNKNOWN of a host; empty where none was asked for. */
  readonly hostStatusOf: (host: string) => string;
  /** `hostIdOf`, each computed once for a page. */
  readonly hostIdOf: (projectId: string, host: string | null) => string;
}

type Field = (detail: ServerDetail, view: ViewContext) => unknown;
type Fields = Readonly<Record<string, Field>>;

/** The opaque id that stands for a host in one project (Nova's: SHA-224 of both names). */
export function hostIdOf(projectId: string, host: string | null): string {
  return host === null ? '' : hash('sha224', projectId + host);
}

/** The name of the domain on its hypervisor, from Nova's default template. */
export const instanceNameOf = (server: Pick<Server, 'id'>): string =>
  `instance-${server.id.toString(16).padStart(8, '0')}`;

const time = (ms: number | null): string | null => (ms === null ? null : isoMicros(ms));

const PROGRESS_IN = new Set(['ACTIVE', 'BUILD', 'REBUILD', 'RESIZE', 'VERIFY_RESIZE', 'MIGRATING']);
const FAULT_IN = new Set(['ERROR', 'DELETED']);

const status = ({ server }: ServerDetail): string => statusOf(server.vmState, server.taskState);

interface ShownAddress {
  readonly version: 4 | 6;
  readonly addr: string;
  readonly 'OS-EXT-IPS:type': string;
  readonly 'OS-EXT-IPS-MAC:mac_addr': string;
}

function addresses(nics: readonly NicSpec[]): Record<string, ShownAddress[]> {
  const byNetwork = Object.create(null) as Record<string, ShownAddress[]>;
  for (const nic of nics) {
    const list = (byNetwork[nic.network.name] ??= []);
    const show = (addr: string, type: 'fixed' | 'floating'): void => {
      const version = ipVersion(addr);
      list.push({ version, addr, 'OS-EXT-IPS:type': type, 'OS-EXT-IPS-MAC:mac_addr': nic.mac });
    };
    for (const { address } of nic.fixedIps) {
      show(address, 'fixed');
      for (const floating of nic.floatingIps) if (floating.fixedIp === address) show(floating.address, 'floating');
    }
  }
  return byNetwork;
}

function fault(detail: ServerDetail, view: ViewContext) {
  if (detail.fault === null || !FAULT_IN.has(status(detail))) return undefined;
  const { code, message, details, createdAt } = detail.fault;
  const shown = details !== null && details !== '' && (view.rights.faultDetails || code !== 500);
  return { code, created: isoSeconds(createdAt), message, ...(shown ? { details } : {}) };
}

function securityGroups({ nics }: ServerDetail) {
  const names = [...new Set(nics.flatMap((nic) => nic.securityGroups))];
  return names.length === 0 ? undefined : names.map((name) => ({ name }));
}

const bookmark = (view: ViewContext, collection: string, id: string) => [memberLinks(view.url, collection, id)[1]];

const imageLink: Field = ({ server }, view) =>
  server.imageRef === '' ? '' : { id: server.imageRef, links: bookmark(view, 'images', server.imageRef) };

const imageWithProperties: Field = (detail, view) => {
  const link = imageLink(detail, view);
  return typeof link === 'string' ? link : { ...(link as object), properties: detail.server.image?.properties ?? {} };
};

const embeddedFlavor = (flavor: FlavorSnapshot, view: ViewContext) => ({
  vcpus: flavor.vcpus,
  ram: flavor.memoryMb,
  disk: flavor.rootGb,
  ephemeral: flavor.ephemeralGb,
  swap: flavor.swapMb,
  original_name: flavor.name,
  ...(view.rights.extraSpecs ? { extra_specs: flavor.extraSpecs } : {}),
});

/** A field that only those see who may see where the server runs. */
const attribute =
  (field: Field): Field =>
  (detail, view) =>
    view.rights.attributes ? field(detail, view) : undefined;

const hostStatus: Field = ({ server }, view) => {
  const { hostStatus: all, hostUnknown } = view.rights;
  if (!all && !hostUnknown) return undefined;
  const word = server.host === null || server.deleted ? '' : view.hostStatusOf(server.host);
  return all || word === 'UNKNOWN' ? word : undefined;
};

const first: Fields = {
  id: ({ server }) => server.uuid,
  name: ({ server }) => server.displayName,
  status,
  tenant_id: ({ server }) => server.projectId,
  user_id: ({ server }) => server.userId,
  metadata: ({ metadata }) => metadata,
  hostId: ({ server }, view) => view.hostIdOf(server.projectId, server.host),
  image: imageLink,
  flavor: ({ server }, view) => ({
    id: server.flavor.flavorid,
    links: bookmark(view, 'flavors', server.flavor.flavorid),
  }),
  created: ({ server }) => isoSeconds(server.createdAt),
  updated: ({ server }) => isoSeconds(server.updatedAt ?? server.createdAt),
  addresses: ({ nics }) => addresses(nics),
  accessIPv4: ({ server }) => server.accessIpV4 ?? '',
  accessIPv6: ({ server }) => server.accessIpV6 ?? '',
  links: ({ server }, view) => memberLinks(view.url, 'servers', server.uuid),
  'OS-DCF:diskConfig': ({ server }) => (server.autoDiskConfig ? 'AUTO' : 'MANUAL'),
  progress: (detail) => (PROGRESS_IN.has(status(detail)) ? detail.server.progress : undefined),
  fault,
  'OS-EXT-AZ:availability_zone': ({ server }) => server.availabilityZone ?? server.requestedZone ?? '',
  config_drive: ({ server }) => (server.configDrive ? 'True' : ''),
  key_name: ({ server }) => server.keyName,
  'OS-SRV-USG:launched_at': ({ server }) => time(server.launchedAt),
  'OS-SRV-USG:terminated_at': ({ server }) => time(server.terminatedAt),
  security_groups: securityGroups,
  'OS-EXT-SRV-ATTR:host': attribute(({ server }) => server.host),
  'OS-EXT-SRV-ATTR:instance_name': attribute(({ server }) => instanceNameOf(server)),
  'OS-EXT-SRV-ATTR:hypervisor_hostname': attribute(({ server }) => server.node),
  'OS-EXT-STS:task_state': ({ server }) => server.taskState,
  'OS-EXT-STS:vm_state': ({ server }) => server.vmState,
  'OS-EXT-STS:power_state': ({ server }) => server.powerState,
  'os-extended-volumes:volumes_attached': ({ volumes }) => volumes.map(({ volumeId }) => ({ id: volumeId })),
};

const detailFields = history<Field>(first, [
  {
    at: '2.3',
    add: {
      'os-extended-volumes:volumes_attached': ({ volumes }) =>
        volumes.map(({ volumeId, deleteOnTermination }) => ({
          id: volumeId,
          delete_on_termination: deleteOnTermination,
        })),
      'OS-EXT-SRV-ATTR:reservation_id': attribute(({ server }) => server.reservationId),
      'OS-EXT-SRV-ATTR:launch_index': attribute(({ server }) => server.launchIndex),
      'OS-EXT-SRV-ATTR:hostname': attribute(({ server }) => server.hostname),
      'OS-EXT-SRV-ATTR:kernel_id': attribute(({ server }) => server.image?.properties.kernel_id ?? ''),
      'OS-EXT-SRV-ATTR:ramdisk_id': attribute(({ server }) => server.image?.properties.ramdisk_id ?? ''),
      'OS-EXT-SRV-ATTR:root_device_name': attribute(({ server }) => server.rootDeviceName),
      'OS-EXT-SRV-ATTR:user_data': attribute(({ server }) => server.userData),
    },
  },
  { at: '2.9', add: { locked: ({ server }) => server.lockedBy !== null } },
  { at: '2.16', add: { host_status: hostStatus } },
  { at: '2.19', add: { description: ({ server }) => server.description } },
  { at: '2.26', add: { tags: ({ tags }) => tags } },
  { at: '2.47', add: { flavor: ({ server }, view) => embeddedFlavor(server.flavor, view) } },
  { at: '2.63', add: { trusted_image_certificates: () => null } },
  { at: '2.73', add: { locked_reason: ({ server }) => server.lockedReason } },
  { at: '2.90', add: { 'OS-EXT-SRV-ATTR:hostname': ({ server }) => server.hostname } },
  { at: '2.96', add: { pinned_availability_zone: ({ server }) => server.requestedZone } },
  { at: '2.98', add: { image: imageWithProperties } },
  { at: '2.100', add: { scheduler_hints: ({ server }) => server.schedulerHints } },
]);

/** Fields that a single server shows and a list does not. */
const showOnly = history<Field>({}, [{ at: '2.71', add: { server_groups: ({ groups }) => groups } }]);

/** The fields of a list and of a single server, for the API reference. */
export const shownFields: Readonly<Record<'detail' | 'show', History<unknown>>> = {
  detail: detailFields,
  show: {
    changePoints: [...new Set([...detailFields.changePoints, ...showOnly.changePoints])].sort((a, b) => a - b),
    at: (minor) => ({ ...detailFields.at(minor), ...showOnly.at(minor) }),
  },
};

/** Fields that the answers of PUT and of a rebuild have before 2.75, when they became the whole server. */
const updateKeys = [
  'id',
  'name',
  'status',
  'tenant_id',
  'user_id',
  'metadata',
  'hostId',
  'image',
  'flavor',
  'created',
  'updated',
  'addresses',
  'accessIPv4',
  'accessIPv6',
  'links',
  'OS-DCF:diskConfig',
  'progress',
  'fault',
  'locked',
  'description',
  'tags',
  'trusted_image_certificates',
  'server_groups',
  'locked_reason',
];
/** What a rebuild may change shows in its answer; the user data as a field of its own (rebuild.ts). */
const rebuildKeys = history<true>({}, [{ at: '2.54', add: { key_name: true } }]);
const USER_DATA = 'OS-EXT-SRV-ATTR:user_data';
/** Whether the answer to a change shows all that GET shows. */
const showsWhole = versioned(false, ['2.75', true]);
const showsHostStatus = versioned(false, ['2.16', true]);

/** Addresses by the names of their networks, without types and MACs. */
export const plainAddresses = (nics: readonly NicSpec[]): Readonly<Record<string, readonly object[]>> =>
  Object.fromEntries(
    Object.entries(addresses(nics)).map(([network, list]) => [
      network,
      list.map(({ version, addr }) => ({ version, addr })),
    ]),
  );

export type ViewKind = 'detail' | 'show' | 'update' | 'rebuild';

function foldFields(kind: ViewKind, minor: number): [string, Field][] {
  const fields = { ...detailFields.at(minor), ...(kind === 'detail' ? {} : showOnly.at(minor)) };
  if (kind === 'rebuild') delete fields[USER_DATA];
  if (kind === 'detail' || kind === 'show' || showsWhole.at(minor)) return Object.entries(fields);
  const keys = new Set([...updateKeys, ...(kind === 'rebuild' ? Object.keys(rebuildKeys.at(minor)) : [])]);
  // and the addresses in it have no types and MACs
  const plain = { ...fields, addresses: ({ nics }: ServerDetail) => plainAddresses(nics) };
  return Object.entries(plain).filter(([key]) => keys.has(key));
}

/** Keeps what a function of a microversion gave; there are a hundred of them at most. */
function remembered<T>(make: (minor: number) => T): (minor: number) => T {
  const made = new Map<number, T>();
  return (minor) => {
    let value = made.get(minor);
    if (value === undefined) made.set(minor, (value = make(minor)));
    return value;
  };
}

const fieldsOf: Readonly<Record<ViewKind, (minor: number) => readonly [string, Field][]>> = {
  detail: remembered((minor) => foldFields('detail', minor)),
  show: remembered((minor) => foldFields('show', minor)),
  update: remembered((minor) => foldFields('update', minor)),
  rebuild: remembered((minor) => foldFields('rebuild', minor)),
};

/** The function that shows one server at the call's microversion and rights; what is `undefined` does not show in JSON. */
export function serverView(
  kind: ViewKind,
  minor: number,
  view: ViewContext,
): (detail: ServerDetail) => Record<string, unknown> {
  const fields = fieldsOf[kind](minor);
  // a copy that has all its names is a tenth of one that grows by each of them, and is written as JSON sooner
  const blank: Readonly<Record<string, unknown>> = Object.fromEntries(fields.map(([key]) => [key, undefined]));
  return (detail) => {
    const shown = { ...blank };
    for (const [key, field] of fields) shown[key] = field(detail, view);
    return shown;
  };
}

/** Whether a kind of view needs to know of the hosts at all. */
export const needsHostStatus = (minor: number, rights: ViewRights): boolean =>
  showsHostStatus.at(minor) && (rights.hostStatus || rights.hostUnknown);

/** The rules that `viewRights` asks about. */
export const viewRules = [
  'os_compute_api:os-extended-server-attributes',
  'os_compute_api:servers:show:host_status',
  'os_compute_api:servers:show:host_status:unknown-only',
  'os_compute_api:servers:show:flavor-extra-specs',
] as const;

/** The rights that the policy gives the caller; asked once per request, on the caller's own project for lists. */
export function viewRights(call: Pick<Call, 'allows' | 'op'>): ViewRights {
  return {
    attributes: call.allows('os_compute_api:os-extended-server-attributes'),
    hostStatus: call.allows('os_compute_api:servers:show:host_status'),
    hostUnknown: call.allows('os_compute_api:servers:show:host_status:unknown-only'),
    extraSpecs: call.allows('os_compute_api:servers:show:flavor-extra-specs'),
    faultDetails: call.op.caller.isAdmin,
  };
}

/** The short form of GET /servers. */
export const summaryView = ({ server }: ServerDetail, url: CallUrl) => ({
  id: server.uuid,
  name: server.displayName,
  links: memberLinks(url, 'servers', server.uuid),
});
