// Why: tags sort a project's servers, so its readers see them and its members set them.

import { PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule('os_compute_api:os-server-tags:index', PROJECT_READER_OR_ADMIN, "List a server's tags."),
  rule('os_compute_api:os-server-tags:show', PROJECT_READER_OR_ADMIN, 'Ask whether a server has a tag.'),
  rule('os_compute_api:os-server-tags:update_all', PROJECT_MEMBER_OR_ADMIN, "Replace a server's tags."),
  rule('os_compute_api:os-server-tags:update', PROJECT_MEMBER_OR_ADMIN, 'Add a tag to a server.'),
  rule('os_compute_api:os-server-tags:delete_all', PROJECT_MEMBER_OR_ADMIN, "Remove all of a server's tags."),
  rule('os_compute_api:os-server-tags:delete', PROJECT_MEMBER_OR_ADMIN, "Remove one of a server's tags."),
] as const;
