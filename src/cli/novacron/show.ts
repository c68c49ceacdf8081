// Why: people read tables, programs JSON or YAML; whichever it is, it is what the API answered.

import { stringify } from 'yaml';
import { plain, plainJson } from '../../base/plain.ts';
import { table } from '../../base/table.ts';

export type Format = 'table' | 'json' | 'yaml';
type Tree = Readonly<Record<string, unknown>>;

function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (Array.isArray(value)) return value.map(cell).join(', ') || '-';
  if (typeof value !== 'object') return String(value as string | number | boolean);
  return (
    Object.entries(value)
      .map(([key, part]) => `${key}=${cell(part)}`)
      .join(', ') || '-'
  );
}

const oneLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');

/** The value of `memory_mb.used` in a tree. */
const at = (tree: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((part, key) => (part as Tree | null | undefined)?.[key], tree);

/** What of an answer a table has. */
export interface Shape {
  /** The list within the answer; undefined: it is one thing. */
  readonly list?: string;
  /** Columns of a list, each a path in its items. */
  readonly columns?: readonly string[];
  /** The text within the answer that is printed as it is. */
  readonly text?: string;
}

function tableOf(answer: Tree, { list, columns = [], text }: Shape): string {
  if (text !== undefined) return String((answer[text] as string | null) ?? '');
  if (list === undefined) {
    const rows = Object.entries(answer).map(([key, value]) => [key, oneLine(cell(value))]);
    return table([['field', 'value'], ...rows], [0, 1]);
  }
  const items = answer[list] as readonly unknown[];
  const rows = items.map((item) => columns.map((path) => oneLine(cell(at(item, path)))));
  return table(
    [columns.map((path) => path.replaceAll(/[._]/g, ' ')), ...rows],
    columns.map((_, index) => index),
  );
}

/** An answer as it is printed. */
export function shown(answer: Tree, format: Format, shape: Shape): string {
  if (format === 'json') return plainJson(answer);
  if (format === 'yaml') return plain(stringify(answer));
  return plain(tableOf(answer, shape));
}
