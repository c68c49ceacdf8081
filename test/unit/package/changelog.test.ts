// What was changed is told once, in notes; whoever upgrades reads it in dpkg's words.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { changelogPage, debianChangelog, debianNews } from '../../../tools/package/changelog.ts';
import { mergeNotes, parseNote, readReleases } from '../../../tools/package/notes.ts';
import { checkedVersion, debianVersion, versionOf } from '../../../tools/package/version.ts';

const date = new Date('2026-12-02T03:22:44Z');
const notes = mergeNotes([
  parseNote(
    'a.yaml',
    'features:\n  - |\n    ``xloud api`` starts. It does more.\nupgrade:\n  - |\n    Say ``x: y`` first.\n',
  ),
  parseNote('b.yaml', 'prelude: >\n  A release.\nfixes:\n  - |\n    A thing: it works\n    again.\n'),
]);
const releases = [{ version: '1.2.0-dev.1.abc', date, notes }];

test('a version is that of the tag, or comes before the release that is worked on', () => {
  const at = { commit: '3010be95', committedAt: date, tags: [] };
  assert.equal(versionOf('0.1.0', { ...at, tags: ['v0.1.0'] }), '0.1.0');
  assert.equal(versionOf('0.1.0', { ...at, tags: ['v0.0.9'] }), '0.1.0-dev.20261202032244.3010be95');
  assert.equal(debianVersion('0.1.0-dev.20261202032244.3010be95'), '0.1.0~dev.20261202032244.3010be95');
  for (const wrong of ['1.2', '1.2.3_4', '1.2.3; rm', '']) assert.throws(() => checkedVersion(wrong), wrong);
});

test('a note with a section that nobody reads is refused', () => {
  assert.throws(() => parseNote('a.yaml', 'feature:\n  - typo\n'), /no section feature/);
  assert.throws(() => parseNote('a.yaml', 'features:\n  - {a: 1}\n'), /no list of texts/);
});

test('CHANGELOG.md has every text whole', () => {
  const page = changelogPage(releases);
  assert.match(page, /## 1\.2\.0-dev\.1\.abc \(2026-12-02\)/);
  assert.match(page, /### New\n\n- `xloud api` starts\. It does more\./);
  assert.match(page, /### In short\n\n- A release\./);
});

test("dpkg's changelog has the first sentence of each, in its form", () => {
  const text = debianChangelog(releases, 'Somebody <a@example.org>');
  assert.equal(
    text,
    [
      'xloud-compute (1.2.0~dev.1.abc) unstable; urgency=medium',
      '',
      '  * A release.',
      '  * Say x: y first.',
      '  * xloud api starts.',
      '  * A thing: it works again.',
      '',
      ' -- Somebody <a@example.org>  Wed, 02 Dec 2026 03:22:44 +0000',
      '',
    ].join('\n'),
  );
  assert.match(debianNews(releases, 'Somebody <a@example.org>'), /\n {2}\* Say x: y first\.\n/);
});

test('the notes of this checkout belong to one release each', () => {
  const root = join(import.meta.dirname, '..', '..', '..');
  const all = readReleases(root, { version: '9999.0.0', date });
  assert.equal(all[0]?.version, '9999.0.0');
  const texts = all.flatMap((release) => release.notes.features ?? []);
  assert.ok(texts.length > 100);
  assert.equal(new Set(texts).size, texts.length);
});
