// Why: whoever deploys names a template, not an image; what its image cannot be told at its first boot is refused before there is a server.

import { badRequest, notFound } from '../../base/errors.ts';
import type { ComputeClient } from '../../client/compute.ts';
import { OS_TEMPLATE, type OsTemplate, osTemplateOf } from '../../client/os-template.ts';

/** The newest image of a template's name that the caller sees. Throws 404. */
export async function findTemplate(compute: ComputeClient, name: string): Promise<OsTemplate> {
  const [image] = await compute.images.withProperty(OS_TEMPLATE, name);
  if (image === undefined) throw notFound(`There is no template ${name}.`);
  return osTemplateOf(image);
}

/** Throws 400 where a template has nothing that would take these SSH keys. */
export function checkTold(template: OsTemplate, keys: readonly string[]): void {
  if (!template.supportsCloudInit && keys.length > 0)
    throw badRequest(`The template ${template.name} has no cloud-init: nothing would take the SSH keys.`);
}
