// Why: what the service says of itself: versions, extensions, its parts, its pool, its zone; and why something was not done.

import { isoMicros } from '../../base/clock.ts';
import { notFound } from '../../base/errors.ts';
import { deleteMessage, findMessage, messageNoun, type VolumeMessage } from '../../db/volume-messages.ts';
import { snapshotNoun } from '../../db/volume-snapshots.ts';
import { pageOfRows, usageOf, volumeNoun } from '../../db/volumes.ts';
import { tx } from '../../db/tx.ts';
import { serviceUrl, type WebContext } from '../../web/app.ts';
import { lastOf, type Routes } from '../http.ts';
import { isYes } from '../../base/boolean-word.ts';
import { listQueryOf, type ListWords } from './list-query.ts';
import type { VolumeParts } from './parts.ts';
import { messageMissing, mustMay, seen, targetOf } from './rules.ts';
import { backend, POOL, VOLUME_HOST } from './backend.ts';
import { MAX_MINOR, page, type Visit } from './web.ts';

const versionOf = (ctx: WebContext): object => ({
  id: 'v3.0',
  status: 'CURRENT',
  version: `3.${MAX_MINOR}`,
  min_version: '3.0',
  updated: '2023-08-31T00:00:00Z',
  links: [{ rel: 'self', href: `${serviceUrl(ctx)}/v3/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.volume+json;version=3' }],
});

const versions =
  (status: number) =>
  (ctx: WebContext): void => {
    ctx.status = status;
    ctx.type = 'application/json';
    ctx.body = JSON.stringify({ versions: [versionOf(ctx)] });
  };

/** What clients look for by alias before they use it. */
const extensions: readonly (readonly [alias: string, name: string])[] = [
  ['os-volume-type-access', 'VolumeTypeAccess'],
  ['os-types-extra-specs', 'TypesExtraSpecs'],
  ['os-types-manage', 'TypesManage'],
  ['os-quota-sets', 'Quotas'],
  ['os-quota-class-sets', 'QuotaClasses'],
  ['os-volume-transfer', 'VolumeTransfer'],
  ['os-volume-actions', 'VolumeActions'],
  ['os-extended-snapshot-attributes', 'ExtendedSnapshotAttributes'],
  ['os-admin-actions', 'AdminActions'],
  ['os-services', 'Services'],
  ['os-hosts', 'Hosts'],
  ['capabilities', 'Capabilities'],
  ['os-used-limits', 'UsedLimits'],
  ['os-vol-image-meta', 'VolumeImageMetadata'],
  ['os-vol-tenant-attr', 'VolumeTenantAttribute'],
  ['os-vol-host-attr', 'VolumeHostAttribute'],
  ['os-availability-zone', 'AvailabilityZones'],
  ['qos-specs', 'Qos_specs_manage'],
  ['scheduler-stats', 'Scheduler_stats'],
];

const messageWords: ListWords = {
  filters: {
    request_id: { column: 'request_id' },
    resource_type: { column: 'resource_type' },
    resource_uuid: { column: 'resource_id' },
    event_id: { column: 'event_id' },
  },
  sorts: { id: 'id', created_at: 'created_at', event_id: 'event_id', resource_type: 'resource_type' },
};

const messageView = ({ base }: Visit, message: VolumeMessage): object => ({
  id: message.id,
  request_id: message.requestId,
  resource_type: message.resourceType,
  resource_uuid: message.resourceId,
  event_id: message.eventId,
  message_level: 'ERROR',
  user_message: message.message,
  created_at: isoMicros(message.createdAt).replace(/Z$/, ''),
  guaranteed_until: isoMicros(message.expiresAt).replace(/Z$/, ''),
  links: [
    { rel: 'self', href: `${base}/messages/${message.id}` },
    { rel: 'bookmark', href: `${base.replace(/\/v3/, '')}/messages/${message.id}` },
  ],
});

function addMessages(routes: Routes, parts: VolumeParts): void {
  const { database, allows } = parts;
  const since = { since: 3 } as const;
  const one = async ({ caller, params }: Visit): Promise<VolumeMessage> => {
    const { id = '' } = params;
    return seen(allows, caller, 'message:get', await findMessage(database.read, id), messageMissing(id));
  };
  page(
    routes,
    'GET',
    '/messages',
    { first: 'message:get_all', also: ['message:get'] },
    async (visit) => {
      const { choice, page: asked } = listQueryOf(visit, messageWords);
      const found = (await pageOfRows(database.read, messageNoun, choice, asked)) ?? [];
      const kept = found.filter((message) => allows(visit.caller, 'message:get', targetOf(message)));
      return { status: 200, body: { messages: kept.map((message) => messageView(visit, message)) } };
    },
    since,
  );
  page(
    routes,
    'GET',
    '/messages/:id',
    { of: 'message:get' },
    async (visit) => ({ status: 200, body: { message: messageView(visit, await one(visit)) } }),
    since,
  );
  page(
    routes,
    'DELETE',
    '/messages/:id',
    { of: 'message:delete', also: ['message:get'] },
    async (visit) => {
      const message = await one(visit);
      mustMay(allows, visit.caller, 'message:delete', message);
      await tx(database, (t) => deleteMessage(t, message.id));
      return { status: 204 };
    },
    since,
  );
}

/** The service as the two that Cinder has. */
function servicesOf({ clock, zone }: VolumeParts) {
  const updated_at = isoMicros(clock.now()).replace(/Z$/, '');
  const common = { zone, status: 'enabled', state: 'up', updated_at, disabled_reason: null };
  return [
    {
      binary: 'cinder-volume',
      host: VOLUME_HOST,
      ...common,
      replication_status: 'disabled',
      active_backend_id: null,
      frozen: false,
    },
    { binary: 'cinder-scheduler', host: 'volumes', ...common },
  ];
}

async function pool(parts: VolumeParts, detailed: boolean): Promise<object> {
  if (!detailed) return { name: POOL };
  const { totalGb, freeGb } = await parts.files.room();
  const gb = (value: number): number => Math.round(value * 100) / 100;
  return {
    name: POOL,
    capabilities: {
      ...backend,
      ...{ total_capacity_gb: gb(totalGb), free_capacity_gb: gb(freeGb), reserved_percentage: 0 },
      ...{ thin_provisioning_support: true, thick_provisioning_support: false, QoS_support: true, multiattach: false },
    },
  };
}

export function addAboutRoutes(routes: Routes, parts: VolumeParts): void {
  routes.open('GET', '/', versions(300));
  routes.open('GET', '/v3', versions(200));
  routes.open('GET', '/v3/', versions(200));
  page(routes, 'GET', '/extensions', 'any token', async () => ({
    status: 200,
    body: {
      extensions: extensions.map(([alias, name]) => ({
        alias,
        name,
        description: name,
        links: [],
        updated: '2012-01-01T00:00:00+00:00',
      })),
    },
  }));
  page(routes, 'GET', '/os-availability-zone', { first: 'volume:availability_zone_list' }, async () => ({
    status: 200,
    body: { availabilityZoneInfo: [{ zoneName: parts.zone, zoneState: { available: true } }] },
  }));
  page(routes, 'GET', '/os-services', { first: 'volume_extension:services:index' }, async ({ query }) => {
    const [binary, host] = [lastOf(query, 'binary'), lastOf(query, 'host')];
    const services = servicesOf(parts).filter(
      (one) =>
        (binary === null || one.binary === binary) &&
        (host === null || one.host === host || one.host.startsWith(`${host}@`)),
    );
    return { status: 200, body: { services } };
  });
  page(routes, 'GET', '/os-hosts', { first: 'volume_extension:hosts' }, async () => ({
    status: 200,
    body: {
      hosts: servicesOf(parts).map(({ binary, host, zone, updated_at }) => ({
        ...{ host_name: host, service: binary, zone, 'last-update': updated_at },
        ...{ 'service-status': 'available', 'service-state': 'enabled' },
      })),
    },
  }));
  page(routes, 'GET', '/os-hosts/:host', { first: 'volume_extension:hosts' }, async ({ params }) => {
    if (params['host'] !== VOLUME_HOST) throw notFound(`Host ${params['host']} could not be found.`);
    const everything = { projectId: null, columns: {}, metadata: {} };
    const volumes = await usageOf(parts.database.read, volumeNoun, everything);
    const snapshots = await usageOf(parts.database.read, snapshotNoun, everything);
    const resource = {
      ...{ host: VOLUME_HOST, project: '(total)' },
      ...{ volume_count: String(volumes.count), total_volume_gb: String(volumes.gigabytes) },
      ...{ snapshot_count: String(snapshots.count), total_snapshot_gb: String(snapshots.gigabytes) },
    };
    return { status: 200, body: { host: [{ resource }] } };
  });
  page(routes, 'GET', '/capabilities/:host', { first: 'volume_extension:capabilities' }, async ({ params }) => {
    if (params['host'] !== POOL && params['host'] !== VOLUME_HOST) {
      throw notFound(`The volume service has no host ${params['host']}.`);
    }
    const { vendor_name, driver_version, volume_backend_name, storage_protocol } = backend;
    return {
      status: 200,
      body: {
        ...{ namespace: `OS::Storage::Capabilities::${VOLUME_HOST}`, pool_name: null, display_name: null },
        ...{ vendor_name, driver_version, volume_backend_name, storage_protocol },
        ...{ description: null, visibility: null, replication_targets: [], properties: {} },
      },
    };
  });
  page(
    routes,
    'GET',
    '/scheduler-stats/get_pools',
    { first: 'scheduler_extension:scheduler_stats:get_pools' },
    async ({ query }) => ({
      status: 200,
      body: { pools: [await pool(parts, isYes(lastOf(query, 'detail') ?? undefined))] },
    }),
  );
  addMessages(routes, parts);
}
