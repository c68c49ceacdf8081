// Why: what Keystone has and this service has not is refused with the reason, not as if the client had mistaken the address.

import { notImplemented } from '../../base/errors.ts';
import type { Route } from './route.ts';

const refused = (reason: string, method: Route['method'], path: string): Route => ({
  method,
  path,
  guard: 'any token',
  run: async () => {
    throw notImplemented(`The built-in identity service ${reason}`);
  },
});

const CONFIGURED = 'has its services, endpoints and regions from the configuration of the program (api.public_url).';
const NO_GROUPS = 'has no groups: give users their roles themselves.';
const NO_TRUSTS = 'has no trusts: make an application credential instead.';

/** Routes of Keystone's that nobody may use here, each with the reason. */
export const absentRoutes: readonly Route[] = [
  ...['services', 'endpoints', 'regions'].flatMap((noun) => [
    refused(CONFIGURED, 'POST', `/v3/${noun}`),
    refused(CONFIGURED, 'PATCH', `/v3/${noun}/:id`),
    refused(CONFIGURED, 'DELETE', `/v3/${noun}/:id`),
  ]),
  refused(CONFIGURED, 'PUT', '/v3/regions/:id'),
  refused(NO_GROUPS, 'POST', '/v3/groups'),
  refused(NO_GROUPS, 'PATCH', '/v3/groups/:group_id'),
  refused(NO_GROUPS, 'DELETE', '/v3/groups/:group_id'),
  refused(NO_GROUPS, 'PUT', '/v3/groups/:group_id/users/:user_id'),
  refused(NO_TRUSTS, 'GET', '/v3/OS-TRUST/trusts'),
  refused(NO_TRUSTS, 'POST', '/v3/OS-TRUST/trusts'),
];
