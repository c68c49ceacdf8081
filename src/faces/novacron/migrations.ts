// Why: a VM goes to another node as it runs, or switched off. What is wished of that is answered with what will be: a move has no state here, so
// nothing is promised that nobody would do later.

import { badRequest, conflict, notImplemented } from '../../base/errors.ts';
import type { ComputeClient, Migration } from '../../client/compute.ts';
import { of, route } from '../kit/route.ts';
import { accepted, closed, nodeName } from '../kit/schemas.ts';
import { migration, migrationOptions } from './schemas.ts';

interface MigrateBody {
  readonly target_node_id?: string;
  readonly options?: {
    readonly live_migration?: boolean;
    readonly auto_start?: boolean;
    readonly delete_source?: boolean;
    readonly verify_after_migration?: boolean;
  };
}

function percentOf({ status, progress }: Migration): number | null {
  if (status === 'completed' || status === 'confirmed') return 100;
  const [total, processed] = (['total', 'processed'] as const).map(
    (word) => (progress?.[`memory_${word}_bytes`] ?? 0) + (progress?.[`disk_${word}_bytes`] ?? 0),
  ) as [number, number];
  return total === 0 ? null : Math.min(100, Math.floor((processed / total) * 100));
}

const migrationView = (move: Migration) => ({
  id: move.uuid,
  vm_id: move.instance_uuid,
  type:
    move.migration_type === 'live-migration'
      ? 'live'
      : move.migration_type === 'migration'
        ? 'offline'
        : move.migration_type,
  state: move.status,
  source_node_id: move.source_compute,
  target_node_id: move.dest_compute,
  progress_percent: percentOf(move),
  created_at: move.created_at,
  updated_at: move.updated_at,
});

/** What is done of what was wished, and in what that differs. Throws 501 for what nobody does. */
function effective(
  isLive: boolean,
  { auto_start, delete_source, verify_after_migration }: MigrateBody['options'] = {},
) {
  const notes: string[] = [];
  if (isLive && auto_start === false)
    throw notImplemented('A VM that moves as it runs goes on running: auto_start cannot be false with live_migration.');
  if (!isLive && auto_start !== undefined)
    notes.push(
      'An offline migration leaves a VM as it was: one that ran is started on its new node, one that did not is not.',
    );
  if (!isLive && delete_source === true)
    throw notImplemented(
      'What an offline migration leaves at the source goes when it is confirmed (POST /migrations/{id}/confirm): nothing does that by itself here.',
    );
  if (isLive && delete_source === false)
    notes.push(
      'A live migration leaves nothing at the source, since the VM itself went: delete_source is true in effect.',
    );
  if (verify_after_migration === false)
    notes.push('That the VM is on its new node is always made sure of: verify_after_migration is true in effect.');
  return {
    options: { live_migration: isLive, auto_start: true, delete_source: isLive, verify_after_migration: true },
    notes,
  };
}

async function migrate(compute: ComputeClient, id: string, { target_node_id: host, options }: MigrateBody) {
  const isLive = options?.live_migration ?? false;
  const done = effective(isLive, options);
  const live = { 'os-migrateLive': { host: host ?? null, block_migration: 'auto' } };
  await compute.act(id, isLive ? live : { migrate: host === undefined ? null : { host } });
  const move = await compute.migrations.newestOf(id);
  if (move === undefined) throw conflict('The migration was begun, and is none that you may see.');
  return { ...migrationView(move), target_node_id: move.dest_compute ?? host ?? null, ...done };
}

const OFFLINE = new Set(['finished', 'confirming', 'reverting']);

/** Gives a move up: a live one as long as it is under way, an offline one as long as nobody confirmed it. */
async function cancel(compute: ComputeClient, id: string): Promise<void> {
  const move = await compute.migrations.show(id);
  if (move.migration_type === 'live-migration') await compute.migrations.abort(move.instance_uuid, move.id);
  else if (OFFLINE.has(move.status)) await compute.act(move.instance_uuid, { revertResize: null });
  else throw conflict(`Migration ${id} is ${move.status}: it cannot be cancelled.`);
}

const tag = 'Migration';
const ONE = '/migrations/{migration_id}';

export const migrationRoutes = [
  route<MigrateBody>({
    ...{ method: 'POST', path: '/vms/{vm_id}/migrate', tag, status: 202, answer: migration },
    summary:
      'Move a VM to another node, as it runs (`live_migration`) or switched off. `options` of the answer are what is done, `notes` in what that differs from what was asked for.',
    body: closed({ target_node_id: nodeName, options: closed(migrationOptions) }),
    bodyOptional: true,
    run: (call) => migrate(call.compute, of(call, 'vm_id'), call.body ?? {}),
  }),
  route({
    ...{ method: 'GET', path: ONE, tag, summary: 'Show how a migration stands.', status: 200, answer: migration },
    run: async (call) => migrationView(await call.compute.migrations.show(of(call, 'migration_id'))),
  }),
  route({
    ...{ method: 'POST', path: `${ONE}/cancel`, tag, status: 202, answer: accepted },
    summary: 'Give a migration up: a live one that is under way, or an offline one that nobody confirmed.',
    run: async (call) => {
      await cancel(call.compute, of(call, 'migration_id'));
      return { accepted: 'cancel', id: of(call, 'migration_id') };
    },
  }),
  route({
    ...{ method: 'POST', path: `${ONE}/confirm`, tag, status: 202, answer: accepted },
    summary: 'Confirm an offline migration: what the source kept of the VM goes.',
    run: async (call) => {
      const move = await call.compute.migrations.show(of(call, 'migration_id'));
      if (move.migration_type === 'live-migration') throw badRequest('A live migration has nothing to confirm.');
      await call.compute.act(move.instance_uuid, { confirmResize: null });
      return { accepted: 'confirm', vm_id: move.instance_uuid, id: move.uuid };
    },
  }),
];
