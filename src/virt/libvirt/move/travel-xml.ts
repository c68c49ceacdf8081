// Why: a guest that moves as it runs is on the other host what it is now (its devices, its size), at the places that the other host has
// for it. So its definition is its own, with paths below its new directory, and the few parts that are the host's from the host.

import { type Element, children, elementXml, find, readXml } from '../xml.ts';

const ELEMENT = 1;
const TEXT = 3;

/** Where a guest is on its host: elements that its host alone decides. */
const PLACEMENT = ['cputune', 'numatune'] as const;

function* within(element: Element): Generator<Element> {
  yield element;
  for (let node = element.firstChild; node !== null; node = node.nextSibling) {
    if (node.nodeType === ELEMENT) yield* within(node as Element);
  }
}

/** Every path below one directory is below another. */
function relocate(root: Element, from: string, to: string): void {
  const moved = (value: string) => (value.startsWith(`${from}/`) ? to + value.slice(from.length) : value);
  for (const element of within(root)) {
    for (const attribute of [...element.attributes]) element.setAttribute(attribute.name, moved(attribute.value));
    for (let node = element.firstChild; node !== null; node = node.nextSibling) {
      if (node.nodeType === TEXT) node.nodeValue = moved(node.nodeValue ?? '');
    }
  }
}

/** The elements of a name are those of another document. */
function exchange(parent: Element, name: string, others: readonly Element[]): void {
  const [first, ...more] = children(parent, name);
  const before = first ?? null;
  for (const other of others) {
    const copy = (parent.ownerDocument as NonNullable<Element['ownerDocument']>).importNode(other, true);
    if (before === null) parent.appendChild(copy);
    else parent.insertBefore(copy, before);
  }
  for (const old of first === undefined ? [] : [first, ...more]) parent.removeChild(old);
}

/** What is on the network is reached from the other host as that host does. */
function reachFromThere(devices: Element, otherDevices: Element): void {
  const others = new Map(children(otherDevices, 'disk').map((disk) => [find(disk, 'serial')?.textContent, disk]));
  for (const disk of children(devices, 'disk')) {
    const other = others.get(find(disk, 'serial')?.textContent ?? '');
    if (other === undefined || disk.getAttribute('type') !== 'network') continue;
    for (const name of ['auth', 'source']) exchange(disk, name, children(other, name));
  }
}

/**
 * A guest's definition for another host.
 * @param there what the guest would be, were it made there
 */
export function travelXml(xml: string, there: string, from: string, to: string): string {
  const root = readXml(xml);
  const other = readXml(there);
  relocate(root, from, to);
  for (const name of PLACEMENT) exchange(root, name, children(other, name));
  const [devices, otherDevices] = [find(root, 'devices'), find(other, 'devices')];
  if (devices !== null && otherDevices !== null) {
    exchange(devices, 'graphics', children(otherDevices, 'graphics'));
    reachFromThere(devices, otherDevices);
  }
  const cpuset = find(other, 'vcpu')?.getAttribute('cpuset') ?? null;
  const vcpu = find(root, 'vcpu');
  if (cpuset === null) vcpu?.removeAttribute('cpuset');
  else vcpu?.setAttribute('cpuset', cpuset);
  return elementXml(root);
}

/** The names of the disks in a directory that the guest writes. */
export function writtenDisks(xml: string, dir: string): readonly string[] {
  const devices = find(readXml(xml), 'devices');
  return (devices === null ? [] : children(devices, 'disk')).flatMap((disk) => {
    const file = find(disk, 'source')?.getAttribute('file') ?? '';
    const name = find(disk, 'target')?.getAttribute('dev');
    return name && file.startsWith(`${dir}/`) && find(disk, 'readonly') === null ? [name] : [];
  });
}
