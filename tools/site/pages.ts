// Why: a page of Markdown becomes one of HTML, with what search and the check of links have to know of it.

import { dirname, join, normalize } from 'node:path/posix';
import MarkdownIt from 'markdown-it';

export interface Heading {
  readonly level: number;
  readonly id: string;
  readonly text: string;
}

/** What a link or a picture names. */
export interface Target {
  /** As written. */
  readonly href: string;
  /** In the repository; null: another place of the Web. */
  readonly path: string | null;
  /** Without `#`; empty: none. */
  readonly fragment: string;
}

export interface Page {
  /** In the repository: docs/operating.md */
  readonly source: string;
  readonly title: string;
  readonly body: string;
  readonly headings: readonly Heading[];
  readonly targets: readonly Target[];
  /** Text below each heading, for search. */
  readonly sections: readonly { readonly id: string; readonly title: string; readonly text: string }[];
}

/** The id of a heading as GitHub makes it, where the same links work. */
export function slug(text: string, taken: Map<string, number>): string {
  const plain = text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replace(/\s/g, '-');
  const times = taken.get(plain) ?? 0;
  taken.set(plain, times + 1);
  return times === 0 ? plain : `${plain}-${times}`;
}

const isElsewhere = (href: string): boolean => /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(href);

/** What a link on a page means. */
export function targetOf(source: string, href: string): Target {
  if (isElsewhere(href)) return { href, path: null, fragment: '' };
  const [path = '', fragment = ''] = href.split('#');
  const named = path === '' ? source : normalize(join(dirname(source), decodeURIComponent(path)));
  return { href, path: named.replace(/\/$/, ''), fragment: decodeURIComponent(fragment) };
}

/** HTML in a page is shown as text: pages are ours, and still nothing but Markdown. */
const markdown = new MarkdownIt({ html: false, linkify: false });

type Token = ReturnType<typeof markdown.parse>[number];

const textOf = (token: Token | undefined): string =>
  (token?.children ?? [])
    .map((one) => (one.type === 'softbreak' || one.type === 'hardbreak' ? ' ' : one.content))
    .join('');

/**
 * @param place the address on the site, from this page, of what a link names; null: it leads to nothing that the site has
 */
export function makePage(source: string, text: string, place: (target: Target) => string | null): Page {
  const tokens = markdown.parse(text, {});
  const taken = new Map<string, number>();
  const headings: Heading[] = [];
  const targets: Target[] = [];
  const sections: { id: string; title: string; text: string }[] = [];
  tokens.forEach((token, index) => {
    if (token.type === 'heading_open') {
      const heading = textOf(tokens[index + 1]);
      const id = slug(heading, taken);
      token.attrSet('id', id);
      headings.push({ level: Number(token.tag.slice(1)), id, text: heading });
      sections.push({ id, title: heading, text: '' });
    } else if (token.type === 'inline' || token.type === 'fence' || token.type === 'code_block') {
      const last = sections.at(-1);
      if (last !== undefined && tokens[index - 1]?.type !== 'heading_open')
        last.text += ` ${token.type === 'inline' ? textOf(token) : token.content}`;
    }
    for (const part of token.children ?? []) {
      const attribute = part.type === 'link_open' ? 'href' : part.type === 'image' ? 'src' : null;
      const href = attribute === null ? null : (part.attrGet(attribute) as string | null);
      if (attribute === null || href === null) continue;
      const target = targetOf(source, href);
      targets.push(target);
      const at = target.path === null ? null : place(target);
      if (at !== null) part.attrSet(attribute, at);
    }
  });
  const title = headings.find(({ level }) => level === 1)?.text ?? source;
  return { source, title, body: markdown.renderer.render(tokens, markdown.options, {}), headings, targets, sections };
}

/** Where a page of the repository is on the site: README.md is index.html of its folder. */
export const placeOf = (source: string): string =>
  source
    .replace(/^docs\/(?=.)/, '')
    .replace(/(^|\/)README\.md$/, '$1index.html')
    .replace(/\.md$/, '.html');
