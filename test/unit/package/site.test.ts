// Links of the documents lead somewhere: on the site, and where they are read in the repository.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { brokenLinks, brokenPlaces } from '../../../tools/site/links.ts';
import { makePage, placeOf, slug, targetOf } from '../../../tools/site/pages.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const nowhere = () => null;

test('no link of a document leads nowhere', () => {
  const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\n')
    .filter(Boolean);
  const folders = new Set(
    tracked.flatMap((path) => path.split('/').map((_, index, all) => all.slice(0, index).join('/'))),
  );
  const pages = tracked
    .filter((path) => path.endsWith('.md') && !path.startsWith('test/'))
    .map((path) => makePage(path, readFileSync(join(root, path), 'utf8'), nowhere));
  assert.ok(pages.length > 80);
  assert.deepEqual(
    brokenLinks(pages, (path) => tracked.includes(path) || folders.has(path)),
    [],
  );
});

test('a file that is missing and a heading that is missing are found', () => {
  const page = makePage(
    'docs/a.md',
    '# A\n\n[one](b.md) [two](#a) [three](#b) [four](../../x) [five](https://x.example/)',
    nowhere,
  );
  assert.deepEqual(
    brokenLinks([page], (path) => path === 'docs/a.md'),
    ['docs/a.md: there is no b.md', 'docs/a.md: #b: no such heading', 'docs/a.md: there is no ../../x'],
  );
});

test('of pages as they were written, what leads nowhere from a folder of files is found', () => {
  const pages = new Map([
    [
      'index.html',
      '<h2 id="top">x</h2><a href="a/b.html#one">b</a> <a href="/openapi.json">o</a> <script src="x.js"></script>',
    ],
    [
      'a/b.html',
      '<a href="../index.html#top">i</a> <a href="#two">two</a> <a href="../../c.html">c</a> <a href="https://x.example/">x</a>',
    ],
  ]);
  assert.deepEqual(
    brokenPlaces(pages, (place) => pages.has(place) && !place.startsWith('..')),
    [
      'index.html: a/b.html#one leads nowhere',
      'index.html: /openapi.json leads nowhere',
      'index.html: x.js leads nowhere',
      'a/b.html: #two leads nowhere',
      'a/b.html: ../../c.html leads nowhere',
    ],
  );
});

test("headings have GitHub's ids, and a second one of a name its own", () => {
  const taken = new Map<string, number>();
  assert.equal(slug('How much of a host is given away', taken), 'how-much-of-a-host-is-given-away');
  assert.equal(slug('Is `x.y` on, or off?', taken), 'is-xy-on-or-off');
  assert.equal(slug('Is `x.y` on, or off?', taken), 'is-xy-on-or-off-1');
});

test('a page is where its folder is, and its HTML is text', () => {
  assert.equal(placeOf('README.md'), 'index.html');
  assert.equal(placeOf('docs/decisions/README.md'), 'decisions/index.html');
  assert.equal(targetOf('docs/a.md', 'decisions/').path, 'docs/decisions');
  const { body } = makePage('a.md', '# A <b>\n\n<script>x</script>\n\n[x](javascript:alert)', nowhere);
  assert.doesNotMatch(body, /<script|<b>|href="javascript/);
});
