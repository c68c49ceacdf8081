// Why: `xloud templates`: what operators offer to install is an image that says of itself what it is. Whoever deploys names the template, not
// the image, and gets the newest of that name.

import { badRequest } from '../base/errors.ts';
import { table } from '../base/table.ts';
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

type ImageBody = Readonly<Record<string, unknown>> & { readonly id: string; readonly name: string | null };

const NAME = 'xloud_os_template';
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

async function findImage(session: Session, wanted: string): Promise<ImageBody> {
  if (UUID.test(wanted))
    return (await session.ask('image', { method: 'GET', path: `/v2/images/${wanted}` })).body as ImageBody;
  const query = new URLSearchParams({ name: wanted, limit: '2' });
  const { body } = await session.ask('image', { method: 'GET', path: `/v2/images?${query.toString()}` });
  const [found, another] = (body as { images: ImageBody[] }).images;
  if (found === undefined) throw badRequest(`there is no image ${wanted}`);
  if (another !== undefined) throw badRequest(`there are several images ${wanted}: name one by its id`);
  return found;
}

/** The properties of an image that is this template. */
export function templateProperties(name: string, terms: TemplateTerms): Record<string, string> {
  const { displayName, family, version, cloudInit, windows, virtio } = terms;
  // Windows has no drivers of its own for virtio
  const plain = windows && !virtio ? { hw_disk_bus: 'sata', hw_vif_model: 'e1000' } : {};
  return {
    ...{ [NAME]: name, xloud_display_name: displayName ?? name, os_distro: family, os_version: version },
    ...{ xloud_cloud_init: String(cloudInit), os_type: windows ? 'windows' : 'linux', ...plain },
  };
}

/** Makes an image a template, or says something else of one that is. */
export async function addTemplate(session: Session, name: string, terms: TemplateTerms): Promise<string> {
  const image = await findImage(session, terms.image);
  const patch = Object.entries(templateProperties(name, terms)).map(([key, value]) => ({
    ...{ op: Object.hasOwn(image, key) ? 'replace' : 'add', path: `/${key}`, value },
  }));
  const headers = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
  await session.ask('image', { method: 'PATCH', path: `/v2/images/${image.id}`, body: patch, headers });
  return listTemplates(session);
}

export async function listTemplates(session: Session): Promise<string> {
  const images: ImageBody[] = [];
  let next: string | undefined = '/v2/images?limit=500';
  while (next !== undefined) {
    const page: { images: ImageBody[]; next?: string } = (await session.ask('image', { method: 'GET', path: next }))
      .body as never;
    images.push(...page.images.filter((image) => Object.hasOwn(image, NAME)));
    next = page.next;
  }
  if (images.length === 0) return 'no image is a template; `xloud templates add` makes one of an image';
  const said = (image: ImageBody, key: string): string => (typeof image[key] === 'string' ? image[key] : '');
  const rows = images.map((image) => [
    ...[said(image, NAME), said(image, 'xloud_display_name'), said(image, 'os_distro'), said(image, 'os_version')],
    ...[said(image, 'disk_format'), said(image, 'xloud_cloud_init') === 'false' ? 'no' : 'yes', image.id],
  ]);
  const head = ['template', 'name', 'family', 'version', 'format', 'cloud-init', 'image'];
  return table([head, ...rows], [0, 1, 2, 3, 4, 5, 6]);
}
