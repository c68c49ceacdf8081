// Why: a server that is deleted softly waits to be restored or to go for good; its project's members decide which.

import { PROJECT_MEMBER_OR_ADMIN, rule } from './base.ts';

const older = { replaces: 'os_compute_api:os-deferred-delete' };

export const rules = [
  rule(
    'os_compute_api:os-deferred-delete:restore',
    PROJECT_MEMBER_OR_ADMIN,
    'Restore a server that was deleted softly.',
    older,
  ),
  rule('os_compute_api:os-deferred-delete:force', PROJECT_MEMBER_OR_ADMIN, 'Delete a server at once.', older),
] as const;
