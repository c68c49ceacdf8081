// Why: packages, the tarball and the image are the same tree, which is made once.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { licencesPage, licensed } from './licences.ts';
import { completion, type CommandTree, manualPage, readCommands } from './manual.ts';
import {
  copyNode,
  copyPackages,
  type Installed,
  installedAt,
  nodeLicenceFolder,
  nodePackage,
  productionPackages,
} from './production.ts';
import { billOf, npmBill } from './sbom.ts';

export interface Build {
  /** The checkout. */
  readonly root: string;
  readonly version: string;
  /** Of the commit: every date in what is built. */
  readonly date: Date;
}

/** Of these something is in the script of the dashboard (src/faces/dashboard/bundle.ts). */
const BUNDLED = ['preact', '@preact/signals', '@preact/signals-core'];

/** What goes along, from the checkout, beside the program. */
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'LICENSE', 'docs', 'releasenotes'];

const MANUAL_END = `.SH FILES
.TP
.I /etc/xloud/api.yaml, worker.yaml, agent.yaml, all.yaml
The configuration of each service.
.TP
.I /var/lib/xloud
What the services keep, each in a folder of its own.
.SH SEE ALSO
.BR openstack (1),
.BR virsh (1),
.BR journalctl (1)`;

/** Compiles into the checkout's dist/, of which nothing older stays. */
function compile(root: string): void {
  for (const name of ['src', 'migrations', 'docs', 'package.json'])
    rmSync(join(root, 'dist', name), { recursive: true, force: true });
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** The program as it is installed, in `to`: bin, dist, node_modules, package.json. */
function stageProgram({ root, version }: Build, packages: readonly Installed[], to: string): void {
  mkdirSync(to, { recursive: true });
  cpSync(join(root, 'bin'), join(to, 'bin'), { recursive: true });
  for (const name of ['src', 'migrations', 'docs'])
    cpSync(join(root, 'dist', name), join(to, 'dist', name), {
      recursive: true,
      filter: (source) => !source.endsWith('.map'),
    });
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  const { name, description, license, type, bin, dependencies } = manifest;
  const own = `${JSON.stringify({ name, version, description, license, type, private: true, bin, dependencies }, null, 2)}\n`;
  writeFileSync(join(to, 'package.json'), own);
  writeFileSync(join(to, 'dist', 'package.json'), own);
  copyPackages(root, packages, to);
  copyNode(root, to);
}

/** Licences and the bill of materials of all that is delivered. */
function stagePapers({ root, version, date }: Build, packages: readonly Installed[], to: string): void {
  const bundled = BUNDLED.map((name) => installedAt(root, join('node_modules', name)));
  const node = nodePackage(root);
  const all = [...packages, ...bundled].map((one) => licensed(root, one));
  writeFileSync(
    join(to, 'THIRD-PARTY-LICENCES.txt'),
    licencesPage([...all, licensed(root, node, nodeLicenceFolder())]),
  );
  writeFileSync(join(to, 'sbom.cdx.json'), billOf(npmBill(root), [...packages, ...bundled, node], version, date));
}

/** What a staged program says of its commands. */
export const commandsOf = (staged: string, name: string): CommandTree =>
  readCommands([name], ([, ...words]) =>
    execFileSync(join(staged, 'bin', name), [...words, '--help'], { encoding: 'utf8' }),
  );

function stageManual({ version, date }: Build, to: string): void {
  mkdirSync(join(to, 'completions'));
  for (const name of ['xloud', 'novacron']) {
    const tree = commandsOf(to, name);
    writeFileSync(join(to, `${name}.1`), manualPage(tree, version, date, name === 'xloud' ? MANUAL_END : ''));
    writeFileSync(join(to, 'completions', name), completion(tree));
  }
  // what Node compiled while it was asked
  rmSync(join(to, '.cache'), { recursive: true, force: true });
}

/** The whole tree, whose files are of the commit's moment. */
export function stage(build: Build, to: string): void {
  rmSync(to, { recursive: true, force: true });
  compile(build.root);
  const packages = productionPackages(build.root);
  stageProgram(build, packages, to);
  stagePapers(build, packages, to);
  // what git knows: of a checkout that is worked in, folders and files are left that a fresh one has not
  for (const path of execFileSync('git', ['ls-files', '-z', ...DOCUMENTS], { cwd: build.root, encoding: 'utf8' }).split(
    '\0',
  ))
    if (path !== '') cpSync(join(build.root, path), join(to, path));
  cpSync(join(build.root, 'packaging', 'etc'), join(to, 'etc', 'xloud'), { recursive: true });
  mkdirSync(join(to, 'systemd'));
  const debian = join(build.root, 'packaging', 'debian');
  for (const name of readdirSync(debian).filter((one) => one.endsWith('.service')))
    cpSync(join(debian, name), join(to, 'systemd', name));
  stageManual(build, to);
}
