// Why: Cinder has one attachment per host of a server's volume. These are Nova's steps in Nova's order, each idempotent: an attachment that
// an interrupted attempt made is known only to Cinder, and is looked up there.

import { badRequest, Fault, notFound } from '../base/errors.ts';
import { volumeMissing } from '../domain/servers/volumes.ts';
import type { CinderHttp, Json } from './cinder-http.ts';
import { type Attachment, attachmentFrom, connectionFrom, connectorOf, volumeFrom } from './cinder-shapes.ts';
import { mustHaveId, mustHaveList, mustHaveObject, textOf } from './answer-values.ts';
import type { VolumeAttachments, VolumeTarget } from './volume.ts';

const pathOf = (id: string): string => `/attachments/${encodeURIComponent(id)}`;

/** One function per call of Cinder's API. */
function callsOf(http: CinderHttp) {
  const attachment = (body: Json): Attachment =>
    mustHaveId('volume', attachmentFrom(mustHaveObject('volume', body, 'attachment')));
  return {
    /** Throws `notFound` for one that is not there. */
    async show(id: string): Promise<Attachment> {
      const missing = () => notFound(`Attachment ${id} could not be found.`);
      return attachment(await http.ask(null, { method: 'GET', path: pathOf(id), to: 'show an attachment', missing }));
    },
    /** @param of the server, and one volume if it is given */
    async list(of: { readonly serverUuid: string; readonly volumeId?: string }): Promise<readonly Attachment[]> {
      const query = new URLSearchParams({ all_tenants: '1', instance_id: of.serverUuid });
      if (of.volumeId !== undefined) query.set('volume_id', of.volumeId);
      const path = `/attachments/detail?${query.toString()}`;
      const found = await http.ask(null, { method: 'GET', path, to: 'list attachments' });
      return mustHaveList('volume', found, 'attachments')
        .map(attachmentFrom)
        .filter(({ volumeId, serverUuid }) => serverUuid === of.serverUuid && (of.volumeId ?? volumeId) === volumeId);
    },
    /** @param connector null: the volume is only reserved for the server */
    async create(volumeId: string, serverUuid: string, connector: Json | null): Promise<Attachment> {
      const wanted = { volume_uuid: volumeId, instance_uuid: serverUuid };
      const body = { attachment: connector === null ? wanted : { ...wanted, connector } };
      const missing = () => notFound(volumeMissing(volumeId), { code: 'VolumeNotFound' });
      return attachment(
        await http.ask(null, { method: 'POST', path: '/attachments', body, to: 'keep a volume for a server', missing }),
      );
    },
    async update(id: string, connector: Json): Promise<Attachment> {
      const body = { attachment: { connector } };
      return attachment(await http.ask(null, { method: 'PUT', path: pathOf(id), body, to: 'connect a volume' }));
    },
    async complete(id: string): Promise<void> {
      const path = `${pathOf(id)}/action`;
      await http.ask(null, { method: 'POST', path, body: { 'os-complete': null }, to: 'complete an attachment' });
    },
    /** Does nothing if there is no such attachment. */
    async remove(id: string): Promise<void> {
      const gone = notFound(`Attachment ${id} is gone.`);
      const request = { method: 'DELETE', path: pathOf(id), to: 'end an attachment', missing: () => gone } as const;
      await http.ask(null, request).catch((error: unknown) => {
        if (error !== gone) throw error;
      });
    },
    /** The hosts of a volume, by attachment id; only complete attachments have one. */
    async hostsOf(volumeId: string): Promise<ReadonlyMap<string, string>> {
      const path = `/volumes/${encodeURIComponent(volumeId)}`;
      const found = await http.find(null, { path, to: 'show a volume' });
      const all =
        found === null ? [] : mustHaveList('volume', mustHaveObject('volume', found, 'volume'), 'attachments');
      const pairs = all.map((one) => [textOf(one['attachment_id']), textOf(one['host_name'])] as const);
      return new Map(pairs);
    },
  };
}

type Calls = ReturnType<typeof callsOf>;

/** All other attachments of the same server to the same volume. */
const othersOf = async (calls: Calls, { id, volumeId, serverUuid }: Attachment): Promise<readonly Attachment[]> =>
  serverUuid === null ? [] : (await calls.list({ volumeId, serverUuid })).filter((other) => other.id !== id);

/**
 * The attachment for a host: one that is already there, the given one if it has no host yet, or else (the server moves) a new one beside
 * that of the previous host.
 */
async function attachmentAt(
  calls: Calls,
  attachment: Attachment,
  to: VolumeTarget,
  device: string,
): Promise<Attachment> {
  const { id, volumeId, serverUuid } = attachment;
  const others = await othersOf(calls, attachment);
  const hosts = await calls.hostsOf(volumeId);
  const there = [attachment, ...others].find((one) => hosts.get(one.id) === to.host);
  if (there !== undefined) return calls.show(there.id);
  const connector = connectorOf(to, device);
  const elsewhere = [attachment, ...others].some((one) => hosts.has(one.id));
  // left incomplete by a process that died: its host is unknown
  for (const other of others) if (!hosts.has(other.id)) await calls.remove(other.id);
  // Cinder connects a reserved attachment only if no other one is connected
  if (!elsewhere) return calls.update(id, connector);
  if (serverUuid === null) throw badRequest(`Attachment ${id} is of no server.`);
  return calls.create(volumeId, serverUuid, connector);
}

const isMissing = (error: unknown): boolean => error instanceof Fault && error.kind === 'notFound';

/** Marks a volume as `detaching`, so that nobody else uses it meanwhile, or takes that back. */
async function begin(http: CinderHttp, volumeId: string, begins: boolean): Promise<void> {
  const path = `/volumes/${encodeURIComponent(volumeId)}`;
  const found = await http.find(null, { path, to: 'show a volume' });
  if (found === null) return;
  const { status } = volumeFrom(mustHaveObject('volume', found, 'volume'));
  if (status !== (begins ? 'in-use' : 'detaching')) return;
  const body = { [begins ? 'os-begin_detaching' : 'os-roll_detaching']: null };
  await http.ask(null, { method: 'POST', path: `${path}/action`, body, to: 'detach a volume' });
}

export function cinderAttachments(http: CinderHttp): VolumeAttachments {
  const calls = callsOf(http);
  return {
    async reserve(volumeId, serverUuid) {
      const [held] = await calls.list({ volumeId, serverUuid });
      return held?.id ?? (await calls.create(volumeId, serverUuid, null)).id;
    },
    async connect(id, to, device) {
      const attachment = await calls.show(id);
      if (to === null) return { attachmentId: id, connection: null };
      const there = await attachmentAt(calls, attachment, to, device);
      return { attachmentId: there.id, connection: connectionFrom(there.connectionInfo, to) };
    },
    async connectAhead(id, to, device) {
      const there = await attachmentAt(calls, await calls.show(id), to, device);
      const connection = connectionFrom(there.connectionInfo, to);
      // only complete attachments show their host, by which this one is found again
      await calls.complete(there.id);
      return connection;
    },
    async complete(id) {
      const { status } = await calls.show(id);
      // reserved for a server without a host: Nova does not complete it either
      if (status !== 'reserved') await calls.complete(id);
    },
    async disconnect(id) {
      const attachment = await calls.show(id).catch((error: unknown) => {
        if (isMissing(error)) return null;
        throw error;
      });
      if (attachment === null || attachment.serverUuid === null || attachment.status === 'reserved') return id;
      const kept = (await othersOf(calls, attachment)).find(({ status }) => status === 'reserved');
      return kept?.id ?? (await calls.create(attachment.volumeId, attachment.serverUuid, null)).id;
    },
    async endOthers(id) {
      for (const other of await othersOf(calls, await calls.show(id))) await calls.remove(other.id);
    },
    detaching: (volumeId, begins) => begin(http, volumeId, begins),
    release: (id) => calls.remove(id),
    async releaseAll(serverUuid) {
      for (const { id } of await calls.list({ serverUuid })) await calls.remove(id);
    },
  };
}
