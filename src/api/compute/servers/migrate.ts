// Why: operators move servers between hosts: switched off, in two steps as a resize, or as they run.

import { versioned } from '../../../base/history.ts';
import { hostName, wrapped } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';

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
});
