// Why: the policy walk needs something of the member's at every path of the volume service, and bodies that succeed for whoever may.

import assert from 'node:assert/strict';
import { newUuid } from '../../src/base/ids.ts';
import type { RouteData } from '../../src/standalone/access.ts';
import type { WalkedCloud } from './walkers.ts';

type Values = Record<string, string>;

/** The last microversion, so that every path is there. */
export const VOLUME_VERSION = { 'OpenStack-API-Version': 'volume 3.68' };

export const volumeTables: readonly string[] = [
  ...['volumes', 'volume_snapshots', 'volume_attachments', 'volume_transfers', 'volume_types', 'volume_type_projects'],
  ...['qos_specs', 'volume_jobs', 'volume_messages', 'volume_quotas'],
];

/** Reads by their method that change what types are given. */
export const volumeReadsThatChange: readonly string[] = [
  'GET /v3/qos-specs/:id/associate',
  'GET /v3/qos-specs/:id/disassociate',
  'GET /v3/qos-specs/:id/disassociate_all',
];

let counter = 0;

/** Makes something as somebody; what the service would do to files counts as done. */
async function made(cloud: WalkedCloud, as: 'member' | 'admin', noun: string, body: object, path = `${noun}s`) {
  const {
    status,
    text,
    body: answer,
  } = await cloud.ask(as, 'POST', `/volume/v3/${path}`, { [noun]: body }, VOLUME_VERSION);
  assert.ok(status < 300, `${path}: ${text}`);
  await cloud.database.write('volumes').where({ status: 'creating' }).update({ status: 'available' });
  await cloud.database.write('volume_snapshots').update({ status: 'available' });
  await cloud.database.write('volume_jobs').delete();
  return answer[noun] as { id: string; auth_key: string };
}

export const madeVolume = async (cloud: WalkedCloud): Promise<string> =>
  (await made(cloud, 'member', 'volume', { size: 1, metadata: { walk: 'yes' } })).id;

async function messageOf(cloud: WalkedCloud): Promise<string> {
  const id = newUuid();
  const project_id = cloud.walkers.member.projectId;
  await cloud.database.write('volume_messages').insert({
    ...{ id, project_id, request_id: 'req-walk', resource_type: 'VOLUME', resource_id: newUuid(), event_id: 'walk' },
    ...{ message: 'walked', created_at: Date.now(), expires_at: Date.now() + 3_600_000 },
  });
  return id;
}

async function typeValues(cloud: WalkedCloud, path: string): Promise<Values> {
  const ofProjects = /access|action/.test(path);
  const name = `walked-${counter}`;
  const extra_specs = { walk: 'yes' };
  const body = { name, extra_specs, 'os-volume-type-access:is_public': !ofProjects };
  return { id: (await made(cloud, 'admin', 'volume_type', body, 'types')).id };
}

async function qosValues(cloud: WalkedCloud, path: string): Promise<Values> {
  const { id } = await made(cloud, 'admin', 'qos_specs', { name: `walked-${counter}`, walk: 'yes' }, 'qos-specs');
  if (!/associate/.test(path)) return { id };
  const type = await typeValues(cloud, '');
  if (path.includes('disassociate')) {
    const associate = `/volume/v3/qos-specs/${id}/associate?vol_type_id=${type['id']}`;
    assert.equal((await cloud.ask('admin', 'GET', associate)).status, 202);
  }
  return { id, query: `?vol_type_id=${type['id']}` };
}

async function quotaValues(cloud: WalkedCloud, method: string): Promise<Values> {
  if (method === 'GET') return { id: cloud.walkers.member.projectId as string };
  const id = `walked-${counter}`;
  const quota_set = { volumes: 6 };
  assert.equal((await cloud.ask('admin', 'PUT', `/volume/v3/os-quota-sets/${id}`, { quota_set })).status, 200);
  return { id };
}

async function transferValues(cloud: WalkedCloud, { path }: RouteData): Promise<Values> {
  const volume_id = await madeVolume(cloud);
  if (!path.includes(':id')) return { volume: volume_id };
  const { id, auth_key } = await made(cloud, 'member', 'transfer', { volume_id }, path.split('/')[2]);
  return { id, auth_key };
}

/** What stands at a path of the volume service, by the names of its parts. */
export async function volumeValues(cloud: WalkedCloud, route: RouteData): Promise<Values> {
  counter += 1;
  const { path, method } = route;
  const volume = () => madeVolume(cloud);
  const kinds: Readonly<Record<string, () => Promise<Values>>> = {
    volumes: async () => ({ id: await volume() }),
    snapshots: async () => {
      const volume_id = await volume();
      if (method === 'POST' && !path.includes(':id')) return { volume: volume_id };
      return { id: (await made(cloud, 'member', 'snapshot', { volume_id, metadata: { walk: 'yes' } })).id };
    },
    attachments: async () => {
      const volume_uuid = await volume();
      if (method === 'POST' && !path.includes(':id')) return { volume: volume_uuid };
      const connector = path.endsWith('action') ? { connector: { host: 'walk' } } : {};
      return { id: (await made(cloud, 'member', 'attachment', { volume_uuid, ...connector })).id };
    },
    'os-volume-transfer': () => transferValues(cloud, route),
    'volume-transfers': () => transferValues(cloud, route),
    messages: async () => ({ id: await messageOf(cloud) }),
    types: () => typeValues(cloud, path),
    'qos-specs': () => qosValues(cloud, path),
    'os-quota-sets': () => quotaValues(cloud, method),
    'os-quota-class-sets': async () => ({ id: 'default' }),
  };
  const values = (await kinds[path.split('/')[2] ?? '']?.()) ?? {};
  return { ...values, key: 'walk', host: 'volumes@directory' };
}

/** What is sent, so that whoever may succeeds. */
export function volumeBody(cloud: WalkedCloud, { method, path }: RouteData, values: Values): object {
  counter += 1;
  const { volume } = values;
  if (path.endsWith(':key')) return path.includes('extra_specs') ? { walk: 'new' } : { meta: { walk: 'new' } };
  if (path.endsWith('/metadata')) return { metadata: { walk: 'new' } };
  if (path.endsWith('/extra_specs')) return { extra_specs: { walk: 'new' } };
  if (path.endsWith('/delete_keys')) return { keys: ['walk'] };
  if (path.endsWith('/accept')) return { accept: { auth_key: values['auth_key'] } };
  const bodies: Readonly<Record<string, object>> = {
    '/v3/volumes': { volume: { size: 1 } },
    '/v3/volumes/:id': { volume: { name: 'walked' } },
    '/v3/volumes/:id/action': { 'os-set_bootable': { bootable: true } },
    '/v3/snapshots': { snapshot: { volume_id: volume } },
    '/v3/snapshots/:id': { snapshot: { name: 'walked' } },
    '/v3/snapshots/:id/action': { 'os-reset_status': { status: 'error' } },
    '/v3/attachments': { attachment: { volume_uuid: volume } },
    '/v3/attachments/:id': { attachment: { connector: { host: 'walk' } } },
    '/v3/attachments/:id/action': { 'os-complete': {} },
    '/v3/os-volume-transfer': { transfer: { volume_id: volume } },
    '/v3/volume-transfers': { transfer: { volume_id: volume } },
    '/v3/types': { volume_type: { name: `walk-${counter}` } },
    '/v3/types/:id': { volume_type: { description: 'walked' } },
    '/v3/types/:id/action': { addProjectAccess: { project: cloud.walkers.member.projectId } },
    '/v3/qos-specs': { qos_specs: { name: `walk-${counter}` } },
    '/v3/qos-specs/:id': { qos_specs: { walk: 'new' } },
    '/v3/os-quota-sets/:id': { quota_set: { volumes: 7 } },
    '/v3/os-quota-class-sets/:id': { quota_class_set: { volumes: 7 + counter } },
    ...{ '/v3/groups': {}, '/v3/group_snapshots': {}, '/v3/group_types': {}, '/v3/types/:id/encryption': {} },
  };
  const body = bodies[path];
  assert.ok(body !== undefined, `${method} ${path} has no body here`);
  return body;
}

/** The rule by which somebody may know of what stands at a path. */
export function volumeSeen(path: string): string {
  const [, , kind = ''] = path.split('/');
  const rules: Readonly<Record<string, string>> = {
    volumes: 'volume:get',
    snapshots: 'volume:get_snapshot',
    attachments: 'volume:get_all_attachments',
    messages: 'message:get',
  };
  return rules[kind] ?? 'volume:get_transfer';
}
