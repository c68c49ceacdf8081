// Why: which documents for cloud-init there are is a matter of files that were read at the start; whoever makes a server asks here.

import { notFound } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import {
  type CloudInitTemplate,
  type CloudInitTemplates,
  findTemplate,
} from '../../domain/servers/cloud-init-templates.ts';
import type { OpsDeps } from '../deps.ts';

export const listCloudInitTemplates = ({ config }: OpsDeps, _op: Op): CloudInitTemplates => config.cloudInitTemplates;

/** The newest of a name, or the version that is named. Throws 404. */
export function showCloudInitTemplate({ config }: OpsDeps, _op: Op, wanted: string): CloudInitTemplate {
  const found = findTemplate(config.cloudInitTemplates, wanted);
  if (found === null) throw notFound(`There is no cloud-init template '${wanted}'.`);
  return found;
}
