// Why: operators move servers between hosts: switched off, in two steps as a resize, or as they run.

import { history, versioned } from '../../../base/history.ts';
import { boolean, hostName, isTrue, wrapped, wrappedHistory } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';
import { forcing } from './forced-host.ts';

interface MigrateBody {
  readonly migrate: { readonly host?: string | null } | null;
}

const hostOrNone = { ...hostName, type: ['string', 'null'] };

const migrateBody = versioned(null, [
  '2.56',
  wrapped('migrate', {
    type: ['object', 'null'],
    properties: { host: hostOrNone },
    additionalProperties: false,
  }),
]);

/** Whether the destination may be named. */
const named = versioned(false, ['2.56', true]);

const migrateHost = (minor: number, { migrate }: MigrateBody): string | null =>
  named.at(minor) ? (migrate?.host ?? null) : null;

interface LiveBody {
  readonly 'os-migrateLive': {
    readonly host: string | null;
    readonly block_migration: boolean | string;
    readonly disk_over_commit?: boolean | string;
    readonly force?: boolean | string;
  };
}

const booleanOrAuto = { ...boolean, enum: [...(boolean['enum'] as readonly unknown[]), 'auto'] };

const liveBody = wrappedHistory(
  'os-migrateLive',
  history<unknown>({ block_migration: boolean, disk_over_commit: boolean, host: hostOrNone }, [
    { at: '2.25', add: { block_migration: booleanOrAuto }, drop: ['disk_over_commit'] },
    { at: '2.30', add: { force: boolean } },
    { at: '2.68', drop: ['force'] },
  ]),
  (form) => Object.keys(form).filter((key) => key !== 'force'),
);

const isForced = forcing('2.30', '2.68');

/** Whether the destination is found before the answer. */
const checksFirst = versioned(true, ['2.34', false]);

export default resource({
  'POST /servers/:server_id/action#migrate': route<'server', MigrateBody>()({
    summary: 'Move a server to another host, switched off meanwhile; it then waits for its confirmation.',
    policy: 'os_compute_api:os-migrate-server:migrate',
    policyOf: ({ op, body }) =>
      migrateHost(op.minor, body as MigrateBody) === null ? null : 'os_compute_api:os-migrate-server:migrate:host',
    alsoAsks: ['os_compute_api:os-migrate-server:migrate:host'],
    target: 'server',
    body: migrateBody,
    status: 202,
    run: ({ op, services, target, body }) => services.ops.migrateServer(op, target, migrateHost(op.minor, body)),
  }),
  'POST /servers/:server_id/action#os-migrateLive': route<'server', LiveBody>()({
    summary: 'Move a server to another host as it runs.',
    policy: 'os_compute_api:os-migrate-server:migrate_live',
    policyOf: ({ body }) =>
      (body as LiveBody)['os-migrateLive'].host === null ? null : 'os_compute_api:os-migrate-server:migrate_live:host',
    alsoAsks: ['os_compute_api:os-migrate-server:migrate_live:host'],
    target: 'server',
    body: liveBody,
    status: 202,
    run({ op, services, target, body }) {
      const asked = body['os-migrateLive'];
      return services.ops.liveMigrateServer(op, target, {
        host: asked.host,
        forced: isForced(op.minor, asked),
        blockMigration: asked.block_migration === 'auto' ? null : isTrue(asked.block_migration),
        checkFirst: checksFirst.at(op.minor),
      });
    },
  }),
});
