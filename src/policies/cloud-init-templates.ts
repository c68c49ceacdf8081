// Why: what a template does is no secret to those who may name it: whoever may look at a project's servers reads them.

import { PROJECT_READER_OR_ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:xloud:cloud-init-templates:index',
    PROJECT_READER_OR_ADMIN,
    'List the templates for cloud-init that new servers may name.',
  ),
  rule(
    'os_compute_api:xloud:cloud-init-templates:show',
    PROJECT_READER_OR_ADMIN,
    'Show a template for cloud-init with its document.',
  ),
] as const;
