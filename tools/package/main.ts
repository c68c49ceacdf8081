// Why: one command makes what is installed: `node tools/package/main.ts [--version V] [--only deb|tarball] [--out DIR]` writes Debian packages,
// a tarball and their sums to dist/packages. The same commit gives the same bytes.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { changelogPage, debianChangelog, debianNews } from './changelog.ts';
import { readReleases } from './notes.ts';
import { type Build, stage } from './stage.ts';
import { checkedVersion, type Checkout, versionOf } from './version.ts';

const root = resolve(import.meta.dirname, '..', '..');
const work = join(root, 'dist', 'build');

const run = (file: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = process.env): void =>
  void execFileSync(file, args, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });

const git = (...words: string[]): string => execFileSync('git', words, { cwd: root, encoding: 'utf8' }).trim();

const checkout = (): Checkout => ({
  commit: git('rev-parse', '--short=8', 'HEAD'),
  committedAt: new Date(git('log', '-1', '--format=%cI')),
  tags: git('tag', '--points-at', 'HEAD').split('\n').filter(Boolean),
});

const maintainer = (): string =>
  /^Maintainer: (.*)$/m.exec(readFileSync(join(root, 'packaging', 'debian', 'control'), 'utf8'))?.[1] as string;

/** What Debian's tools build: the tree in the places where it is installed, and debian/ beside it. */
function layOut(tree: string, source: string, build: Build): void {
  const program = join(source, 'usr', 'lib', 'xloud');
  mkdirSync(program, { recursive: true });
  for (const name of readdirSync(tree)) {
    const isProgram = ['bin', 'dist', 'node_modules', 'package.json'].includes(name);
    cpSync(join(tree, name), join(isProgram ? program : source, name), { recursive: true, verbatimSymlinks: true });
  }
  cpSync(join(root, 'packaging', 'debian'), join(source, 'debian'), { recursive: true });
  const releases = readReleases(root, build);
  writeFileSync(join(source, 'debian', 'changelog'), debianChangelog(releases, maintainer()));
  const news = debianNews(releases, maintainer());
  if (news !== '') writeFileSync(join(source, 'debian', 'xloud-common.NEWS'), news);
}

/** Everything in a tree is of one moment: what is packed does not tell when, or in which order, it was written. */
const setTimes = (tree: string, epoch: number): void =>
  run('find', [tree, '-exec', 'touch', '--no-dereference', `--date=@${epoch}`, '{}', '+'], root);

function buildDebs(tree: string, build: Build, epoch: number): void {
  const source = join(work, 'xloud-compute');
  layOut(tree, source, build);
  setTimes(source, epoch);
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch), DEB_BUILD_OPTIONS: 'nocheck', LC_ALL: 'C.UTF-8' };
  run('dpkg-buildpackage', ['--build=binary', '--no-sign', '--no-check-builddeps'], source, env);
  for (const name of readdirSync(work).filter((one) => one.endsWith('.deb')))
    renameSync(join(work, name), join(out, name));
}

function buildTarball(tree: string, name: string, epoch: number): void {
  setTimes(tree, epoch);
  // rights that do not tell under which umask the checkout was made
  const words = ['--sort=name', `--mtime=@${epoch}`, '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX'];
  const tar = join(work, `${name}.tar`);
  run('tar', [...words, '--format=gnu', '-cf', tar, '-C', work, name], root);
  run('gzip', ['-n', '-9', tar], root);
  renameSync(`${tar}.gz`, join(out, `${name}.tar.gz`));
}

function writeSums(): void {
  const sums = readdirSync(out)
    .filter((name) => /\.(deb|tar\.gz)$/.test(name))
    .sort()
    .map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(out, name)))
          .digest('hex')}  ${name}\n`,
    );
  writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
  process.stdout.write(sums.join(''));
}

process.umask(0o022);
const { values } = parseArgs({
  options: { version: { type: 'string' }, only: { type: 'string' }, out: { type: 'string' } },
});
const out = resolve(values.out ?? join(root, 'dist', 'packages'));
const at = checkout();
const release = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
const version = values.version ? checkedVersion(values.version) : versionOf(release, at);
const build: Build = { root, version, date: at.committedAt };
const epoch = at.committedAt.getTime() / 1000;
const arch = process.arch === 'x64' ? 'amd64' : process.arch;
const name = `xloud-compute-${version}-linux-${arch}`;

for (const directory of [work, out]) rmSync(directory, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const tree = join(work, name);
stage(build, tree);
writeFileSync(join(tree, 'CHANGELOG.md'), changelogPage(readReleases(root, build)));
if (values.only !== 'deb') buildTarball(tree, name, epoch);
if (values.only !== 'tarball') buildDebs(tree, build, epoch);
writeSums();
rmSync(work, { recursive: true, force: true });
