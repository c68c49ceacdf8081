// Why: clients list groups of volumes before anything else (a dashboard does for its page of volumes): there are none, and whoever
// makes one is told so.

import { badRequest } from '../../base/errors.ts';
import type { RuleName } from '../../policies/index.ts';
import type { Routes } from '../http.ts';
import { page } from './web.ts';

interface GroupNoun {
  readonly noun: string;
  readonly path: string;
  /** The microversion since which it is there. */
  readonly since: number;
  readonly rules: Readonly<Record<'list' | 'create', RuleName>>;
}

const nouns: readonly GroupNoun[] = [
  {
    ...{ noun: 'groups', path: 'groups', since: 13 },
    rules: { list: 'group:get_all', create: 'group:create' },
  },
  {
    ...{ noun: 'snapshots of groups', path: 'group_snapshots', since: 14 },
    rules: { list: 'group:get_all_group_snapshots', create: 'group:create_group_snapshot' },
  },
  {
    ...{ noun: 'types of groups', path: 'group_types', since: 11 },
    rules: { list: 'group:access_group_types_specs', create: 'group:group_types_manage' },
  },
];

export function addGroupRoutes(routes: Routes): void {
  for (const { noun, path, since, rules } of nouns) {
    for (const list of path === 'group_types' ? [path] : [path, `${path}/detail`]) {
      const none = async () => ({ status: 200, body: { [path]: [] } });
      page(routes, 'GET', `/${list}`, { first: rules.list }, none, { since });
    }
    const refuse = async () => {
      throw badRequest(`Invalid input received: the volume service has no ${noun} and makes none.`);
    };
    page(routes, 'POST', `/${path}`, { first: rules.create }, refuse, { since });
  }
}
