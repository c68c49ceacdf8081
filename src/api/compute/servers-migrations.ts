// Why: a live migration takes its time; while it does, one sees how far it is, and may hurry it or give it up.

import { notFound } from '../../base/errors.ts';
import { history, versioned } from '../../base/history.ts';
import { findMigration, liveMigrationsOf } from '../../db/migrations.ts';
import { isLiveInProgress, type ServerMigration } from '../../domain/servers/migrations.ts';
import { closed, none, noQuery } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { viewOf } from '../view.ts';
import { migrationChanges, type MigrationField, migrationFields } from './migration-fields.ts';

/** Nova's schema knows no transfer of nothing: none is null. */
const bytes = (count: number | null): number | null => (count === 0 ? null : count);

const fields = history<MigrationField>(
  {
    ...migrationFields,
    server_uuid: (move) => move.serverUuid,
    memory_total_bytes: ({ memory }) => bytes(memory.total),
    memory_processed_bytes: ({ memory }) => bytes(memory.processed),
    memory_remaining_bytes: ({ memory }) => bytes(memory.remaining),
    disk_total_bytes: ({ disk }) => bytes(disk.total),
    disk_processed_bytes: ({ disk }) => bytes(disk.processed),
    disk_remaining_bytes: ({ disk }) => bytes(disk.remaining),
  },
  migrationChanges,
);

/** Whether one that has not begun yet can be given up, too. */
const queuedToo = versioned(false, ['2.65', true]);

async function show({ services, params, target }: Call<'server'>): Promise<ServerMigration> {
  const id = params['migration_id'] as string;
  const { uuid } = target;
  const found = /^\d{1,9}$/.test(id) ? await findMigration(services.db, Number(id)) : null;
  if (found === null || found.serverUuid !== uuid) {
    throw notFound(`In-progress live migration ${id} is not found for server ${uuid}.`);
  }
  if (found.type !== 'live-migration') throw notFound(`Migration ${id} for server ${uuid} is not live-migration.`);
  if (!isLiveInProgress(found)) throw notFound(`Live migration ${id} for server ${uuid} is not in progress.`);
  return found;
}

export default resource({
  'GET /servers/:server_id/migrations': route<'server'>()({
    summary: 'List the live migrations of a server that are under way.',
    policy: 'os_compute_api:servers:migrations:index',
    alsoAsks: ['os_compute_api:servers:migrations:index:host'],
    target: 'server',
    since: '2.23',
    query: noQuery,
    status: 200,
    run: ({ services, target }) => liveMigrationsOf(services.db, target.uuid),
    shows: fields,
    view: (moves, call) => {
      const hosts = call.allows('os_compute_api:servers:migrations:index:host');
      return { migrations: moves.map(viewOf(fields, call.op.minor, { url: call.url, hosts })) };
    },
  }),
  'GET /servers/:server_id/migrations/:migration_id': route<'server'>()({
    summary: 'Show a live migration that is under way.',
    policy: 'os_compute_api:servers:migrations:show',
    target: 'server',
    since: '2.23',
    query: noQuery,
    status: 200,
    run: show,
    shows: fields,
    view: (found, { op, url }) => ({ migration: viewOf(fields, op.minor, { url, hosts: true })(found) }),
  }),
  'DELETE /servers/:server_id/migrations/:migration_id': route<'server'>()({
    summary: 'Give a live migration up.',
    policy: 'os_compute_api:servers:migrations:delete',
    target: 'server',
    since: '2.24',
    status: 202,
    run: ({ op, services, target, params }) =>
      services.ops.abortLiveMigration(op, target, params['migration_id'] as string, queuedToo.at(op.minor)),
  }),
  'POST /servers/:server_id/migrations/:migration_id/action#force_complete': route<'server'>()({
    summary: 'End a live migration at any price.',
    policy: 'os_compute_api:servers:migrations:force_complete',
    target: 'server',
    since: '2.22',
    body: closed({ force_complete: none }, ['force_complete']),
    status: 202,
    run: ({ op, services, target, params }) =>
      services.ops.forceLiveMigration(op, target, params['migration_id'] as string),
  }),
});
