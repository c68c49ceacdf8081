// Why: one way to write XML and one to read it. Writing goes through a builder, so that no name, however strange, breaks a
// document; reading tolerates what a newer libvirt adds.

import { DOMParser, type Element, XMLSerializer } from '@xmldom/xmldom';
import { create } from 'xmlbuilder2';
import type { XMLBuilder } from 'xmlbuilder2/lib/interfaces.js';
import { internal } from '../../base/errors.ts';

export type { Element, XMLBuilder };

type Attributes = Readonly<Record<string, string | number>>;

/** A new document's root element. Characters that XML 1.0 cannot hold are dropped wherever they are written. */
export function startXml(root: string, attributes: Attributes = {}): XMLBuilder {
  return create({ encoding: 'UTF-8', invalidCharReplacement: '' }).ele(root, attributes);
}

/** Adds an element without text and returns its parent, for chains. */
export function leaf(parent: XMLBuilder, name: string, attributes: Attributes = {}): XMLBuilder {
  parent.ele(name, attributes).up();
  return parent;
}

/** Adds an element with text and returns its parent. */
export function text(
  parent: XMLBuilder,
  name: string,
  value: string | number,
  attributes: Attributes = {},
): XMLBuilder {
  parent.ele(name, attributes).txt(String(value)).up();
  return parent;
}

export const endXml = (element: XMLBuilder): string => element.end({ headless: true });

/** The line ends of XML 1.0, which libvirt writes; those of 1.1, the parser's default, would change U+0085 in a name. */
const normalizeLineEndings = (source: string): string => source.replaceAll(/\r\n?/g, '\n');

/** The root element of a document that libvirt wrote. */
export function readXml(source: string): Element {
  const root = new DOMParser({ onError: () => {}, normalizeLineEndings }).parseFromString(
    source,
    'text/xml',
  ).documentElement;
  if (root === null) throw internal('libvirt sent XML without a root element');
  return root;
}

/** A part of a document that was read, as a document of its own. */
export const elementXml = (element: Element): string => new XMLSerializer().serializeToString(element);

/** Direct children with that name. */
export function children(element: Element, name: string): Element[] {
  const found: Element[] = [];
  for (let node = element.firstChild; node !== null; node = node.nextSibling) {
    if (node.nodeType === 1 && (node as Element).tagName === name) found.push(node as Element);
  }
  return found;
}

/** The first element down a path of names (`devices/serial/source`), or null. */
export function find(element: Element, path: string): Element | null {
  let at: Element | undefined = element;
  for (const name of path.split('/')) {
    at = at && children(at, name)[0];
  }
  return at ?? null;
}

export const textOf = (element: Element, path: string): string | null => find(element, path)?.textContent ?? null;

export const attributeOf = (element: Element, path: string, name: string): string | null =>
  find(element, path)?.getAttribute(name) ?? null;
