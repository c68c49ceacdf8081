// Why: what is delivered has what runs, and nothing else: no packages of development, no sources, no binaries of other machines.

import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** An installed npm package. */
export interface Installed {
  readonly name: string;
  readonly version: string;
  /** SPDX, as the package says. */
  readonly licence: string;
  /** Where it stands, from the root: node_modules/koa */
  readonly path: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string | { readonly type: string };
  readonly licenses?: readonly { readonly type: string }[];
}

/** What package.json of a folder says of it. */
export function installedAt(root: string, path: string): Installed {
  const { name, version, license, licenses } = JSON.parse(
    readFileSync(join(root, path, 'package.json'), 'utf8'),
  ) as Manifest;
  const one = typeof license === 'string' ? license : license?.type;
  return { name, version, licence: one ?? licenses?.map(({ type }) => type).join(' OR ') ?? 'UNKNOWN', path };
}

/** Types are for compilers: nothing at run time asks for them. */
const isTypes = (path: string): boolean =>
  path.includes(`node_modules${sep}@types${sep}`) || path.endsWith(`${sep}undici-types`);

/** What the program needs to run, by the installed tree. Throws where the tree is not what package.json asks for. */
export function productionPackages(root: string): Installed[] {
  const paths = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
    .map((path) => relative(root, path))
    .filter((path) => path !== '' && !isTypes(path));
  return [...new Set(paths)].sort().map((path) => installedAt(root, path));
}

const LICENCE = /^(licen[cs]es?|copying|notice|copyright)([.-].*)?$/i;

/** Whether a file of a package is its licence, or a notice that goes where it goes. */
export const isLicence = (name: string): boolean => LICENCE.test(name) && !/\.(js|ts|json|mjs|cjs)$/.test(name);

/** Folders at the top of a package that are for those who work on it. */
const ASIDE = new Set(['test', 'tests', 'example', 'examples', 'doc', 'docs', 'benchmark', 'benchmarks', 'coverage']);
const NOT_RUN = /\.(map|md|markdown|ts|mts|cts|tsx|gyp|gypi|c|cc|cpp|h|hpp|flow|tgz|html?)$/i;

/**
 * Whether a file of a package is delivered.
 * @param path from the package's folder
 * @param platform `linux-x64`
 */
export function isDelivered(path: string, platform: string): boolean {
  const parts = path.split(sep);
  const name = parts.at(-1) as string;
  if (parts.some((part) => part.startsWith('.')) || ASIDE.has(parts[0] as string)) return false;
  if (isLicence(name)) return true;
  if (parts[0] === 'prebuilds' && parts.length > 1) return name === `${platform}.node`;
  return !NOT_RUN.test(name);
}

/** Nothing of theirs is run by its name. */
function takeExecution(tree: string): void {
  for (const entry of readdirSync(tree, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) chmodSync(join(entry.parentPath, entry.name), 0o644);
}

/** Copies packages into `to`/node_modules, each where it stood. */
export function copyPackages(root: string, packages: readonly Installed[], to: string): void {
  const platform = `${process.platform}-${process.arch}`;
  for (const { name, path } of packages) {
    const from = join(root, path);
    cpSync(from, join(to, path), {
      recursive: true,
      dereference: true,
      filter(source) {
        const inside = relative(from, source);
        // packages in packages are on the list themselves; of better-sqlite3 the binary is delivered, not what it was made of
        if (inside === '') return true;
        if (inside.split(sep)[0] === 'node_modules') return false;
        if (name === 'better-sqlite3' && /^(deps|src)(\/|$)/.test(inside)) return false;
        return isDelivered(inside, platform);
      },
    });
  }
  takeExecution(join(to, 'node_modules'));
}

/** Where npm keeps the Node of this machine. */
const NODE = join('node_modules', 'node');
export const nodePackage = (root: string): Installed => ({ ...installedAt(root, NODE), licence: 'MIT' });
/** The folder with Node's licence, which has those of all that it is made of. */
export const nodeLicenceFolder = (): string =>
  join(NODE, 'node_modules', `node-linux-${process.arch === 'x64' ? 'x64' : process.arch}`);

/** Copies Node where the launchers look for it: Debian's own is too old. */
export function copyNode(root: string, to: string): void {
  mkdirSync(join(to, NODE, 'bin'), { recursive: true });
  mkdirSync(join(to, 'node_modules', '.bin'), { recursive: true });
  cpSync(join(root, NODE, 'bin', 'node'), join(to, NODE, 'bin', 'node'), { dereference: true });
  chmodSync(join(to, NODE, 'bin', 'node'), 0o755);
  cpSync(join(root, nodeLicenceFolder(), 'LICENSE'), join(to, NODE, 'LICENSE'));
  symlinkSync(join('..', 'node', 'bin', 'node'), join(to, 'node_modules', '.bin', 'node'));
}
