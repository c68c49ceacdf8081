// Why: release notes are written with each change (reno's format); which release has which one follows from its tags, as with reno.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** In the order in which they are read. */
export const SECTIONS = [
  'prelude',
  'upgrade',
  'security',
  'features',
  'fixes',
  'deprecations',
  'issues',
  'other',
] as const;
export type Section = (typeof SECTIONS)[number];

export const TITLES: Readonly<Record<Section, string>> = {
  prelude: 'In short',
  upgrade: 'When you upgrade',
  security: 'Security',
  features: 'New',
  fixes: 'Mended',
  deprecations: 'On its way out',
  issues: 'Known issues',
  other: 'Other',
};

/** The texts of one or many notes, by section; each in RST's inline marks, as written. */
export type Notes = Partial<Record<Section, readonly string[]>>;

export interface Release {
  readonly version: string;
  readonly date: Date;
  readonly notes: Notes;
}

const DIRECTORY = 'releasenotes/notes';

/** One file. Throws a section that reno would not know, and what is no text. */
export function parseNote(name: string, text: string): Notes {
  const content = parse(text) as Record<string, unknown> | null;
  const notes: Partial<Record<Section, string[]>> = {};
  for (const [key, value] of Object.entries(content ?? {})) {
    const section = SECTIONS.find((one) => one === key);
    if (section === undefined) throw new Error(`${name}: there is no section ${key}`);
    const items: unknown[] = Array.isArray(value) ? value : [value];
    if (!items.every((item) => typeof item === 'string')) throw new Error(`${name}: ${key} is no list of texts`);
    notes[section] = items.map((item) => item.trim());
  }
  return notes;
}

/** All of many notes, in their order. */
export function mergeNotes(all: readonly Notes[]): Notes {
  const merged: Partial<Record<Section, readonly string[]>> = {};
  for (const section of SECTIONS) {
    const texts = all.flatMap((notes) => notes[section] ?? []);
    if (texts.length > 0) merged[section] = texts;
  }
  return merged;
}

const git = (root: string, ...words: string[]): string =>
  execFileSync('git', words, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 }).trim();

/** Tags of releases that HEAD comes from, oldest first. */
const releaseTags = (root: string): string[] =>
  git(root, 'tag', '--merged', 'HEAD', '--list', 'v[0-9]*', '--sort=creatordate').split('\n').filter(Boolean);

const namesAt = (root: string, revision: string): string[] =>
  git(root, 'ls-tree', '--name-only', revision, `${DIRECTORY}/`)
    .split('\n')
    .filter((path) => path.endsWith('.yaml'))
    .map((path) => path.slice(DIRECTORY.length + 1));

/**
 * Every release with what is new in it, newest first; what no tag has yet belongs to `current`. A note counts as it reads today and
 * belongs to the first release that has it.
 */
export function readReleases(root: string, current: { version: string; date: Date }): Release[] {
  const names = readdirSync(join(root, DIRECTORY))
    .filter((name) => name.endsWith('.yaml'))
    .sort();
  const notes = new Map(
    names.map((name) => [name, parseNote(name, readFileSync(join(root, DIRECTORY, name), 'utf8'))]),
  );
  const left = new Set(names);
  const take = (some: readonly string[]): Notes =>
    mergeNotes(some.filter((name) => left.delete(name)).map((name) => notes.get(name) as Notes));
  const releases = releaseTags(root).map((tag) => ({
    version: tag.slice(1),
    date: new Date(git(root, 'log', '-1', '--format=%cI', tag)),
    notes: take(namesAt(root, tag)),
  }));
  const known = releases.find(({ version }) => version === current.version);
  if (known === undefined) releases.push({ ...current, notes: take(names) });
  return releases.reverse();
}
