// What the pages say is there: options, targets of make, files, subcommands. A newcomer who follows them must not meet one that is not.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { schema } from '../../../src/main/config.ts';
import { xloud } from '../../support/xloud.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGES = ['README.md', 'CONTRIBUTING.md', ...pagesBelow('docs')];

/** Every Markdown file of a folder, from the root of the checkout. */
function pagesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** What stands in a page as code: between back quotes, and in blocks. */
const codeOf = (page: string): string[] =>
  [...page.matchAll(/```[^\n]*\n(.*?)```|`([^`\n]+)`/gs)].map(([code]) => code);

/** The first groups of all matches, and where they are. */
const named = (pattern: RegExp, codeOnly = true): readonly (readonly [page: string, name: string])[] =>
  PAGES.flatMap((page) =>
    (codeOnly ? codeOf(read(page)) : [read(page)]).flatMap((text) =>
      [...text.matchAll(pattern)].map(([, name = '']) => [page, name] as const),
    ),
  );

/** The anchor of a heading, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');

/** The commands of the program, or of one of its commands, by its own help. */
async function commandsOf(parent: string): Promise<readonly string[]> {
  const { status, stdout } = await xloud(...(parent === '' ? [] : [parent]), '--help');
  assert.equal(status, 0, parent);
  const [, listed = ''] = stdout.split('\nCommands:\n');
  return [...listed.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
}

describe('what the pages name', () => {
  it('every option is in the configuration', () => {
    const sections: Readonly<Record<string, object>> = schema;
    const pattern = new RegExp(
      `(?<![\\w./-])((?:${Object.keys(sections).join('|')})\\.[a-z][a-z_]+)(?![\\w.(/-])`,
      'g',
    );
    const options = named(pattern).filter(([, name]) => !/\.(md|ts|yaml|json|io)$/.test(name));
    assert.ok(options.length > 20, 'options are named, and found');
    for (const [page, name] of options) {
      const [section = '', option = ''] = name.split('.');
      assert.ok(Object.hasOwn(sections[section] ?? {}, option), `${page}: ${name}`);
    }
  });

  it('every variable of the environment is an option', () => {
    const variables = named(/XLOUD_([A-Z]+__[A-Z_]+)/g);
    assert.ok(variables.length > 0);
    for (const [page, name] of variables) {
      const [section = '', option = ''] = name.toLowerCase().split('__');
      assert.ok(Object.hasOwn((schema as Readonly<Record<string, object>>)[section] ?? {}, option), `${page}: ${name}`);
    }
  });

  it('every target is in the Makefile', () => {
    const targets = new Set([...read('Makefile').matchAll(/^([a-z][a-z-]*):/gm)].map(([, name]) => name));
    const wanted = named(/\bmake ([a-z][a-z-]*)/g);
    assert.ok(wanted.length > 10);
    for (const [page, name] of wanted) assert.ok(targets.has(name), `${page}: make ${name}`);
  });

  it('every command of the program is one, and of the one that it is said to be of', async () => {
    const wanted = named(/(?:`|\$ |bin\/)xloud ([a-z][a-z-]*(?: [a-z][a-z-]*)?)/g);
    assert.ok(wanted.length > 5);
    const below = new Map<string, Promise<readonly string[]>>();
    const commandsBelow = (parent: string): Promise<readonly string[]> => {
      const known = below.get(parent) ?? commandsOf(parent);
      below.set(parent, known);
      return known;
    };
    assert.ok((await commandsBelow('')).length > 5);
    for (const [page, words] of wanted) {
      const [command = '', child] = words.split(' ');
      assert.ok((await commandsBelow('')).includes(command), `${page}: xloud ${words}`);
      if (child !== undefined) assert.ok((await commandsBelow(command)).includes(child), `${page}: xloud ${words}`);
    }
  });

  it('every link leads to a file, and to a heading of it', () => {
    const links = named(/\]\((?!https?:)([^)\s]+)\)/g, false);
    assert.ok(links.length > 20);
    for (const [page, link] of links) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path));
      assert.ok(existsSync(join(ROOT, target)), `${page}: ${link}`);
      if (anchor === undefined) continue;
      const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));
      assert.ok(headings.includes(anchor), `${page}: ${link}`);
    }
  });

  it('every file of the sources is there', () => {
    const files = named(/(?<![\w/.])((?:src|tools|test|migrations|bench)\/[\w./-]+\.\w+)/g).filter(
      ([, name]) => !name.includes('NAME'),
    );
    assert.ok(files.length > 20);
    for (const [page, name] of files) assert.ok(existsSync(join(ROOT, name)), `${page}: ${name}`);
  });

  it('every decision that is named is there, and numbers are given once', () => {
    const numbers = readdirSync(join(ROOT, 'docs/decisions')).flatMap((name) => /^0*(\d+)-/.exec(name)?.[1] ?? []);
    assert.equal(new Set(numbers).size, numbers.length, 'two decisions have one number');
    for (const [page, number] of named(/\bdecision (\d+)/g, false))
      assert.ok(numbers.includes(number), `${page}: ${number}`);
  });
});
