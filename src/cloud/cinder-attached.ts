// Why: whoever takes servers over has to know of many volumes whether they are theirs. Cinder is asked for all attachments at once, page by
// page, and for what is in use, instead of once for each row.

import { unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AttachedVolume } from '../domain/moving/nova-volumes.ts';
import type { CinderHttp, Json } from './cinder-http.ts';
import { attachmentFrom, volumeFrom } from './cinder-shapes.ts';
import { mustHaveList, record, records, textOf, textOrNull } from './answer-values.ts';

/** All of a list, which may have shorter pages than were asked for: it ends with an empty one. */
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
  throw unavailable(`The volume service tells of more ${noun} than can be looked through.`);
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
 * What servers have of Cinder, as its administrator sees it, by the ids of attachments.
 * @throws unavailable where it cannot be asked, or tells without an end
 */
export async function attachedVolumes(http: Pick<CinderHttp, 'ask'>): Promise<ReadonlyMap<string, AttachedVolume>> {
  const volumes = new Map<string, Told>();
  for await (const row of listed(http, 'volumes', { status: 'in-use' })) volumes.set(textOf(row['id']), toldOf(row));
  const found = new Map<string, AttachedVolume>();
  for await (const row of listed(http, 'attachments', {})) {
    const attachment = attachmentFrom(record(row));
    const told = volumes.get(attachment.volumeId);
    const volume = told === undefined ? null : { ...told, host: told.hosts.get(attachment.id) ?? null };
    found.set(attachment.id, { ...attachment, volume });
  }
  return found;
}
