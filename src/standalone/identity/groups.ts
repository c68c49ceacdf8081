// Why: clients ask for groups; this service has none, and says so in the form they expect.

import { listReply } from './collection.ts';
import { adminOrReader, missing, ownerOrReader, type Route } from './route.ts';

export const groupRoutes: readonly Route[] = [
  { method: 'GET', path: '/v3/groups', may: adminOrReader, run: async (visit) => listReply(visit, 'groups', []) },
  {
    method: 'GET',
    path: '/v3/groups/:group_id',
    may: adminOrReader,
    run: async ({ params }) => {
      throw missing(`group: ${params['group_id'] ?? ''}`);
    },
  },
  {
    method: 'GET',
    path: '/v3/users/:user_id/groups',
    may: ownerOrReader,
    run: async (visit) => listReply(visit, 'groups', []),
  },
];
