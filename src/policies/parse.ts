// Why: oslo.policy's language, read once into a tree. Operators bring their policy.yaml along, so what is accepted here
// means exactly what it means there; what oslo.policy would only log and then deny (or crash on) is refused at load.

import { Fault, badRequest } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

/** Text with `%(key)s` holes that the target fills: strings stand for themselves, `{ key }` for a target's attribute. */
export type Template = readonly (string | { readonly key: string })[];

/** One rule as a tree. `attribute` compares a credential (dotted path), `literal` a constant, with the filled template. */
export type Check =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'not'; readonly check: Check }
  | { readonly kind: 'and' | 'or'; readonly checks: readonly Check[] }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'role'; readonly match: Template; readonly source: string }
  | { readonly kind: 'literal'; readonly text: string; readonly match: Template; readonly source: string }
  | { readonly kind: 'attribute'; readonly path: readonly string[]; readonly match: Template; readonly source: string };

const SYNTAX = 'policy.syntax';

/** The fault of a rule that cannot be read or used; `rule` names it where that is known. */
export function policySyntax(message: string, rule?: string): Fault {
  return badRequest(message, { code: SYNTAX, ...(rule === undefined ? {} : { detail: { rule } }) });
}

export function isPolicySyntax(error: unknown): error is Fault {
  return error instanceof Fault && error.code === SYNTAX;
}

/** Words that Python cannot read as a name, so that oslo.policy crashes on a check whose kind is one. */
const PYTHON_KEYWORDS = new Set(
  (
    'and as assert async await break class continue def del elif else except finally for from global if import in is ' +
    'lambda nonlocal not or pass raise return try while with yield'
  ).split(' '),
);
const CONSTANTS = new Set(['True', 'False', 'None']);

/**
 * Reads one rule: a string in the policy language, or the old form, a list of lists of checks (the outer joined by `or`, the
 * inner by `and`). `''` and `[]` always hold. Throws the `policy.syntax` fault for everything else, null among it: oslo.policy
 * takes null for "everybody", which no operator means.
 */
export function parseRule(rule: unknown): Check {
  if (typeof rule === 'string') return parseText(rule);
  if (Array.isArray(rule)) return parseList(rule);
  const what = rule === null || rule === undefined ? 'nothing' : typeof rule;
  throw policySyntax(
    `a rule must be a string or a list of lists of strings, not ${what} ('' or '@' always holds, '!' never)`,
  );
}

function parseList(rule: readonly unknown[]): Check {
  if (rule.length === 0) return { kind: 'always' };
  const alternatives: Check[] = [];
  for (const inner of rule) {
    const parts: unknown = typeof inner === 'string' && inner !== '' ? [inner] : inner;
    if (parts === '' || (Array.isArray(parts) && parts.length === 0)) continue;
    if (!Array.isArray(parts)) throw policySyntax('the list form holds strings, or lists of strings, only');
    alternatives.push(
      join(
        'and',
        parts.map((part: unknown) => {
          if (typeof part !== 'string') throw policySyntax('the list form holds strings, or lists of strings, only');
          if (part.length > limits.policyRuleChars) throw tooLong();
          return parseCheck(part);
        }),
      ),
    );
  }
  return alternatives.length === 0 ? { kind: 'never' } : join('or', alternatives);
}

function join(kind: 'and' | 'or', checks: readonly Check[]): Check {
  const [only] = checks;
  return checks.length === 1 && only !== undefined ? only : { kind, checks };
}

const tooLong = () => policySyntax(`a rule has at most ${limits.policyRuleChars} characters`);

// ---- text to tokens

type Token =
  | { readonly type: '(' | ')' | 'and' | 'or' | 'not'; readonly column: number }
  | { readonly type: 'check'; readonly check: Check; readonly column: number };

/** What Python's `\s` matches in text; JavaScript's own differs in a few characters. */
// oxlint-disable-next-line no-control-regex -- Python counts U+001C to U+001F as white space
const WORD = /[^\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;

function tokenize(rule: string): Token[] {
  const tokens: Token[] = [];
  for (const found of rule.matchAll(WORD)) {
    const word = found[0];
    let column = found.index + 1;
    let start = 0;
    while (word[start] === '(') {
      tokens.push({ type: '(', column });
      start += 1;
      column += 1;
    }
    let end = word.length;
    while (end > start && word[end - 1] === ')') end -= 1;
    const core = word.slice(start, end);
    const lower = core.toLowerCase();
    if (lower === 'and' || lower === 'or' || lower === 'not') tokens.push({ type: lower, column });
    else if (isQuoted(word.slice(start))) {
      throw policySyntax(`column ${column}: ${core} is a quoted string, not a check (a check is kind:value)`);
    } else if (core !== '') tokens.push({ type: 'check', check: at(column, core), column });
    for (let i = end; i < word.length; i += 1) tokens.push({ type: ')', column: column + i - start });
  }
  return tokens;
}

/** Whether the whole word stands in quotes; a closing parenthesis after it hides that, as in oslo.policy. */
function isQuoted(word: string): boolean {
  const first = word[0];
  return word.length >= 2 && (first === '"' || first === "'") && word.endsWith(first);
}

function at(column: number, source: string): Check {
  try {
    return parseCheck(source);
  } catch (error) {
    if (isPolicySyntax(error)) throw policySyntax(`column ${column}: ${error.message}`);
    throw error;
  }
}

// ---- tokens to tree: `not` binds tighter than `and`, `and` tighter than `or`

function parseText(rule: string): Check {
  if (rule === '') return { kind: 'always' };
  if (rule.length > limits.policyRuleChars) throw tooLong();
  const tokens = tokenize(rule);
  let next = 0;
  const fail = (wanted: string): Fault => {
    const token = tokens[next];
    if (token === undefined) return policySyntax(`${wanted} expected at the end of the rule`);
    return policySyntax(
      `column ${token.column}: ${wanted} expected, found ${token.type === 'check' ? 'a check' : `'${token.type}'`}`,
    );
  };
  const series = (kind: 'and' | 'or', operand: (depth: number) => Check, depth: number): Check => {
    const checks = [operand(depth)];
    while (tokens[next]?.type === kind) {
      next += 1;
      checks.push(operand(depth));
    }
    return join(kind, checks);
  };
  const alternatives = (depth: number): Check => series('or', conjunction, depth);
  const conjunction = (depth: number): Check => series('and', operand, depth);
  const operand = (depth: number): Check => {
    if (depth > limits.policyDepth) throw policySyntax(`a rule nests at most ${limits.policyDepth} deep`);
    const token = tokens[next];
    if (token?.type === 'check') {
      next += 1;
      return token.check;
    }
    if (token?.type === 'not') {
      next += 1;
      return { kind: 'not', check: operand(depth + 1) };
    }
    if (token?.type !== '(') throw fail("a check, 'not' or '('");
    next += 1;
    const inner = alternatives(depth + 1);
    if (tokens[next]?.type !== ')') throw fail("'and', 'or' or ')'");
    next += 1;
    return inner;
  };
  const tree = alternatives(1);
  if (next < tokens.length) throw fail("'and', 'or' or the end");
  return tree;
}

// ---- one check

function parseCheck(source: string): Check {
  if (source === '@') return { kind: 'always' };
  if (source === '!') return { kind: 'never' };
  const colon = source.indexOf(':');
  if (colon < 0) throw policySyntax(`'${source}' is not a check (a check is kind:value, '@' or '!')`);
  const kind = source.slice(0, colon);
  const value = source.slice(colon + 1);
  if (kind === 'rule') return { kind: 'rule', name: value };
  if (kind === 'http' || kind === 'https') {
    throw policySyntax(`'${source}': ${kind} checks are not supported; no request is sent to decide on another`);
  }
  const match = parseTemplate(value, source);
  if (kind === 'role') return { kind: 'role', match, source };
  const constant = literalText(kind);
  if (constant !== undefined) return { kind: 'literal', text: constant, match, source };
  if (!isPath(kind)) {
    throw policySyntax(
      `'${source}': '${kind}' is neither a credential (a.b), 'text' in quotes, an integer, True, False nor None`,
    );
  }
  return { kind: 'attribute', path: kind.split('.'), match, source };
}

/** The text of a constant kind as Python's `str()` gives it, or undefined if the kind is none. */
function literalText(kind: string): string | undefined {
  if (CONSTANTS.has(kind)) return kind;
  if (/^[+-]?(?:0+|[1-9]\d{0,17})$/.test(kind)) return BigInt(kind.replace('+', '')).toString();
  return /^(?:'[^'\\\p{Cc}\p{Cs}]*'|"[^"\\\p{Cc}\p{Cs}]*")$/u.test(kind) ? kind.slice(1, -1) : undefined;
}

/** Names joined by dots; a hyphen may stand within, as oslo.policy takes it for a difference of names and then for a key. */
function isPath(kind: string): boolean {
  if (!/^[A-Za-z_]\w*(?:[.-][A-Za-z_]\w*)*$/.test(kind)) return false;
  if (kind.split(/[.-]/).some((name) => PYTHON_KEYWORDS.has(name))) return false;
  return !/\.(?:True|False|None)(?:$|[.-])/.test(kind);
}

function parseTemplate(text: string, source: string): Template {
  const parts: (string | { key: string })[] = [];
  let literal = '';
  for (let i = 0; i < text.length; ) {
    const percent = text.indexOf('%', i);
    literal += text.slice(i, percent < 0 ? text.length : percent);
    if (percent < 0) break;
    const hole = /%(?:%|\(([^()]*)\)s)/y;
    hole.lastIndex = percent;
    const found = hole.exec(text);
    if (found === null) throw policySyntax(`'${source}': after % only %(attribute)s and %% are understood`);
    i = percent + found[0].length;
    if (found[1] === undefined) literal += '%';
    else {
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push({ key: found[1] });
    }
  }
  if (literal !== '') parts.push(literal);
  return parts;
}
