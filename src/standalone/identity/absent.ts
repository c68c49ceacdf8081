// Why: what Keystone has and this service has not is refused with the reason, not as if the client had mistaken the address.

import { notImplemented } from '../../base/errors.ts';
import { listReply } from './collection.ts';
import type { Route } from './route.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

const refused = (reason: string, path: string, methods: readonly Route['method'][] = METHODS): Route[] =>
  methods.map((method) => ({
    method,
    path,
    guard: 'any token',
    run: async () => {
      throw notImplemented(`The built-in identity service ${reason}`);
    },
  }));

/** A noun, and all that is below it. */
const refusedTree = (reason: string, path: string): Route[] => [
  ...refused(reason, path, ['GET', 'POST']),
  ...refused(reason, `${path}/*below`),
];

const NO_LIMITS = 'keeps no limits: quotas are with the services that have them (os-quota-sets, quotas).';
const NO_CONFIG = 'has its users in its own database alone: no domain has a configuration of its own.';
const CHANGING = METHODS.filter((method) => method !== 'GET');

/** What nothing has, as lists that clients may read. */
const emptyLists: readonly Route[] = [
  {
    method: 'GET',
    path: '/v3/registered_limits',
    guard: { first: 'identity:list_registered_limits' },
    run: async (visit) => listReply(visit, 'registered_limits', []),
  },
  {
    method: 'GET',
    path: '/v3/limits',
    guard: { first: 'identity:list_limits' },
    run: async (visit) => listReply(visit, 'limits', []),
  },
  {
    method: 'GET',
    path: '/v3/limits/model',
    guard: { first: 'identity:get_limit_model' },
    run: async () => ({
      status: 200,
      body: {
        model: {
          name: 'flat',
          description: 'Limit enforcement and validation does not take project hierarchy into consideration.',
        },
      },
    }),
  },
];

/** Routes of Keystone's that nobody may use here, each with the reason; `docs/neighbours.md` has them too. */
export const absentRoutes: readonly Route[] = [
  ...emptyLists,
  ...['registered_limits', 'limits'].flatMap((noun) => [
    ...refused(NO_LIMITS, `/v3/${noun}`, CHANGING),
    ...refused(NO_LIMITS, `/v3/${noun}/:limit_id`),
  ]),
  ...refusedTree(NO_CONFIG, '/v3/domains/:domain_id/config'),
  ...refused(NO_CONFIG, '/v3/domains/:domain_id/config', ['PUT', 'PATCH', 'DELETE']),
  ...refused(NO_CONFIG, '/v3/domains/config/*below'),
  ...refusedTree('has no trusts: make an application credential instead.', '/v3/OS-TRUST/trusts'),
  ...refusedTree('has no credentials of EC2 or one-time passwords.', '/v3/credentials'),
  ...refusedTree('has no credentials of EC2.', '/v3/users/:user_id/credentials/OS-EC2'),
  ...refusedTree('has no credentials of EC2.', '/v3/ec2tokens'),
  ...refusedTree('shows every endpoint to everybody: endpoints have no groups and no projects.', '/v3/OS-EP-FILTER'),
  ...refusedTree('is no part of a federation: users have their passwords here.', '/v3/OS-FEDERATION'),
  ...refusedTree('has no OAuth: make an application credential instead.', '/v3/OS-OAUTH1'),
  ...refusedTree('has no OAuth: make an application credential instead.', '/v3/OS-OAUTH2'),
  ...refusedTree('keeps no policies of others: each service reads its own policy.yaml.', '/v3/policies'),
  ...refusedTree('has no projects within projects, so nothing is inherited.', '/v3/OS-INHERIT'),
  ...refusedTree('tells nobody of what was revoked: ask it about each token.', '/v3/OS-REVOKE'),
  ...refusedTree('signs its tokens with keys and has no certificates.', '/v3/OS-SIMPLE-CERT'),
];
