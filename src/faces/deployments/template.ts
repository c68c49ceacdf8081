// Why: an OS template is an image with properties: what an operator says of it once decides what its deployments can be told at their first boot.

import { badRequest, notFound } from '../../base/errors.ts';
import type { ComputeClient, Image } from '../../client/compute.ts';

/** The property that makes an image a template; its name is what deployments ask for. */
export const TEMPLATE = 'xloud_os_template';

export interface OsTemplate {
  readonly imageId: string;
  readonly name: string;
  readonly displayName: string;
  readonly family: string;
  readonly version: string;
  readonly supportsCloudInit: boolean;
  readonly format: string;
}

type Properties = Readonly<Record<string, unknown>>;

/** What an image's properties say of it as a template. */
export function templateOf(image: Image): OsTemplate {
  const said = (key: string): string => {
    const value = (image as unknown as Properties)[key];
    return typeof value === 'string' ? value : '';
  };
  return {
    imageId: image.id,
    name: said(TEMPLATE),
    displayName: said('xloud_display_name') || (image.name ?? said(TEMPLATE)),
    family: said('os_distro'),
    version: said('os_version'),
    supportsCloudInit: said('xloud_cloud_init') !== 'false',
    format: image.disk_format ?? '',
  };
}

/** The newest image of a template's name that the caller sees. Throws 404. */
export async function findTemplate(compute: ComputeClient, name: string): Promise<OsTemplate> {
  const [image] = await compute.images.withProperty(TEMPLATE, name);
  if (image === undefined) throw notFound(`There is no template ${name}.`);
  return templateOf(image);
}

/** Refuses what a template could never be told. */
export function checkTold(template: OsTemplate, keys: readonly string[]): void {
  if (!template.supportsCloudInit && keys.length > 0)
    throw badRequest(`The template ${template.name} has no cloud-init: nothing would take the SSH keys.`);
}
