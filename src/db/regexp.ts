// Why: Nova's list filters are regular expressions for MySQL's REGEXP. SQLite has none, and JavaScript's own backtracks, so a
// pattern of a stranger could stop the process. This one runs all alternatives side by side: its time is pattern × text.
//
// Syntax: literals, `.`, `[...]` with ranges and negation, `^`, `$`, groups, `*`, `+`, `?`, `{m,n}`, backslash escapes with
// \d \w \s and their opposites. `|` is a literal, as Nova makes it (`_safe_regex_mysql`). Case matters.

import { badRequest, type Fault } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

type Test = (code: number) => boolean;

type Node =
  | { readonly kind: 'test'; readonly test: Test }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'sequence'; readonly nodes: readonly Node[] }
  | { readonly kind: 'repeat'; readonly node: Node; readonly least: number; readonly most: number };

type Instruction =
  | { readonly kind: 'test'; readonly test: Test }
  | { readonly kind: 'start' | 'end' | 'match' }
  | { readonly kind: 'split'; readonly first: number; readonly second: number };

const isDigit: Test = (code) => code >= 48 && code <= 57;
const isWord: Test = (code) =>
  isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
const isSpace: Test = (code) => code === 32 || (code >= 9 && code <= 13);
const not =
  (test: Test): Test =>
  (code) =>
    !test(code);

const escapes: Readonly<Record<string, Test>> = {
  d: isDigit,
  D: not(isDigit),
  w: isWord,
  W: not(isWord),
  s: isSpace,
  S: not(isSpace),
};

const posixClasses: Readonly<Record<string, Test>> = {
  digit: isDigit,
  space: isSpace,
  alnum: (code) => isWord(code) && code !== 95,
  alpha: (code) => isWord(code) && code !== 95 && !isDigit(code),
  lower: (code) => code >= 97 && code <= 122,
  upper: (code) => code >= 65 && code <= 90,
};

const META = /[\\^$.|?*+()[\]{}]/;

/** Whether a pattern says nothing but itself: then a search for the text is the same and uses no regular expression. */
export const isPlainText = (pattern: string): boolean => !META.test(pattern);

function bad(pattern: string, why: string): Fault {
  return badRequest(`Invalid filter: '${pattern}' is not a regular expression that is understood here: ${why}.`);
}

function parse(pattern: string): Node {
  const characters = Array.from(pattern);
  let at = 0;

  const sequence = (depth: number): Node => {
    if (depth > limits.patternDepth) throw bad(pattern, 'groups are nested too deeply');
    const nodes: Node[] = [];
    while (at < characters.length && characters[at] !== ')') nodes.push(quantified(atom(depth)));
    return { kind: 'sequence', nodes };
  };

  const atom = (depth: number): Node => {
    const character = characters[at++] as string;
    if (character === '^') return { kind: 'start' };
    if (character === '$') return { kind: 'end' };
    if (character === '.') return { kind: 'test', test: () => true };
    if (character === '[') return { kind: 'test', test: bracket() };
    if (character === '(') {
      if (characters[at] === '?') throw bad(pattern, "'(?' is not supported");
      const inner = sequence(depth + 1);
      if (characters[at++] !== ')') throw bad(pattern, "a ')' is missing");
      return inner;
    }
    if (character === '*' || character === '+' || character === '?') {
      throw bad(pattern, `nothing stands before '${character}'`);
    }
    if (character === '\\') {
      const next = characters[at++];
      if (next === undefined) throw bad(pattern, 'it ends with a backslash');
      if (/[1-9]/.test(next)) throw bad(pattern, 'back references are not supported');
      return { kind: 'test', test: escapes[next] ?? equals(next) };
    }
    return { kind: 'test', test: equals(character) };
  };

  const equals = (character: string): Test => {
    const wanted = character.codePointAt(0) as number;
    return (code) => code === wanted;
  };

  const bracket = (): Test => {
    const negated = characters[at] === '^';
    if (negated) at += 1;
    const tests: Test[] = [];
    for (let first = true; ; first = false) {
      const character = characters[at++];
      if (character === undefined) throw bad(pattern, "a ']' is missing");
      if (character === ']' && !first) break;
      if (character === '[' && characters[at] === ':') {
        const end = characters.indexOf(']', at);
        const name = characters.slice(at + 1, end - 1).join('');
        const test = posixClasses[name];
        if (end === -1 || characters[end - 1] !== ':' || test === undefined)
          throw bad(pattern, 'unknown character class');
        tests.push(test);
        at = end + 1;
        continue;
      }
      let low = character;
      if (character === '\\') {
        const next = characters[at++];
        if (next === undefined) throw bad(pattern, "a ']' is missing");
        const escaped = escapes[next];
        if (escaped !== undefined) {
          tests.push(escaped);
          continue;
        }
        low = next;
      }
      let high = low;
      if (characters[at] === '-' && characters[at + 1] !== undefined && characters[at + 1] !== ']') {
        high = characters[at + 1] as string;
        at += 2;
      }
      const from = low.codePointAt(0) as number;
      const to = high.codePointAt(0) as number;
      if (from > to) throw bad(pattern, `the range ${low}-${high} is reversed`);
      tests.push((code) => code >= from && code <= to);
    }
    const any: Test = (code) => tests.some((test) => test(code));
    return negated ? not(any) : any;
  };

  const quantified = (node: Node): Node => {
    let result = node;
    for (;;) {
      const character = characters[at];
      let bounds: [number, number];
      if (character === '*') bounds = [0, Infinity];
      else if (character === '+') bounds = [1, Infinity];
      else if (character === '?') bounds = [0, 1];
      else if (character === '{') {
        const close = characters.indexOf('}', at);
        const found = /^(\d{1,3})(,(\d{0,3}))?$/.exec(characters.slice(at + 1, Math.max(close, at + 1)).join(''));
        if (found === null) throw bad(pattern, "a '{' without its numbers");
        const least = Number(found[1]);
        const most = found[2] === undefined ? least : found[3] ? Number(found[3]) : Infinity;
        if (most < least) throw bad(pattern, 'a range of repetitions is reversed');
        bounds = [least, most];
        at = close;
      } else return result;
      at += 1;
      result = { kind: 'repeat', node: result, least: bounds[0], most: bounds[1] };
    }
  };

  const whole = sequence(0);
  if (at < characters.length) throw bad(pattern, "a ')' too many");
  return whole;
}

function emit(node: Node, pattern: string): Instruction[] {
  const program: Instruction[] = [];
  const push = (instruction: Instruction): number => {
    if (program.length >= limits.patternSteps) throw bad(pattern, 'it is too large');
    return program.push(instruction) - 1;
  };
  const walk = (part: Node): void => {
    if (part.kind === 'sequence') part.nodes.forEach(walk);
    else if (part.kind === 'repeat') {
      for (let count = 0; count < part.least; count += 1) walk(part.node);
      if (part.most === Infinity) {
        const split = push({ kind: 'split', first: 0, second: 0 });
        walk(part.node);
        push({ kind: 'split', first: split, second: split });
        program[split] = { kind: 'split', first: split + 1, second: program.length };
      } else {
        const splits: number[] = [];
        for (let count = part.least; count < part.most; count += 1) {
          splits.push(push({ kind: 'split', first: 0, second: 0 }));
          walk(part.node);
        }
        for (const split of splits) program[split] = { kind: 'split', first: split + 1, second: program.length };
      }
    } else push(part);
  };
  walk(node);
  push({ kind: 'match' });
  return program;
}

/**
 * A search (anywhere in the text) for a pattern of the syntax above. Throws a badRequest Fault for one that is not understood
 * or is too large.
 */
export function compilePattern(pattern: string): (text: string) => boolean {
  if (pattern.length > limits.patternCharacters) throw bad(pattern.slice(0, 40), 'it is too long');
  const program = emit(parse(pattern), pattern);
  return (text) => {
    const codes = Array.from(text, (character) => character.codePointAt(0) as number);
    let now: number[] = [];
    for (let at = 0; at <= codes.length; at += 1) {
      const seen = new Set<number>();
      const ready: number[] = [];
      const pending = [...now, 0];
      while (pending.length > 0) {
        const index = pending.pop() as number;
        if (seen.has(index)) continue;
        seen.add(index);
        const instruction = program[index] as Instruction;
        if (instruction.kind === 'match') return true;
        if (instruction.kind === 'split') pending.push(instruction.first, instruction.second);
        else if (instruction.kind === 'test') ready.push(index);
        else if (at === (instruction.kind === 'start' ? 0 : codes.length)) pending.push(index + 1);
      }
      now = [];
      const code = codes[at];
      if (code === undefined) break;
      for (const index of ready) {
        const instruction = program[index] as Instruction;
        if (instruction.kind === 'test' && instruction.test(code)) now.push(index + 1);
      }
    }
    return false;
  };
}

/** SQLite's `text REGEXP pattern`; each connection has one, which remembers its last pattern. */
export function makeRegexpFunction(): (pattern: unknown, text: unknown) => number | null {
  let last: { pattern: string; matches: (text: string) => boolean } | null = null;
  return (pattern, text) => {
    if (typeof pattern !== 'string' || typeof text !== 'string') return null;
    if (last?.pattern !== pattern) last = { pattern, matches: compilePattern(pattern) };
    return last.matches(text) ? 1 : 0;
  };
}
