// Why: a server that is not needed for a while waits as an image. Where it comes back may be said from 2.77 on (zone) and 2.91 on
// (host, or any zone again); before, the value of the action does not matter.

import { versioned } from '../../../base/history.ts';
import { anyAction, closed, name, text } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';
import type { JsonSchema } from '../../schema.ts';

interface UnshelveBody {
  readonly unshelve: { readonly availability_zone?: string | null; readonly host?: string } | null;
}

const orNull = (schema: JsonSchema): JsonSchema => ({ ...schema, type: ['object', 'null'] });
const body = (schema: JsonSchema): JsonSchema => closed({ unshelve: schema }, ['unshelve']);

const unshelveBody = versioned<JsonSchema>(
  anyAction('unshelve'),
  ['2.77', body(orNull(closed({ availability_zone: name }, ['availability_zone'])))],
  ['2.91', body(orNull(closed({ availability_zone: { type: ['string', 'null'] }, host: text })))],
);

/** What an older version carries is not read. */
const readsZone = versioned(false, ['2.77', true]);
const readsHost = versioned(false, ['2.91', true]);

export default resource({
  'POST /servers/:server_id/action#unshelve': route<'server', UnshelveBody>()({
    summary: 'Bring a shelved server back.',
    policy: 'os_compute_api:os-shelve:unshelve',
    alsoAsks: ['os_compute_api:os-shelve:unshelve_to_host'],
    target: 'server',
    body: unshelveBody,
    status: 202,
    run(call) {
      const { op, services, target } = call;
      const request = call.body.unshelve ?? {};
      const zone = readsZone.at(op.minor) ? request.availability_zone : undefined;
      const host = readsHost.at(op.minor) ? request.host : undefined;
      return services.ops.unshelveServer(op, target, {
        // an empty word is no zone
        zone: zone === '' ? null : zone,
        host: host === undefined || host === '' ? null : host,
        mayNameHost: () => call.enforce('os_compute_api:os-shelve:unshelve_to_host'),
      });
    },
  }),
});
