// Why: an OS template is an image with properties. The command that writes them and the deployments that are made of them read them alike.

import type { Image } from './compute.ts';

/** The property that makes an image a template; its value is the template's name, which deployments ask for. */
export const OS_TEMPLATE = 'xloud_os_template';

export interface OsTemplate {
  readonly imageId: string;
  readonly name: string;
  readonly displayName: string;
  readonly family: string;
  readonly version: string;
  readonly supportsCloudInit: boolean;
  readonly format: string;
}

/** What an image's properties say of it as a template; a text that nobody said is empty. */
export function osTemplateOf(image: Image): OsTemplate {
  const said = (key: string): string => {
    const value = (image as unknown as Readonly<Record<string, unknown>>)[key];
    return typeof value === 'string' ? value : '';
  };
  return {
    imageId: image.id,
    name: said(OS_TEMPLATE),
    displayName: said('xloud_display_name') || (image.name ?? said(OS_TEMPLATE)),
    family: said('os_distro'),
    version: said('os_version'),
    supportsCloudInit: said('xloud_cloud_init') !== 'false',
    format: image.disk_format ?? '',
  };
}
