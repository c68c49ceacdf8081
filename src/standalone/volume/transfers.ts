// Why: a volume goes from one project to another by an offer and a key that only the taker is told.

import { createHash, randomBytes } from 'node:crypto';
import { isSameText } from '../../base/same-text.ts';
import { badRequest } from '../../base/errors.ts';
import { isoMicros } from '../../base/clock.ts';
import { newUuid } from '../../base/ids.ts';
import { snapshotsOf, updateSnapshot } from '../../db/volume-snapshots.ts';
import {
  deleteTransferRow,
  findTransfer,
  insertTransfer,
  type StoredTransfer,
  transferNoun,
} from '../../db/volume-transfers.ts';
import { lockVolume, pageOfRows, updateVolume } from '../../db/volumes.ts';
import { tx } from '../../db/tx.ts';
import { mustBegin } from '../../domain/volumes/status.ts';
import type { Routes } from '../http.ts';
import { listQueryOf, type ListWords } from './list-query.ts';
import type { VolumeParts } from './parts.ts';
import { checkQuota } from './quota.ts';
import { mustMay, seen, targetOf, transferMissing, volumeMissing } from './rules.ts';
import { acceptedTransfer, newTransfer, saysYes } from './schemas.ts';
import { bodyBy, page, projectOf, type Visit } from './web.ts';

const words: ListWords = {
  filters: { id: { column: 'id' }, name: { column: 'name' }, volume_id: { column: 'volume_id' } },
  sorts: { id: 'id', name: 'name', created_at: 'created_at' },
};

const hashOf = (salt: string, key: string): string => createHash('sha256').update(`${salt}:${key}`).digest('hex');

const view = ({ base }: Visit, path: string, transfer: StoredTransfer, more: object = {}): object => ({
  ...{ id: transfer.id, name: transfer.name, volume_id: transfer.volumeId },
  links: [
    { rel: 'self', href: `${base}${path}/${transfer.id}` },
    { rel: 'bookmark', href: `${base.replace(/\/v3/, '')}${path}/${transfer.id}` },
  ],
  ...more,
});

/** What is shown of one by itself: the older place never tells of snapshots. */
const details = ({ minor }: Visit, since: number, transfer: StoredTransfer): object => ({
  created_at: isoMicros(transfer.createdAt).replace(/Z$/, ''),
  ...(since > 0 && minor >= 55 ? { no_snapshots: transfer.noSnapshots } : {}),
  ...(since > 0 && minor >= 57
    ? { source_project_id: transfer.projectId, destination_project_id: null, accepted: false }
    : {}),
});

async function offer(parts: VolumeParts, visit: Visit): Promise<{ transfer: StoredTransfer; key: string }> {
  const { transfer: body } = await bodyBy<{
    transfer: { volume_id: string; name?: string | null; no_snapshots?: unknown };
  }>(visit, newTransfer);
  const { allows, clock, database } = parts;
  // as long as Cinder's: a dashboard's form takes no more
  const key = randomBytes(8).toString('hex');
  const salt = randomBytes(8).toString('hex');
  const transfer = await tx(database, async (t) => {
    const volume = seen(
      allows,
      visit.caller,
      'volume:get',
      await lockVolume(t, body.volume_id),
      volumeMissing(body.volume_id),
    );
    mustMay(allows, visit.caller, 'volume:create_transfer', volume);
    mustBegin('transfer', volume);
    const made: StoredTransfer = {
      ...{ id: newUuid(), volumeId: volume.id, projectId: volume.projectId, name: body.name ?? null },
      ...{ salt, keyHash: hashOf(salt, key), noSnapshots: saysYes(body.no_snapshots) },
      createdAt: clock.now(),
    };
    await insertTransfer(t, made);
    await updateVolume(t, volume.id, { status: 'awaiting-transfer', updatedAt: clock.now() });
    return made;
  });
  return { transfer, key };
}

/** The taker need not see the volume: who has the key may have it. */
async function accept(parts: VolumeParts, visit: Visit): Promise<StoredTransfer> {
  const { accept: body } = await bodyBy<{ accept: { auth_key: string } }>(visit, acceptedTransfer);
  const { clock, database, quota } = parts;
  const id = visit.params['id'] ?? '';
  const projectId = projectOf(visit);
  return tx(database, async (t) => {
    const transfer = await findTransfer(t, id);
    if (transfer === null) throw transferMissing(id);
    if (!isSameText(hashOf(transfer.salt, body.auth_key), transfer.keyHash)) {
      throw badRequest(`Invalid auth key: Attempt to transfer ${id} with invalid auth key.`);
    }
    const volume = await lockVolume(t, transfer.volumeId);
    if (volume === null) throw volumeMissing(transfer.volumeId);
    if (volume.status !== 'awaiting-transfer') throw badRequest(`Invalid volume: its status is ${volume.status}.`);
    const snapshots = await snapshotsOf(t, volume.id);
    const moved = transfer.noSnapshots ? [] : snapshots;
    if (transfer.noSnapshots && snapshots.length > 0)
      throw badRequest('Invalid volume: it has snapshots, which the offer leaves out.');
    const gigabytes = volume.sizeGb + moved.reduce((sum, { sizeGb }) => sum + sizeGb, 0);
    await checkQuota(t, quota, projectId, { volumes: 1, snapshots: moved.length, gigabytes, volumeGb: volume.sizeGb });
    const now = clock.now();
    const owner = { projectId, userId: visit.caller.userId, updatedAt: now };
    await updateVolume(t, volume.id, { ...owner, status: 'available' });
    for (const snapshot of moved) await updateSnapshot(t, snapshot.id, owner);
    await deleteTransferRow(t, id);
    return transfer;
  });
}

async function takeBack(parts: VolumeParts, visit: Visit): Promise<void> {
  const { allows, clock, database } = parts;
  const id = visit.params['id'] ?? '';
  await tx(database, async (t) => {
    const transfer = seen(allows, visit.caller, 'volume:get_transfer', await findTransfer(t, id), transferMissing(id));
    mustMay(allows, visit.caller, 'volume:delete_transfer', transfer);
    const volume = await lockVolume(t, transfer.volumeId);
    await deleteTransferRow(t, id);
    if (volume?.status === 'awaiting-transfer')
      await updateVolume(t, volume.id, { status: 'available', updatedAt: clock.now() });
  });
}

function addAt(routes: Routes, parts: VolumeParts, path: string, since: number): void {
  const { allows, database } = parts;
  for (const [where, detailed] of [
    [`${path}/detail`, true],
    [path, false],
  ] as const) {
    page(
      routes,
      'GET',
      where,
      { first: 'volume:get_all_transfers', also: ['volume:get_transfer'] },
      async (visit) => {
        const { choice, page: asked } = listQueryOf(visit, words);
        const found = (await pageOfRows(database.read, transferNoun, choice, asked)) ?? [];
        const seenOnes = found.filter((one) => allows(visit.caller, 'volume:get_transfer', targetOf(one)));
        return {
          status: 200,
          body: {
            transfers: seenOnes.map((one) => view(visit, path, one, detailed ? details(visit, since, one) : {})),
          },
        };
      },
      { since },
    );
  }
  page(
    routes,
    'POST',
    path,
    { first: 'volume:create_transfer', also: ['volume:get'] },
    async (visit) => {
      const { transfer, key } = await offer(parts, visit);
      return {
        status: 202,
        body: {
          transfer: view(visit, path, transfer, {
            auth_key: key,
            ...details(visit, since, transfer),
          }),
        },
      };
    },
    { since },
  );
  page(
    routes,
    'GET',
    `${path}/:id`,
    { of: 'volume:get_transfer' },
    async (visit) => {
      const { id = '' } = visit.params;
      const transfer = seen(
        allows,
        visit.caller,
        'volume:get_transfer',
        await findTransfer(database.read, id),
        transferMissing(id),
      );
      return { status: 200, body: { transfer: view(visit, path, transfer, details(visit, since, transfer)) } };
    },
    { since },
  );
  page(
    routes,
    'POST',
    `${path}/:id/accept`,
    { first: 'volume:accept_transfer' },
    async (visit) => ({ status: 202, body: { transfer: view(visit, path, await accept(parts, visit)) } }),
    { since },
  );
  page(
    routes,
    'DELETE',
    `${path}/:id`,
    { of: 'volume:delete_transfer', also: ['volume:get_transfer'] },
    async (visit) => {
      await takeBack(parts, visit);
      return { status: 202 };
    },
    { since },
  );
}

/** At the old place, and at the one since 3.55. */
export function addTransferRoutes(routes: Routes, parts: VolumeParts): void {
  addAt(routes, parts, '/os-volume-transfer', 0);
  addAt(routes, parts, '/volume-transfers', 55);
}
