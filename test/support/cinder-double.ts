// Why: what compute does with Cinder is tried against failures of each call, which the real one does not fail at when it is told to. This
// one keeps volumes, snapshots and attachments by Cinder's own rules (those of its API and volume manager, release 21), and its answers
// can be refused or lost.

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

// oxlint-disable-next-line typescript/no-explicit-any -- it is what clients send
type Json = Record<string, any>;

export interface DoubleVolume extends Json {
  readonly id: string;
  status: string;
}

export interface DoubleAttachment {
  readonly id: string;
  readonly volumeId: string;
  readonly serverUuid: string | null;
  status: 'reserved' | 'attaching' | 'attached';
  host: string | null;
  device: string | null;
  info: Json;
}

export interface DoubleSnapshot extends Json {
  readonly id: string;
  readonly volume_id: string;
  status: string;
}

/** What becomes of one request: it is not taken; it is, and nobody hears of it; somebody else says that all is well. */
export type Mishap = 'refused' | 'lost' | 'answered by a stranger';

export interface Asked {
  readonly method: string;
  /** Below the project. */
  readonly path: string;
  readonly token: string;
  readonly serviceToken: string;
  readonly version: string;
  readonly body: Json;
}

export interface CinderDouble {
  readonly endpoint: string;
  readonly volumes: Map<string, DoubleVolume>;
  readonly snapshots: Map<string, DoubleSnapshot>;
  readonly attachments: Map<string, DoubleAttachment>;
  readonly asked: Asked[];
  /** How the storage is reached; default: Ceph. */
  info: (volume: DoubleVolume, connector: Json) => Json;
  /** The newest version that it speaks. */
  newest: string;
  /** The longest page of a list (osapi_max_limit). */
  longestPage: number;
  /** Gigabytes that a project may have. */
  gigabytes: number;
  /** What becomes of the data that images bring. */
  reimages: 'done' | 'error';
  /** What becomes of snapshots. */
  snapshotsAre: 'available' | 'error';
  /** The n-th request from now on ends so; 0: none does. */
  failAt(n: number, mishap: Mishap): void;
  /** How many requests came since. */
  count(): number;
  stop(): Promise<void>;
}

/** Who shows which token: his project, and whether he is an administrator or a service. */
export interface Known {
  readonly project: string;
  readonly isAdmin?: boolean;
  readonly isService?: boolean;
}

class Refusal extends Error {
  readonly status: number;
  readonly kind: string;
  constructor(status: number, kind: string, message: string) {
    super(message);
    this.status = status;
    this.kind = kind;
  }
}

const missing = (noun: string, id: string) => new Refusal(404, 'itemNotFound', `${noun} ${id} could not be found.`);
const invalid = (why: string) => new Refusal(400, 'badRequest', `Invalid volume: ${why}`);

/** An image of Ceph, as Cinder's driver tells of it. */
export const rbdInfo = (volume: Json): Json => ({
  driver_volume_type: 'rbd',
  ...{ name: `volumes/volume-${volume['id']}`, hosts: ['10.0.0.1', '10.0.0.2'], ports: ['6789', '6789'] },
  ...{ auth_enabled: true, auth_username: 'cinder', secret_uuid: '457eb676-33da-42ec-9a8c-9293d545c337' },
  ...{ secret_type: 'ceph', access_mode: 'rw', encrypted: false, discard: true, qos_specs: null },
});

/** A unit of an iSCSI target, another one for each host. */
export const iscsiInfo = (volume: Json, connector: Json): Json => ({
  driver_volume_type: 'iscsi',
  target_iqn: `iqn.2010-10.org.openstack:volume-${volume['id']}`,
  ...{ target_portal: '10.0.0.9:3260', target_lun: Number(String(connector['host']).at(-1)) || 1 },
  ...{ auth_method: 'CHAP', auth_username: 'chap-user', auth_password: `secret-of-${connector['host']}` },
  ...{ access_mode: 'rw', encrypted: false, target_discovered: false },
});

type Request = Asked & { readonly who: Known; readonly url: URL };
type Handler = (request: Request, id: string) => Json | null;

function shown(double: CinderDouble, volume: DoubleVolume, who: Known): Json {
  const attachments = [...double.attachments.values()]
    .filter((one) => one.volumeId === volume.id && one.status === 'attached')
    .map((one) => ({
      ...{ id: volume.id, attachment_id: one.id, volume_id: volume.id, server_id: one.serverUuid, device: one.device },
      host_name: who.isAdmin ? one.host : null,
    }));
  return { ...volume, attachments };
}

const attachmentView = ({ id, status, serverUuid, volumeId, info }: DoubleAttachment): Json => ({
  ...{ id, status, instance: serverUuid, volume_id: volumeId, attach_mode: 'rw', connection_info: info },
});

function makeHandlers(double: CinderDouble): readonly (readonly [string, RegExp, Handler])[] {
  const { volumes, snapshots, attachments } = double;
  const seen = <T extends Json>(all: Map<string, T>, noun: string, id: string, who: Known): T => {
    const one = all.get(id);
    if (one === undefined || (!who.isAdmin && one['os-vol-tenant-attr:tenant_id'] !== who.project))
      throw missing(noun, id);
    return one;
  };
  const attachment = (id: string): DoubleAttachment => {
    const found = attachments.get(id);
    if (found === undefined) throw missing('Volume attachment', id);
    return found;
  };
  const of = (volumeId: string) => [...attachments.values()].filter((one) => one.volumeId === volumeId);
  const connect = (one: DoubleAttachment, volume: DoubleVolume, connector: Json): void => {
    if (connector['host'] === undefined) throw new Refusal(400, 'badRequest', 'Invalid connector');
    one.info = { ...double.info(volume, connector), attachment_id: one.id };
    Object.assign(one, { status: 'attaching', host: connector['host'], device: connector['mountpoint'] ?? null });
    if (volume.status === 'reserved') volume.status = 'attaching';
  };
  const follow = (volume: DoubleVolume): void => {
    const left = of(volume.id);
    if (left.some(({ status }) => status === 'attached')) volume.status = 'in-use';
    else if (left.some(({ status }) => status === 'attaching')) volume.status = 'attaching';
    else volume.status = left.length > 0 ? 'reserved' : 'available';
  };
  const matches = (one: Json, url: URL): boolean => {
    const mark = /'([^']+)'\s*:\s*'([^']+)'/.exec(url.searchParams.get('metadata') ?? '');
    return mark === null || one['metadata']?.[mark[1] ?? ''] === mark[2];
  };
  /** What follows the marker, as much as was asked for. */
  const page = <T extends { readonly id: string }>(all: readonly T[], url: URL): readonly T[] => {
    const marker = url.searchParams.get('marker');
    const from = marker === null ? 0 : all.findIndex(({ id }) => id === marker) + 1;
    return all.slice(from, from + Math.min(Number(url.searchParams.get('limit') ?? Infinity), double.longestPage));
  };
  const listed = <T extends Json>(all: Map<string, T>, { who, url }: Request): T[] =>
    [...all.values()].filter(
      (one) => (who.isAdmin || one['os-vol-tenant-attr:tenant_id'] === who.project) && matches(one, url),
    );
  const act: Readonly<Record<string, (volume: DoubleVolume, body: Json, request: Request) => void>> = {
    'os-begin_detaching'(volume) {
      if (volume.status !== 'in-use') throw invalid(`status must be in-use, it is ${volume.status}`);
      volume.status = 'detaching';
    },
    'os-roll_detaching'(volume) {
      if (volume.status === 'detaching') volume.status = 'in-use';
    },
    'os-reimage'(volume, body, { version }) {
      if (version !== 'volume 3.68') throw new Refusal(404, 'itemNotFound', 'There is no such action');
      const reserved = volume.status === 'reserved' && body['reimage_reserved'] === true;
      if (!reserved && !['available', 'error'].includes(volume.status)) throw invalid(`it is ${volume.status}`);
      if (double.reimages === 'error') volume.status = 'error';
      else volume['volume_image_metadata'] = { image_id: body['image_id'] };
    },
  };
  return [
    ['GET', /^\/$/, () => ({ versions: [{ id: 'v3.0', version: double.newest, min_version: '3.0' }] })],
    [
      'GET',
      /^\/volumes(?:\/detail)?$/,
      (request) => {
        const status = request.url.searchParams.get('status');
        const found = listed(volumes, request).filter((one) => status === null || one.status === status);
        return { volumes: page(found, request.url).map((one) => shown(double, one, request.who)) };
      },
    ],
    [
      'POST',
      /^\/volumes$/,
      ({ body, who }) => {
        const { volume: asked } = body as { volume: Json };
        const from = snapshots.get(asked['snapshot_id'] ?? '');
        if (asked['snapshot_id'] !== undefined && from === undefined) throw missing('Snapshot', asked['snapshot_id']);
        const size = asked['size'] ?? from?.['size'];
        if (!(size > 0)) throw new Refusal(400, 'badRequest', "Invalid input received: 'size' parameter must be given");
        const used = [...volumes.values()].reduce((sum, one) => sum + one['size'], 0);
        if (used + size > double.gigabytes)
          throw new Refusal(
            413,
            'overLimit',
            'VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota.',
          );
        const image = asked['imageRef'] === undefined ? (from?.['imageOf'] ?? null) : { image_id: asked['imageRef'] };
        const made: DoubleVolume = {
          ...{
            id: randomUUID(),
            status: 'available',
            size,
            name: asked['name'] ?? null,
            metadata: asked['metadata'] ?? {},
          },
          ...{ description: null, availability_zone: 'nova', volume_type: asked['volume_type'] ?? null },
          ...{
            bootable: String(image !== null),
            snapshot_id: asked['snapshot_id'] ?? null,
            created_at: '2026-01-01T00:00:00.000000',
          },
          ...(image !== null && { volume_image_metadata: image }),
          'os-vol-tenant-attr:tenant_id': who.project,
        };
        volumes.set(made.id, made);
        return { volume: { ...shown(double, made, who), status: 'creating' } };
      },
    ],
    [
      'GET',
      /^\/volumes\/([^/]+)$/,
      ({ who }, id) => ({ volume: shown(double, seen(volumes, 'Volume', id, who), who) }),
    ],
    [
      'DELETE',
      /^\/volumes\/([^/]+)$/,
      ({ who }, id) => {
        const volume = seen(volumes, 'Volume', id, who);
        if ([...snapshots.values()].some((one) => one.volume_id === id)) throw invalid('it has snapshots');
        if (!['available', 'error'].includes(volume.status)) throw invalid(`its status is ${volume.status}`);
        volumes.delete(id);
        return null;
      },
    ],
    [
      'POST',
      /^\/volumes\/([^/]+)\/action$/,
      (request, id) => {
        const volume = seen(volumes, 'Volume', id, request.who);
        const [name = '', body] = Object.entries(request.body)[0] ?? [];
        const action = act[name];
        if (action === undefined) throw new Refusal(400, 'badRequest', `There is no such action: ${name}`);
        action(volume, (body ?? {}) as Json, request);
        return null;
      },
    ],
    ['GET', /^\/snapshots(?:\/detail)?$/, (request) => ({ snapshots: listed(snapshots, request) })],
    [
      'POST',
      /^\/snapshots$/,
      ({ body, who }) => {
        const { snapshot: asked } = body as { snapshot: Json };
        const volume = seen(volumes, 'Volume', asked['volume_id'], who);
        if (volume.status !== 'available' && asked['force'] !== true) throw invalid(`its status is ${volume.status}`);
        const made: DoubleSnapshot = {
          ...{ id: randomUUID(), volume_id: volume.id, status: double.snapshotsAre, size: volume['size'] },
          ...{ name: asked['name'] ?? null, description: null, metadata: asked['metadata'] ?? {} },
          ...{ created_at: '2026-01-01T00:00:00.000000', imageOf: volume['volume_image_metadata'] ?? null },
          'os-vol-tenant-attr:tenant_id': who.project,
        };
        snapshots.set(made.id, made);
        return { snapshot: { ...made, status: 'creating' } };
      },
    ],
    ['GET', /^\/snapshots\/([^/]+)$/, ({ who }, id) => ({ snapshot: seen(snapshots, 'Snapshot', id, who) })],
    [
      'DELETE',
      /^\/snapshots\/([^/]+)$/,
      ({ who }, id) => {
        seen(snapshots, 'Snapshot', id, who);
        snapshots.delete(id);
        return null;
      },
    ],
    [
      'GET',
      /^\/attachments\/detail$/,
      ({ url, who }) => {
        const volumeId = url.searchParams.get('volume_id');
        const server = url.searchParams.get('instance_id');
        if (!who.isAdmin || url.searchParams.get('all_tenants') !== '1') return { attachments: [] };
        const found = [...attachments.values()].filter(
          (one) => (volumeId === null || one.volumeId === volumeId) && (server === null || one.serverUuid === server),
        );
        return { attachments: page(found, url).map(attachmentView) };
      },
    ],
    [
      'POST',
      /^\/attachments$/,
      ({ body, who }) => {
        const { volume_uuid: volumeId, instance_uuid: serverUuid = null, connector } = body['attachment'] as Json;
        const volume = seen(volumes, 'Volume', volumeId, who);
        if (volume.status.includes('error'))
          throw invalid('Volume attachments can not be created if the volume is in an error state.');
        const isIts =
          ['in-use', 'reserved'].includes(volume.status) && of(volumeId).some((one) => one.serverUuid === serverUuid);
        if (volume.status === 'available' || volume.status === 'downloading') volume.status = 'reserved';
        else if (!isIts)
          throw invalid(
            `Volume ${volumeId} status must be available or downloading to reserve, but the current status is ${volume.status}.`,
          );
        const made: DoubleAttachment = {
          ...{ id: randomUUID(), volumeId, serverUuid, status: 'reserved', host: null, device: null, info: {} },
        };
        attachments.set(made.id, made);
        if (connector) connect(made, volume, connector);
        return { attachment: attachmentView(made) };
      },
    ],
    ['GET', /^\/attachments\/([^/]+)$/, (_request, id) => ({ attachment: attachmentView(attachment(id)) })],
    [
      'PUT',
      /^\/attachments\/([^/]+)$/,
      ({ body, who }, id) => {
        const one = attachment(id);
        const volume = seen(volumes, 'Volume', one.volumeId, who);
        const all = of(volume.id);
        if (all.length > 1 && all.some(({ info }) => Object.keys(info).length > 0))
          throw invalid(`duplicate connectors detected on volume ${volume.id}`);
        connect(one, volume, (body['attachment'] as Json)['connector'] as Json);
        return { attachment: attachmentView(one) };
      },
    ],
    [
      'POST',
      /^\/attachments\/([^/]+)\/action$/,
      (_request, id) => {
        const one = attachment(id);
        one.status = 'attached';
        (volumes.get(one.volumeId) as DoubleVolume).status = 'in-use';
        return null;
      },
    ],
    [
      'DELETE',
      /^\/attachments\/([^/]+)$/,
      ({ serviceToken }, id) => {
        const one = attachment(id);
        if (one.serverUuid !== null && Object.keys(one.info).length > 0 && serviceToken === '')
          throw new Refusal(
            409,
            'conflictingRequest',
            `Detach volume from instance ${one.serverUuid} using the Compute API`,
          );
        attachments.delete(id);
        const volume = volumes.get(one.volumeId);
        if (volume !== undefined) follow(volume);
        return { attachments: [] };
      },
    ],
  ];
}

/** @param known by their tokens */
export async function startCinderDouble(known: Readonly<Record<string, Known>>): Promise<CinderDouble> {
  let [count, failing] = [0, { at: 0, how: 'refused' as Mishap }];
  const double: CinderDouble = {
    ...{ endpoint: '', volumes: new Map(), snapshots: new Map(), attachments: new Map(), asked: [] },
    ...{
      info: rbdInfo,
      newest: '3.70',
      longestPage: 1_000,
      gigabytes: 1_000,
      reimages: 'done',
      snapshotsAre: 'available',
    },
    failAt(n, how) {
      [count, failing] = [0, { at: n, how }];
    },
    count: () => count,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const handlers = makeHandlers(double);

  function take(request: Omit<Request, 'who' | 'path'>, pathname: string): Json | null {
    if (pathname === '/') return handlers[0]?.[2]({ ...request, path: '/', who: { project: '' } }, '') ?? null;
    const who = known[request.token];
    const strange = request.serviceToken !== '' && known[request.serviceToken]?.isService !== true;
    if (who === undefined || strange)
      throw new Refusal(401, 'unauthorized', 'The request you have made requires authentication.');
    const [, project = '', path = ''] = /^\/v3\/([^/]+)(\/.*)$/.exec(pathname) ?? [];
    if (project !== who.project) throw new Refusal(400, 'badRequest', 'Malformed request url');
    double.asked.push({ ...request, path });
    for (const [method, pattern, handle] of handlers) {
      const found = method === request.method ? pattern.exec(path) : null;
      if (found !== null) return handle({ ...request, path, who }, found[1] ?? '');
    }
    throw new Refusal(404, 'itemNotFound', 'The resource could not be found.');
  }

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', 'http://cinder');
    const sent = await text(incoming);
    const header = (name: string) => String(incoming.headers[name] ?? '');
    const request = {
      ...{ method: incoming.method ?? '', url, body: sent === '' ? {} : (JSON.parse(sent) as Json) },
      ...{
        token: header('x-auth-token'),
        serviceToken: header('x-service-token'),
        version: header('openstack-api-version'),
      },
    };
    count += 1;
    const fails = count === failing.at;
    const say = (status: number, body: Json | null) => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(body === null ? '' : JSON.stringify(body));
    };
    if (fails && failing.how === 'refused') return say(503, { serviceUnavailable: { message: 'not now' } });
    if (fails && failing.how === 'answered by a stranger') {
      response.writeHead(200, { 'Content-Type': 'text/html' });
      return void response.end('<html><body>Down for maintenance</body></html>');
    }
    try {
      const body = take(request, url.pathname);
      // as a proxy before it says that gave up waiting: a broken connection is asked once more, and hides nothing
      if (fails) return say(504, null);
      say(url.pathname === '/' ? 300 : body === null ? 202 : 200, body);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      say(error.status, { [error.kind]: { code: error.status, message: error.message } });
    }
  }

  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => {
      response.writeHead(500);
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(double, { endpoint });
}
