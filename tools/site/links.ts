// Why: a link that leads nowhere is found before a reader finds it.

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
