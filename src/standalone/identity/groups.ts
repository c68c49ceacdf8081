// Why: clients ask for groups; this service has none, and says so in the form they expect.

import { listReply } from './collection.ts';
import { missing, type Route } from './route.ts';

export const groupRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v3/groups',
    guard: { first: 'identity:list_groups' },
    run: async (visit) => listReply(visit, 'groups', []),
  },
  {
    method: 'GET',
    path: '/v3/groups/:group_id',
    guard: { first: 'identity:get_group' },
    run: async ({ params }) => {
      throw missing(`group: ${params['group_id'] ?? ''}`);
    },
  },
  {
    method: 'GET',
    path: '/v3/users/:user_id/groups',
    guard: { first: 'identity:list_groups_for_user' },
    run: async (visit) => listReply(visit, 'groups', []),
  },
];
