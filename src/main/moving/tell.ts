// Why: results are printed for people, one line as soon as it is known, and for programs, as one JSON document of the same lines.

import type { Line, Verdict } from '../../ops/moving/deps.ts';

export type Format = 'text' | 'json';

/** Names of verdicts, for a plan and for an execution. */
export type Words = Readonly<Record<Verdict, string>>;

export const planWords: Words = {
  adopt: 'as is',
  change: 'changed',
  adopted: 'done before',
  there: 'is here',
  refuse: 'REFUSED',
  ignore: 'ignored',
};
export const doneWords: Words = { ...planWords, adopted: 'done', adopt: 'done', change: 'done' };

const VERDICT = 12;
const KIND = 13;

/** What would reach the terminal as a command, or break a line. */
const CONTROL = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
/** Characters of a line: rows may have a megabyte where a name belongs. */
const LONGEST = 2_000;

/** Names come from tenants: control characters must not reach the terminal or break lines. */
function onOneLine(text: string): string {
  const line = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return line.replaceAll(CONTROL, '?');
}

/** A document may be printed to a terminal too; in JSON these stand in texts alone. */
const escaped = (json: string): string =>
  json.replaceAll(CONTROL, (one) =>
    [...Array(one.length).keys()].map((at) => `\\u${one.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );

function textOf({ kind, name, title, host, verdict, why }: Line, words: Words): string {
  const called = title === undefined || title === '' ? '' : ` (${title})`;
  const where = host === undefined ? '' : ` on ${host}`;
  const because = why.length === 0 ? '' : `: ${why.join('; ')}`;
  return onOneLine(`${words[verdict].padEnd(VERDICT)}${kind.padEnd(KIND)}${name}${called}${where}${because}`);
}

/** How many of each verdict there are, by kind. */
type Counts = Record<string, Partial<Record<Verdict, number>>>;

function summary(counts: Counts, words: Words): string {
  return Object.entries(counts)
    .map(([kind, of]) => {
      const parts = Object.entries(of).map(([verdict, count]) => `${count} ${words[verdict as Verdict]}`);
      return `${kind}: ${parts.join(', ')}`;
    })
    .join('\n');
}

/**
 * Prints the lines as they come.
 * @returns how many were refused
 */
export async function tellLines(
  lines: AsyncIterable<Line>,
  words: Words,
  format: Format,
  print: (text: string) => void,
): Promise<number> {
  const counts: Counts = {};
  let first = true;
  if (format === 'json') print('{"lines": [');
  for await (const line of lines) {
    const of = (counts[line.kind] ??= {});
    of[line.verdict] = (of[line.verdict] ?? 0) + 1;
    print(format === 'json' ? `${first ? ' ' : ','}${escaped(JSON.stringify(line))}` : textOf(line, words));
    first = false;
  }
  if (format === 'json') print(`], "counts": ${JSON.stringify(counts)}}`);
  else print(first ? 'nothing' : `\n${summary(counts, words)}`);
  return Object.values(counts).reduce((sum, { refuse = 0 }) => sum + refuse, 0);
}
