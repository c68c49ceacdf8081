// Why: whoever makes a server reads here which documents for cloud-init it may name, and what it may say of each one's variables.

import { type CloudInitTemplate, schemaOf } from '../../domain/servers/cloud-init-templates.ts';
import { resource, route } from '../resource.ts';

const summaryView = (template: CloudInitTemplate) => ({
  name: template.name,
  version: template.version,
  description: template.description,
  source: template.source,
  variables: schemaOf(template),
});

export default resource({
  'GET /os-xloud-cloud-init-templates': route()({
    summary: "List the templates for cloud-init that new servers may name, each with its variables' JSON schema.",
    policy: 'os_compute_api:xloud:cloud-init-templates:index',
    status: 200,
    run: ({ op, services }) => services.ops.listCloudInitTemplates(op),
    view: (templates) => ({ templates: templates.map(summaryView) }),
  }),
  'GET /os-xloud-cloud-init-templates/:name': route()({
    summary: 'Show a template for cloud-init with its document: the newest of a name, or NAME@VERSION.',
    policy: 'os_compute_api:xloud:cloud-init-templates:show',
    status: 200,
    run: ({ op, services, params }) => services.ops.showCloudInitTemplate(op, params['name'] ?? ''),
    view: (template) => ({ template: { ...summaryView(template), user_data: template.userData } }),
  }),
});
