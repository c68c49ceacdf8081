// Why: Nova's list filters are regular expressions for MySQL's REGEXP. SQLite has none, and JavaScript's own backtracks, so a
// pattern of a stranger could stop the process. RE2's engine takes time in proportion to the text, whatever the pattern.

import { RE2JS } from 're2js';
import { badRequest, messageOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

const META = /[\\^$.|?*+()[\]{}]/;

/** Whether a pattern says nothing but itself: then a search for the text is the same and uses no regular expression. */
export const isPlainText = (pattern: string): boolean => !META.test(pattern);

const ASCII = /^[\x20-\x7e]*$/;

/**
 * What LIKE (with `!` before what is meant as it is) finds as a pattern does that is a text at the beginning, the end, or both: `^web`,
 * `-1$`, `^web-1$`; null for every other. Of letters beyond ASCII, engines and patterns differ in what is the same.
 */
export function anchoredLike(pattern: string): string | null {
  if (pattern.length > limits.patternCharacters) return null;
  const [, start, text = '', end] = /^(\^?)([^]*?)(\$?)$/.exec(pattern) ?? [];
  if ((start === '' && end === '') || !isPlainText(text) || !ASCII.test(text)) return null;
  const meant = text.toLowerCase().replaceAll(/[!%_]/g, '!$&');
  return `${start === '' ? '%' : ''}${meant}${end === '' ? '%' : ''}`;
}

/**
 * A search (anywhere in the text, in letters of either case) for a pattern in RE2's syntax, with `|` a literal as Nova makes it.
 * @throws badRequest for a pattern that is too long or not understood (back references and look-around among them)
 */
export function compilePattern(pattern: string): (text: string) => boolean {
  const refuse = (why: string) =>
    badRequest(`Invalid filter: '${pattern.slice(0, 80)}' is not a regular expression that is understood here: ${why}`);
  if (pattern.length > limits.patternCharacters) throw refuse('it is too long');
  try {
    const compiled = RE2JS.compile(withLiteralBars(pattern), RE2JS.CASE_INSENSITIVE);
    // a row costs its text times this, and counted repeats multiply it
    if (compiled.programSize() > limits.patternSteps) throw new Error('it says too much');
    return (text) => compiled.matcher(text).find();
  } catch (error) {
    throw refuse(messageOf(error));
  }
}

/** Escapes the `|` that are not escaped yet. */
export const withLiteralBars = (pattern: string): string =>
  pattern.replaceAll(/\\[^]|\|/g, (part) => (part === '|' ? '\\|' : part));

/**
 * SQLite's `text REGEXP pattern`; each connection has one, which remembers its last pattern. A statement runs in this process's one
 * thread: one that looks for longer than `limits.patternMs` is refused (badRequest).
 */
export function makeRegexpFunction(): (pattern: unknown, text: unknown) => number | null {
  let last: { pattern: string; matches: (text: string) => boolean } | null = null;
  let statementBegan: number | null = null;
  return (pattern, text) => {
    if (typeof pattern !== 'string' || typeof text !== 'string') return null;
    const now = performance.now();
    if (statementBegan === null) {
      statementBegan = now;
      setImmediate(() => (statementBegan = null));
    } else if (now - statementBegan > limits.patternMs) {
      throw badRequest('Invalid filter: looking for it takes too long; ask for less, or for plain text.');
    }
    if (last?.pattern !== pattern) last = { pattern, matches: compilePattern(pattern) };
    return last.matches(text) ? 1 : 0;
  };
}
