// Why: a guest may tell its first password, encrypted with the public key of its user, who fetches it here and decrypts it.

import { findPassword } from '../../db/server-parts.ts';
import { noQuery } from '../parameters.ts';
import { resource, route } from '../resource.ts';

export default resource({
  'GET /servers/:server_id/os-server-password': route<'server'>()({
    summary: 'Show the encrypted password of a server; empty where there is none.',
    policy: 'os_compute_api:os-server-password:show',
    target: 'server',
    query: noQuery,
    status: 200,
    run: ({ services, target }) => findPassword(services.db, target.id),
    view: (password) => ({ password: password ?? '' }),
  }),
  'DELETE /servers/:server_id/os-server-password': route<'server'>()({
    summary: 'Forget the encrypted password of a server; the one in the guest stays.',
    policy: 'os_compute_api:os-server-password:clear',
    target: 'server',
    status: 204,
    run: ({ op, services, target }) => services.ops.clearServerPassword(op, target),
  }),
});
