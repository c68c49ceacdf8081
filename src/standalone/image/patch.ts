// Why: an image is changed by a list of small operations, whose rules are Glance's: base attributes are never removed, formats
// change only before the data is there, properties appear and disappear.

import { badRequest, conflict, Fault, forbidden } from '../../base/errors.ts';
import type { Caller } from '../../base/op.ts';
import type { StoredImage } from '../../db/images.ts';
import type { Allows } from '../access.ts';
import { changesBody, checkBody, oldChangesBody, type Operation, OPERATIONS } from './bodies.ts';
import { imageTarget, mustPublish } from './rules.ts';
import { checkAttribute, checked, isProperty, withAttribute } from './shape.ts';

export interface Change {
  readonly operation: Operation;
  readonly name: string;
  readonly value: unknown;
}

const V20 = 'application/openstack-images-v2.0-json-patch';
const V21 = 'application/openstack-images-v2.1-json-patch';

/** A JSON pointer with one part, decoded. */
function nameOf(pointer: string): string {
  const parts = pointer.slice(1).split('/');
  const name = parts[0]?.replaceAll('~1', '/').replaceAll('~0', '~').trim() ?? '';
  if (name === 'locations') throw forbidden("Attribute 'locations' is read-only.");
  if (parts.length !== 1 || name === '') throw badRequest(`Invalid JSON pointer for this resource: '${pointer}'`);
  return name;
}

type Raw = Readonly<Record<string, unknown>>;

function changeFrom(raw: Raw, old: boolean): Change {
  const operation = old ? (OPERATIONS.find((one) => Object.hasOwn(raw, one)) as Operation) : (raw['op'] as Operation);
  const name = nameOf((old ? raw[operation] : raw['path']) as string);
  const value = operation === 'remove' ? undefined : raw['value'];
  checkAttribute(name, value);
  return { operation, name, value };
}

/**
 * The changes that a PATCH asks for.
 * @throws badMediaType for another patch language than Glance's two, badRequest, forbidden
 */
export function changesFrom(contentType: string, body: unknown): Change[] {
  if (contentType !== V20 && contentType !== V21) {
    throw new Fault('badMediaType', `Image PATCH expects Content-Type one of: ${V20}, ${V21}`, {
      headers: { 'Accept-Patch': `${V20}, ${V21}` },
    });
  }
  const old = contentType === V20;
  checkBody(old ? oldChangesBody : changesBody, body);
  return (body as readonly Raw[]).map((raw) => changeFrom(raw, old));
}

/** A change of a property, in the map of them. @throws conflict for one that is not there */
function changeProperty(properties: Map<string, string>, { operation, name, value }: Change): void {
  if (operation !== 'add' && !properties.has(name)) throw conflict(`Property ${name} does not exist.`);
  if (operation === 'remove') properties.delete(name);
  else properties.set(name, value as string);
}

function checkChange(caller: Caller, image: StoredImage, { operation, name }: Change): void {
  if (operation === 'remove') throw forbidden(`Property ${name} may not be removed.`);
  if (name === 'id') throw forbidden("Attribute 'id' is read-only.");
  if (name === 'owner' && !caller.isAdmin) throw forbidden("Owner can't be updated by non admin.");
  if ((name === 'disk_format' || name === 'container_format') && image.status !== 'queued') {
    throw forbidden(`Attribute ${name} can be only replaced for a queued image.`);
  }
}

/** The image after the changes, in their order; each costs the same, however many properties there are. */
export const patched =
  (allows: Allows, caller: Caller, changes: readonly Change[]) =>
  (image: StoredImage): StoredImage => {
    const properties = new Map(Object.entries(image.properties));
    let next = image;
    for (const change of changes) {
      if (isProperty(change.name)) {
        changeProperty(properties, change);
        continue;
      }
      checkChange(caller, image, change);
      if (change.name === 'visibility' && change.value !== next.visibility)
        mustPublish(allows, caller, change.value as string, imageTarget(image, null));
      next = withAttribute(next, change.name, change.value);
    }
    return checked({ ...next, properties: Object.fromEntries(properties) });
  };
