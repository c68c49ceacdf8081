// Why: `xloud templates`: what operators offer to install is an image that says of itself what it is. Whoever deploys names the template, not
// the image, and gets the newest of that name.

import { table } from '../base/table.ts';
import { computeClient } from '../client/compute.ts';
import { OS_TEMPLATE, osTemplateOf } from '../client/os-template.ts';
import type { Session } from '../client/session.ts';

/** What is said of a template. */
export interface TemplateTerms {
  /** An image by its id, or by a name that only one has. */
  readonly image: string;
  readonly displayName?: string;
  readonly family: string;
  readonly version: string;
  readonly cloudInit: boolean;
  /** Its disks and NICs are not virtio unless its drivers are said to be there. */
  readonly windows: boolean;
  readonly virtio: boolean;
}

/** The properties of an image that is this template. */
function templateProperties(name: string, terms: TemplateTerms): Record<string, string> {
  const { displayName, family, version, cloudInit, windows, virtio } = terms;
  // Windows has no drivers of its own for virtio
  const plain = windows && !virtio ? { hw_disk_bus: 'sata', hw_vif_model: 'e1000' } : {};
  return {
    ...{ [OS_TEMPLATE]: name, xloud_display_name: displayName ?? name, os_distro: family, os_version: version },
    ...{ xloud_cloud_init: String(cloudInit), os_type: windows ? 'windows' : 'linux', ...plain },
  };
}

/** Makes an image a template, or says something else of one that is; the table of all of them. Throws 404 and 409 as `images.find`. */
export async function addTemplate(session: Session, name: string, terms: TemplateTerms): Promise<string> {
  const image = await computeClient(session).images.find(terms.image);
  const patch = Object.entries(templateProperties(name, terms)).map(([key, value]) => ({
    ...{ op: Object.hasOwn(image, key) ? 'replace' : 'add', path: `/${key}`, value },
  }));
  const headers = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
  await session.ask('image', { method: 'PATCH', path: `/v2/images/${image.id}`, body: patch, headers });
  return listTemplates(session);
}

/** The table of all templates that the caller sees. */
export async function listTemplates(session: Session): Promise<string> {
  const images = await computeClient(session).images.list();
  const templates = images.map(osTemplateOf).filter(({ name }) => name !== '');
  if (templates.length === 0) return 'no image is a template; `xloud templates add` makes one of an image';
  const rows = templates.map(({ name, displayName, family, version, format, supportsCloudInit, imageId }) => [
    ...[name, displayName, family, version, format, supportsCloudInit ? 'yes' : 'no', imageId],
  ]);
  const head = ['template', 'name', 'family', 'version', 'format', 'cloud-init', 'image'];
  return table([head, ...rows], [0, 1, 2, 3, 4, 5, 6]);
}
