// Why: the documents are a site too, that needs no server and no Internet: `node tools/site/main.ts [OUT]` writes it to dist/site and ends
// with status 1, naming them, where links of the documents lead nowhere.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import MiniSearch from 'minisearch';
import { computeRoutes } from '../../src/api/compute/index.ts';
import { type Examples, referencePage } from '../../src/api/reference/page.ts';
import { brokenLinks, brokenPlaces } from './links.ts';
import { makePage, type Page, placeOf, type Target } from './pages.ts';
import { indexOptions } from './search-options.ts';
import { between, documentOf, type Group, STYLE } from './template.ts';

const root = resolve(import.meta.dirname, '..', '..');
const out = resolve(process.argv[2] ?? join(root, 'dist', 'site'));
const git = (...words: string[]): string[] =>
  execFileSync('git', words, { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);

const tracked = git('ls-files', '--cached', '--others', '--exclude-standard');
const folders = new Set(
  tracked.flatMap((path) => path.split('/').map((_, index, all) => all.slice(0, index).join('/'))),
);
const sources = tracked.filter(
  (path) => path.endsWith('.md') && (/^(README|CONTRIBUTING)\.md$/.test(path) || /^(docs|clients)\//.test(path)),
);
const API = 'api.html';

/** A folder is its README where it has one. */
const pageAt = (path: string): string | null =>
  [path, `${path}/README.md`].find((one) => sources.includes(one)) ?? null;

/** Pictures and samples go along; what else the repository has is named, and not there to be clicked. */
const copied = new Set<string>();
function place(from: string): (target: Target) => string | null {
  return ({ path, fragment }) => {
    const page = pageAt(path as string);
    const hash = fragment === '' ? '' : `#${fragment}`;
    if (page !== null) return `${between(placeOf(from), placeOf(page))}${hash}` || hash;
    if (!tracked.includes(path as string)) return null;
    copied.add(path as string);
    return between(placeOf(from), placeOf(path as string));
  };
}

const pages = sources.map((source) => makePage(source, readFileSync(join(root, source), 'utf8'), place(source)));
const broken = brokenLinks(pages, (path) => tracked.includes(path) || folders.has(path));

const entryOf = ({ source, title }: Page) => ({ title, place: placeOf(source) });
const inOrder = (names: readonly string[]): Page[] =>
  names.map((name) => pages.find(({ source }) => source === name)).filter((page) => page !== undefined);
const FIRST = ['README.md', 'docs/installing.md', 'docs/operating.md', 'docs/monitoring/README.md'];
const rest = pages.filter(({ source }) => /^(docs\/[^/]+\.md|clients\/.*)$/.test(source) && !FIRST.includes(source));
const groups: Group[] = [
  {
    title: 'Begin and run',
    entries: [...inOrder(FIRST).map(entryOf), { title: 'Compute API', place: API }],
  },
  { title: 'What it does', entries: rest.map(entryOf).sort((a, b) => a.title.localeCompare(b.title)) },
  {
    title: 'How it is made',
    entries: [
      ...inOrder(['CONTRIBUTING.md']).map(entryOf),
      ...pages.filter(({ source }) => source.startsWith('docs/decisions/')).map(entryOf),
    ],
  },
];

const written = new Map<string, string>();
function write(name: string, text: string): void {
  if (name.endsWith('.html')) written.set(name, text);
  mkdirSync(dirname(join(out, name)), { recursive: true });
  writeFileSync(join(out, name), text);
}

rmSync(out, { recursive: true, force: true });
for (const { source, title, body } of pages) write(placeOf(source), documentOf(placeOf(source), title, body, groups));
for (const path of copied) {
  mkdirSync(dirname(join(out, placeOf(path))), { recursive: true });
  copyFileSync(join(root, path), join(out, placeOf(path)));
}
const examples = JSON.parse(readFileSync(join(root, 'docs', 'api-examples.json'), 'utf8')) as Examples;
write(API, referencePage(computeRoutes, examples).text);
copyFileSync(join(root, 'docs', 'openapi.json'), join(out, 'openapi.json'));

const index = new MiniSearch(indexOptions);
let id = 0;
for (const { source, title: page, sections } of pages)
  for (const { id: at, title, text } of sections)
    index.add({ id: id++, page, title, text, place: `${placeOf(source)}#${at}` });
write('search-index.js', `globalThis.searchIndex = ${JSON.stringify(JSON.stringify(index))};\n`);
const search = buildSync({
  entryPoints: [join(import.meta.dirname, 'search.ts')],
  bundle: true,
  minify: true,
  write: false,
  format: 'iife',
  target: 'es2022',
  banner: { js: '/* with minisearch, MIT, Copyright Luca Ongaro */' },
});
write('search.js', search.outputFiles[0]?.text ?? '');
write('site.css', STYLE);

const size = statSync(join(out, 'search-index.js')).size;
process.stdout.write(`${pages.length} pages in ${out}, ${id} sections to search (${Math.round(size / 1024)} KiB)\n`);
broken.push(...brokenPlaces(written, (place) => existsSync(join(out, place))));
for (const one of broken) process.stderr.write(`${one}\n`);
if (broken.length > 0 || !existsSync(join(out, 'index.html'))) process.exitCode = 1;
