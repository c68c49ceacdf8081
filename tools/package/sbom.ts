// Why: whoever has to know what is in the program asks a file, not people: CycloneDX by npm, of exactly what is delivered.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { Installed } from './production.ts';

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

interface Bom {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** `koa@3.3.0`, the same for a package that stands twice. */
const keyOf = ({ name, version }: { name: string; version: string }): string => `${name}@${version}`;

/** A UUID that follows from a text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** npm's bill of the whole tree, cut to what is delivered; the same text for the same tree and moment. */
export function billOf(bom: Bom, delivered: readonly Installed[], version: string, date: Date): string {
  const wanted = new Set(delivered.map(keyOf));
  const components = bom.components.filter((one) => wanted.has(keyOf(one)));
  const missing = delivered.filter((one) => !components.some((component) => keyOf(component) === keyOf(one)));
  if (missing.length > 0) throw new Error(`npm's bill has not: ${missing.map(keyOf).join(', ')}`);
  // npm marks what package.json calls a development's: here it is delivered
  const told = components.map(({ properties, ...one }) => ({
    ...one,
    ...(properties === undefined
      ? {}
      : { properties: properties.filter(({ name }) => !name.endsWith(':development')) }),
  }));
  // npm names it by its folder
  const root = { ...bom.metadata.component, type: 'application', name: 'xloud-compute', version };
  const refs = new Set([root['bom-ref'], ...components.map((one) => one['bom-ref'])]);
  const dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }));
  return `${JSON.stringify(
    {
      ...bom,
      serialNumber: `urn:uuid:${uuidOf([...refs].join('\n'))}`,
      metadata: { ...bom.metadata, timestamp: date.toISOString(), component: root },
      components: told,
      dependencies,
    },
    null,
    1,
  )}\n`;
}

export const npmBill = (root: string): Bom =>
  JSON.parse(
    execFileSync('npm', ['sbom', '--sbom-format=cyclonedx'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 }),
  ) as Bom;
