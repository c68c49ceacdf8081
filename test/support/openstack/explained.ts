// Why: a difference from Nova is stated once, in docs/openstack-client.md, where people read it and tests hold to it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientName } from './process.ts';
import type { Difference } from './shape.ts';

const PAGE = join(import.meta.dirname, '..', '..', '..', 'docs/openstack-client.md');
const KINDS: readonly Difference['kind'][] = ['Fields', 'Forms', 'Words'];

export interface Explained {
  /** The row, for people. */
  readonly row: string;
  readonly concerns: (which: ClientName) => boolean;
  readonly covers: (difference: Difference) => boolean;
}

/** The rows of the table under a heading of the page, by their cells. */
function tableOf(heading: string): readonly (readonly string[])[] {
  const [, part = ''] = readFileSync(PAGE, 'utf8').split(`\n## ${heading}\n`);
  const [section = ''] = part.split('\n## ');
  const [, ...rows] = section.split('\n').filter((line) => line.startsWith('| '));
  return rows.map((row) =>
    row
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', ''))
      .slice(1, -1),
  );
}

/** A cell names one thing, or with `*` all that are so called. */
const pattern = (cell = '') => new RegExp(`^${cell.replaceAll(/[^\w* -]/g, '\\$&').replaceAll('*', '.*')}$`, 's');

/** What differs and why; `-` stands for what is not there. */
export const explained: readonly Explained[] = KINDS.flatMap((kind) =>
  tableOf(kind).map(([client, ...cells]) => {
    const [command, field, nova, here] = cells.map(pattern);
    return {
      row: [kind, client, ...cells.slice(0, 2)].join(' | '),
      concerns: (which) => client === 'both' || client === which,
      covers: (difference) =>
        difference.kind === kind &&
        command?.test(difference.command) === true &&
        field?.test(difference.field) === true &&
        nova?.test(difference.nova) === true &&
        here?.test(difference.here) === true,
    } satisfies Explained;
  }),
);

/** The commands that the walk leaves out. */
export const notRun: ReadonlySet<string> = new Set(tableOf('Commands not run').map(([command = '']) => command));
