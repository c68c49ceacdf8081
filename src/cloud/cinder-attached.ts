// Why: taking over servers needs the attachments of many volumes. Two paged lists of Cinder (all attachments, all volumes in use) replace one
// request per volume.

import { unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AttachedVolume } from '../domain/moving/nova-volumes.ts';
import type { CinderHttp, Json } from './cinder-http.ts';
import { attachmentFrom, volumeFrom } from './cinder-shapes.ts';
import { mustHaveList, records, textOf, textOrNull } from './answer-values.ts';

/** All rows of a list. Pages may be shorter than requested; the list ends with an empty one. */
async function* listed(
  http: Pick<CinderHttp, 'ask'>,
  noun: 'attachments' | 'volumes',
  filter: Readonly<Record<string, string>>,
): AsyncGenerator<Json> {
  let marker: string | null = null;
  for (let page = 0; page < limits.movingPages; page += 1) {
    const query = new URLSearchParams({ ...filter, all_tenants: '1', limit: String(limits.pageSize) });
    if (marker !== null) query.set('marker', marker);
    const found = await http.ask(null, {
      method: 'GET',
      path: `/${noun}/detail?${query.toString()}`,
      to: `list ${noun}`,
    });
    const rows = mustHaveList('volume', found, noun);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    marker = textOf(last['id']);
  }
  throw unavailable(`The volume service lists more ${noun} than can be read.`);
}

type Told = Omit<NonNullable<AttachedVolume['volume']>, 'host'> & {
  readonly hosts: ReadonlyMap<string, string | null>;
};

function toldOf(row: Json): Told {
  const { projectId, sizeGb } = volumeFrom(row);
  const attachments = records(row['attachments']);
  return {
    ...{ projectId, sizeGb, servers: new Set(attachments.map((one) => textOf(one['server_id']))).size },
    isEncrypted: row['encrypted'] === true,
    isShared: row['multiattach'] === true,
    hosts: new Map(attachments.map((one) => [textOf(one['attachment_id']), textOrNull(one['host_name'])])),
  };
}

/**
 * The attachments of servers, by id, as an administrator of Cinder sees them.
 * @throws unavailable where Cinder cannot be reached, or lists without end
 */
export async function attachedVolumes(http: Pick<CinderHttp, 'ask'>): Promise<ReadonlyMap<string, AttachedVolume>> {
  const volumes = new Map<string, Told>();
  for await (const row of listed(http, 'volumes', { status: 'in-use' })) volumes.set(textOf(row['id']), toldOf(row));
  const found = new Map<string, AttachedVolume>();
  for await (const row of listed(http, 'attachments', {})) {
    const attachment = attachmentFrom(row);
    const told = volumes.get(attachment.volumeId);
    const volume = told === undefined ? null : { ...told, host: told.hosts.get(attachment.id) ?? null };
    found.set(attachment.id, { ...attachment, volume });
  }
  return found;
}
