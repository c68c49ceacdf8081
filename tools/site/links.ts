// Why: a link that leads nowhere is found before a reader finds it.

import { posix } from 'node:path';
import type { Page } from './pages.ts';

/**
 * Every link of pages that names no file, or no heading of its page.
 * @param exists whether the repository has a file or folder
 */
export function brokenLinks(pages: readonly Page[], exists: (path: string) => boolean): string[] {
  const ids = new Map(pages.map(({ source, headings }) => [source, new Set(headings.map(({ id }) => id))]));
  return pages.flatMap(({ source, targets }) =>
    targets.flatMap(({ href, path, fragment }) => {
      if (path === null) return [];
      if (path.startsWith('..') || !exists(path)) return [`${source}: there is no ${href}`];
      const known = ids.get(path);
      if (fragment !== '' && known !== undefined && !known.has(fragment))
        return [`${source}: ${href}: no such heading`];
      return [];
    }),
  );
}

const LINK = /\b(?:href|src)="([^"]*)"/g;
const ID = /\bid="([^"]*)"/g;

/**
 * Every link of pages as they were written that a reader of the files cannot follow. It sees too what was not made of Markdown.
 * @param pages HTML by where it is: `decisions/index.html`
 * @param exists whether the site has a file
 */
export function brokenPlaces(pages: ReadonlyMap<string, string>, exists: (place: string) => boolean): string[] {
  const ids = new Map([...pages].map(([place, text]) => [place, new Set([...text.matchAll(ID)].map(([, id]) => id))]));
  const leadsSomewhere = (from: string, href: string): boolean => {
    if (/^(https?|mailto):/.test(href)) return true;
    const [path = '', fragment = ''] = href.split('#').map(decodeURIComponent);
    const place = path === '' ? from : posix.join(posix.dirname(from), path);
    if (path.startsWith('/') || place.startsWith('..') || !exists(place)) return false;
    return fragment === '' || ids.get(place)?.has(fragment) !== false;
  };
  return [...pages].flatMap(([from, text]) => {
    const links = new Set([...text.matchAll(LINK)].map(([, href]) => href as string));
    return [...links].filter((href) => !leadsSomewhere(from, href)).map((href) => `${from}: ${href} leads nowhere`);
  });
}
