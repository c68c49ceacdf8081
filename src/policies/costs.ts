// Why: a project may know what it pays; what all pay, and what things cost, is for administrators.

import { ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:xloud:costs:show', PROJECT_READER_OR_ADMIN, 'See what a project has to pay for a time.'),
  rule(
    'os_compute_api:xloud:costs:server',
    PROJECT_READER_OR_ADMIN,
    'See what a server costs now, and cost until now.',
  ),
  rule('os_compute_api:xloud:costs:list', ADMIN, 'See what all projects have to pay for a time.'),
  rule(
    'os_compute_api:xloud:prices:show',
    PROJECT_READER_OR_ADMIN,
    'See what volumes, snapshots, images and floating addresses cost.',
  ),
  rule(
    'os_compute_api:xloud:prices:update',
    ADMIN,
    'Change what volumes, snapshots, images and floating addresses cost.',
  ),
  rule('os_compute_api:xloud:plans:index', PROJECT_READER_OR_ADMIN, 'List the flavors that have a price.'),
] as const;
