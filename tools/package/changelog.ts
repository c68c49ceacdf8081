// Why: what changed is told in the forms in which people look for it (a page, dpkg's changelog, what apt-listchanges shows before an
// upgrade), all from the same notes.

import { debianVersion } from './version.ts';
import { type Notes, type Release, SECTIONS, TITLES } from './notes.ts';

const SOURCE = 'xloud-compute';
const WIDTH = 78;

/** RST's inline marks in those of Markdown. */
const markdown = (text: string): string =>
  text.replace(/``([^`]+)``/g, '`$1`').replace(/`([^`<]+) <([^>]+)>`_+/g, '[$1]($2)');
const bare = (text: string): string => text.replace(/``/g, '');

const asItem = (text: string, indent: string): string => text.split('\n').join(`\n${indent}`);

function sections(notes: Notes): string {
  return SECTIONS.flatMap((section) => {
    const texts = notes[section];
    if (texts === undefined) return [];
    return [`### ${TITLES[section]}\n\n${texts.map((text) => `- ${asItem(markdown(text), '  ')}`).join('\n')}\n`];
  }).join('\n');
}

/** CHANGELOG.md */
export const changelogPage = (releases: readonly Release[]): string =>
  [
    '# Changes\n\nMade of `releasenotes/notes`, newest release first.\n',
    ...releases.map(
      ({ version, date, notes }) => `## ${version} (${date.toISOString().slice(0, 10)})\n\n${sections(notes)}`,
    ),
  ].join('\n');

/** In lines of at most WIDTH characters. */
function wrapped(text: string, first: string, rest: string): string {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(/\s+/).filter(Boolean)) {
    if (!empty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = rest;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line].join('\n');
}

/** `Wed, 02 Dec 2026 03:22:44 +0000`, as dpkg wants it. */
const rfc2822 = (date: Date): string => date.toUTCString().replace('GMT', '+0000');

const entry = (version: string, body: string, maintainer: string, date: Date): string =>
  `${SOURCE} (${debianVersion(version)}) unstable; urgency=medium\n\n${body}\n\n -- ${maintainer}  ${rfc2822(date)}\n`;

const firstSentence = (text: string): string => /^.*?\.(?=\s|$)/s.exec(text)?.[0] ?? text;

/** debian/changelog: of each note its first sentence; the whole is in CHANGELOG.md beside it. */
export function debianChangelog(releases: readonly Release[], maintainer: string): string {
  return releases
    .map(({ version, date, notes }) => {
      const told = SECTIONS.flatMap((section) => notes[section] ?? []).map((text) =>
        wrapped(firstSentence(bare(text)), '  * ', '    '),
      );
      return entry(version, told.join('\n') || '  * Nothing that is seen from outside.', maintainer, date);
    })
    .join('\n');
}

/** NEWS.Debian: what to know before an upgrade; empty where no release says anything. */
export const debianNews = (releases: readonly Release[], maintainer: string): string =>
  releases
    .flatMap(({ version, date, notes }) => {
      if (notes.upgrade === undefined) return [];
      const body = notes.upgrade.map((text) => wrapped(bare(text), '  * ', '    ')).join('\n');
      return [entry(version, body, maintainer, date)];
    })
    .join('\n');
