// Why: `docs/microversions.md` is derived: what each microversion changed here, for people who compare us with Nova.

import { type ApiChange, apiChanges } from '../api/changes.ts';
import { computeRoutes } from '../api/compute/index.ts';
import { versionText } from '../api/spans.ts';
import { MAX_MINOR } from '../domain/microversions.ts';

/** The clauses of one version, those that say the same of several routes as one. */
function clausesOf(changes: readonly ApiChange[]): string {
  const byWhat = Map.groupBy(changes, ({ what }) => what);
  return [...byWhat].map(([what, list]) => `${list.map(({ where }) => `\`${where}\``).join(', ')}: ${what}`).join('; ');
}

/** The whole page. */
export function microversionsPage(): string {
  const changes = Map.groupBy(apiChanges(computeRoutes), ({ minor }) => minor);
  const rows = Array.from({ length: MAX_MINOR - 1 }, (_, index) => index + 2).map((minor) => {
    const here = changes.get(minor);
    return `| ${versionText(minor)} | ${here === undefined ? '–' : clausesOf(here).replaceAll('|', '\\|')} |`;
  });
  return [
    '# Microversions',
    '',
    'What each microversion changed in the routes of this program, read off their histories (`make docs`). A dash: nothing in a',
    'path, a body, a query, a status or a shown field; such a version changed what is behind them, or a value in them.',
    '',
    '| version | change |',
    '|---|---|',
    ...rows,
    '',
  ].join('\n');
}
