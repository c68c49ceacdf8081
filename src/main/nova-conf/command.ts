// Why: `xloud config import`: the configuration goes to standard output or a file, what became of each option to the one who reads along.

import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { messageOf } from '../../base/errors.ts';
import { optionProblem } from '../config.ts';
import { bad } from '../config-values.ts';
import { type Import, importNovaConf, type Line, type Verdict } from './import.ts';
import { readWithin } from './file.ts';
import { mergeNovaConf, type NovaConf, parseNovaConf } from './parse.ts';

export interface Out {
  readonly print: (text: string) => void;
  readonly tell: (line: string) => void;
}

function read(file: string): NovaConf {
  let text: string;
  try {
    text = readWithin(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw bad(file, 'there is no such file');
    throw bad(file, messageOf(error));
  }
  try {
    return parseNovaConf(text);
  } catch (error) {
    throw bad(file, messageOf(error));
  }
}

/** Without those that this program would refuse, which are told as ignored. */
function accepted({ values, lines }: Import): Import {
  const problems = new Map<string, string>();
  for (const [section, options] of Object.entries(values))
    for (const [name, value] of Object.entries(options)) {
      const problem = optionProblem(section, name, value);
      if (problem !== null) problems.set(`${section}.${name}`, problem);
    }
  return {
    values: Object.fromEntries(
      Object.entries(values).map(([section, options]) => [
        section,
        Object.fromEntries(Object.entries(options).filter(([name]) => !problems.has(`${section}.${name}`))),
      ]),
    ),
    lines: lines.map((line): Line => {
      const why = line.becomes.flatMap((path) => problems.get(path) ?? []);
      return why.length === 0 ? line : { ...line, verdict: 'ignored', becomes: [], why: why.join('; ') };
    }),
  };
}

/** Names come out of files: none of them speaks to a terminal, or ends a comment. */
const onOneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');

const titles: readonly (readonly [Verdict, string])[] = [
  ['taken', 'taken'],
  ['changed', 'taken, but not as it stands there'],
  ['ignored', 'ignored'],
  ['unknown', 'not known here'],
];

/** What became of each option, by verdict. Values are not in it: there are passwords among them. */
export function reportOf(lines: readonly Line[]): readonly string[] {
  return titles.flatMap(([verdict, title]) => {
    const of = lines.filter((line) => line.verdict === verdict);
    if (of.length === 0) return [];
    const words = of.map(({ option, becomes, why }) => {
      const to = becomes.length === 0 ? '' : ` -> ${becomes.join(', ')}`;
      return `  [${option.replace('.', '] ')}${to}${why === '' || verdict === 'unknown' ? '' : `: ${why}`}`;
    });
    return [`${title} (${of.length}):`, ...words, ''];
  });
}

/** @throws a Fault for a file that cannot be read or written, is there already, or is no nova.conf */
export function importFiles(files: readonly string[], output: string | null, { print, tell }: Out): void {
  const found = accepted(importNovaConf(mergeNovaConf(files.map(read))));
  const filled = Object.fromEntries(
    Object.entries(found.values).filter(([, options]) => Object.keys(options).length > 0),
  );
  const text = `# Made of ${onOneLine(files.join(', '))} by \`xloud config import\`.\n${stringify(filled)}`;
  for (const line of reportOf(found.lines)) tell(onOneLine(line));
  if (output === null) return print(text.trimEnd());
  try {
    writeFileSync(output, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw bad(output, isThere ? 'exists, and is not overwritten: name another file' : messageOf(error));
  }
  tell(`written to ${output}; \`xloud config check --config ${output}\` reads it`);
}
