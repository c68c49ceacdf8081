// Why: what the browser loads is held ready in the forms in which it is sent, so that a request costs a look at a table and no path of a
// request reaches the file system.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Bundle } from './bundle.ts';

export type Encoding = 'br' | 'gzip' | 'identity';

export interface Asset {
  readonly type: string;
  readonly bodies: Readonly<Record<Encoding, Buffer>>;
}

export interface Assets {
  /** By the last part of their path. */
  readonly files: ReadonlyMap<string, Asset>;
  readonly bundle: Bundle;
}

/** Where a build writes the bundle down; beside its compiled sources, never in a checkout. */
export const BUILT = join(import.meta.dirname, 'bundle.json');

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#4f46e5"/>
<path d="M9 21V16M16 21V11M23 21V7" stroke="#fff" stroke-width="3.4" stroke-linecap="round"/></svg>`;

async function assetOf(type: string, text: string): Promise<Asset> {
  const identity = Buffer.from(text);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_SIZE_HINT]: identity.length };
  const [br, zipped] = await Promise.all([brotli(identity, { params }), zip(identity, { level: 9 })]);
  return { type, bodies: { identity, br, gzip: zipped } };
}

async function readBundle(): Promise<Bundle> {
  if (existsSync(BUILT)) return JSON.parse(await readFile(BUILT, 'utf8')) as Bundle;
  return (await import('./bundle.ts')).makeBundle();
}

/** Reads or makes the page's files, and compresses them: some tenths of a second, once. */
export async function loadAssets(): Promise<Assets> {
  const bundle = await readBundle();
  const [script, style, icon, licences] = await Promise.all([
    assetOf('text/javascript; charset=utf-8', bundle.script.text),
    assetOf('text/css; charset=utf-8', bundle.style.text),
    assetOf('image/svg+xml', ICON),
    assetOf('text/plain; charset=utf-8', bundle.licences),
  ]);
  const files = new Map([
    [bundle.script.name, script],
    [bundle.style.name, style],
    ['icon.svg', icon],
    ['licences.txt', licences],
  ]);
  return { files, bundle };
}

/** The form that a request takes best. */
export function encodingFor(accepted: string | undefined): Encoding {
  const names = new Set(
    (accepted ?? '').split(',').flatMap((part) => {
      const [name = '', ...parameters] = part.split(';').map((one) => one.trim().toLowerCase());
      return parameters.some((one) => /^q=0(?:\.0*)?$/.test(one)) ? [] : [name];
    }),
  );
  return names.has('br') ? 'br' : names.has('gzip') ? 'gzip' : 'identity';
}
