// Why: a project's volumes are its own; the block storage service has rules besides.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

const options = { replaces: 'os_compute_api:os-volumes' } as const;

export const rules = [
  rule('os_compute_api:os-volumes:list', PROJECT_READER_OR_ADMIN, 'List volumes (until 2.35).', options),
  rule('os_compute_api:os-volumes:detail', PROJECT_READER_OR_ADMIN, 'List volumes with details (until 2.35).', options),
  rule('os_compute_api:os-volumes:create', PROJECT_MEMBER_OR_ADMIN, 'Create a volume (until 2.35).', options),
  rule('os_compute_api:os-volumes:show', PROJECT_READER_OR_ADMIN, 'Show a volume (until 2.35).', options),
  rule('os_compute_api:os-volumes:delete', PROJECT_MEMBER_OR_ADMIN, 'Delete a volume (until 2.35).', options),
  rule('os_compute_api:os-volumes:snapshots:list', PROJECT_READER_OR_ADMIN, 'List snapshots (until 2.35).', options),
  rule(
    'os_compute_api:os-volumes:snapshots:detail',
    PROJECT_READER_OR_ADMIN,
    'List snapshots with details (until 2.35).',
    options,
  ),
  rule('os_compute_api:os-volumes:snapshots:create', PROJECT_MEMBER_OR_ADMIN, 'Make a snapshot (until 2.35).', options),
  rule('os_compute_api:os-volumes:snapshots:show', PROJECT_READER_OR_ADMIN, 'Show a snapshot (until 2.35).', options),
  rule(
    'os_compute_api:os-volumes:snapshots:delete',
    PROJECT_MEMBER_OR_ADMIN,
    'Delete a snapshot (until 2.35).',
    options,
  ),
] as const;
