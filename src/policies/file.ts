// Why: the operator's policy.yaml (JSON is YAML too), read so that whatever is wrong with it is named with its line.

import { LineCounter, type Node, type Pair, isMap, isScalar, parseDocument } from 'yaml';
import { messageOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { type Check, parseRule, policySyntax } from './parse.ts';

/** One rule of the file. */
export interface FileRule {
  readonly check: Check;
  /** As written, for listings. */
  readonly text: string;
  /** 1 is the file's first line. */
  readonly line: number;
}

export type FileRules = ReadonlyMap<string, FileRule>;

/**
 * Reads the text of a policy file: a mapping of rule names to rules. Throws the `policy.syntax` fault, whose message begins
 * with `file:line:`. Stricter than PyYAML where that hides a mistake: a name given twice, `rule: !` without quotes (which
 * PyYAML reads as the empty text, that is "everybody"), and null are refused.
 */
export function parsePolicyFile(text: string, file: string): FileRules {
  const fail = (line: number, message: string, rule?: string): Error =>
    policySyntax(`${file}:${line}: ${message}`, rule);
  if (text.length > limits.policyFileBytes) throw fail(1, `a policy file has at most ${limits.policyFileBytes} bytes`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineOf = (node: unknown): number => lines.linePos((node as Node | null)?.range?.[0] ?? 0).line;
  const [error] = document.errors;
  if (error !== undefined) throw fail(lines.linePos(error.pos[0]).line, error.message);

  const { contents } = document;
  const rules = new Map<string, FileRule>();
  if (contents === null || (isScalar(contents) && contents.value === null)) return rules;
  if (!isMap(contents)) throw fail(lineOf(contents), 'a policy file is a mapping of rule names to rules');
  for (const { key, value } of contents.items as Pair<unknown, Node | null>[]) {
    const line = lineOf(key);
    if (!isScalar(key) || typeof key.value !== 'string') throw fail(line, 'the name of a rule must be a string');
    const name = key.value;
    if (value?.tag !== undefined) throw fail(line, `${name}: a YAML tag cannot stand here (quote the rule: "!")`, name);
    try {
      const raw: unknown = value === null ? null : value.toJS(document, { maxAliasCount: 100 });
      rules.set(name, { check: parseRule(raw), text: typeof raw === 'string' ? raw : JSON.stringify(raw), line });
    } catch (cause) {
      throw fail(line, `${name}: ${messageOf(cause)}`, name);
    }
  }
  return rules;
}
