// Why: who may change a server may give it volumes; putting one in place of another is the block storage service's own affair.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule, SERVICE_OR_ADMIN } from './base.ts';

export const rules = [
  rule('os_compute_api:os-volumes-attachments:index', PROJECT_READER_OR_ADMIN, "List a server's volumes."),
  rule('os_compute_api:os-volumes-attachments:show', PROJECT_READER_OR_ADMIN, "Show one of a server's volumes."),
  rule('os_compute_api:os-volumes-attachments:create', PROJECT_MEMBER_OR_ADMIN, 'Attach a volume to a server.'),
  rule(
    'os_compute_api:os-volumes-attachments:update',
    PROJECT_MEMBER_OR_ADMIN,
    'Change what is kept of an attached volume (from 2.85).',
  ),
  rule(
    'os_compute_api:os-volumes-attachments:swap',
    SERVICE_OR_ADMIN,
    'Put another volume in place of one that a server has.',
  ),
  rule('os_compute_api:os-volumes-attachments:delete', PROJECT_MEMBER_OR_ADMIN, 'Detach a volume from a server.'),
] as const;
