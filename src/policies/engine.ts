// Why: a policy decision stands on every request, often several times. Rules are turned into closures once, with their
// references bound, so that deciding costs no parsing and no search.

import { internal } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { type Check, type Template, parseRule, policySyntax } from './parse.ts';

/** Attributes of the one who asks, by oslo.policy's names (`credsOf`). */
export type Creds = Readonly<Record<string, unknown>>;
/** Attributes of what is asked for; keys are flat, so `%(a.b)s` reads the key `a.b`. */
export type Target = Readonly<Record<string, unknown>>;

/** Credentials made ready for many decisions. */
export interface Subject {
  readonly creds: Creds;
  /** In lower case: role names compare without regard to case. */
  readonly roles: ReadonlySet<string>;
}

/** Why a rule holds or not: each part of it with its own answer. A rule met a second time has no parts. */
export interface Explanation {
  readonly text: string;
  readonly holds: boolean;
  readonly parts: readonly Explanation[];
}

/** Rules made ready. A name that is not among them is denied, unless a rule called `default` decides, as in oslo.policy. */
export interface RuleSet {
  has(name: string): boolean;
  /** Throws the `policy.evaluation` fault where oslo.policy crashes: a dotted credential that leads through plain text. */
  allows(name: string, subject: Subject, target: Target): boolean;
  explain(name: string, subject: Subject, target: Target): Explanation;
  /** Names that some rule refers to and that are not defined, each with the rules that refer to it. */
  readonly missing: ReadonlyMap<string, readonly string[]>;
}

type Test = (subject: Subject, target: Target) => boolean;
interface Compiled {
  readonly test: Test;
  readonly height: number;
}

const NEVER: Compiled = { test: () => false, height: 1 };
const ALWAYS: Compiled = { test: () => true, height: 1 };
/** oslo.policy's `policy_default_rule`: decides in place of a rule that is not defined. */
const DEFAULT_RULE = 'default';

/** Makes credentials ready; `system` is added as another name of a system scope, as oslo.policy does. */
export function subjectOf(creds: Creds): Subject {
  const roles: unknown[] = Array.isArray(creds['roles']) ? creds['roles'] : [];
  const system = creds['system_scope'];
  return {
    creds: system ? { ...creds, system } : creds,
    roles: new Set(roles.map((role) => String(role).toLowerCase())),
  };
}

/** Parses and compiles rules given as text or lists; throws the `policy.syntax` fault, which names the rule. */
export function compile(rules: Readonly<Record<string, unknown>>): RuleSet {
  return compileChecks(
    new Map(
      Object.entries(rules).map(([name, rule]) => {
        try {
          return [name, parseRule(rule)] as const;
        } catch (error) {
          throw policySyntax(`${name}: ${(error as Error).message}`, name);
        }
      }),
    ),
  );
}

/** Binds parsed rules to each other; throws `policy.syntax` for a cycle of references and for rules that nest too deep. */
export function compileChecks(checks: ReadonlyMap<string, Check>): RuleSet {
  const done = new Map<string, Compiled>();
  const open: string[] = [];
  const missing = new Map<string, string[]>();

  const tooDeep = (): Error => {
    const name = open.at(-1) ?? '';
    return policySyntax(`${name}: rules and their references nest at most ${limits.policyDepth} deep`, name);
  };

  /** The rule that decides for a name: itself, else `default`, else none. */
  const standIn = (name: string): string | undefined =>
    checks.has(name) ? name : checks.has(DEFAULT_RULE) ? DEFAULT_RULE : undefined;

  const rule = (name: string, depth: number): Compiled => {
    const known = done.get(name);
    if (known !== undefined) {
      if (depth + known.height > limits.policyDepth) throw tooDeep();
      return known;
    }
    const check = checks.get(name);
    if (check === undefined) return NEVER;
    if (open.includes(name)) {
      const cycle = [...open.slice(open.indexOf(name)), name].join(' -> ');
      throw policySyntax(`rules refer to each other in a circle: ${cycle}`, name);
    }
    open.push(name);
    const compiled = node(check, depth);
    open.pop();
    done.set(name, compiled);
    return compiled;
  };

  const node = (check: Check, depth: number): Compiled => {
    if (depth > limits.policyDepth) throw tooDeep();
    switch (check.kind) {
      case 'always':
        return ALWAYS;
      case 'never':
        return NEVER;
      case 'not': {
        const inner = node(check.check, depth + 1);
        return { test: (subject, target) => !inner.test(subject, target), height: inner.height + 1 };
      }
      case 'and':
      case 'or': {
        const parts = check.checks.map((part) => node(part, depth + 1));
        const tests = parts.map((part) => part.test);
        return {
          test: check.kind === 'and' ? every(tests) : some(tests),
          height: 1 + parts.reduce((height, part) => Math.max(height, part.height), 0),
        };
      }
      case 'rule': {
        if (!checks.has(check.name)) missing.set(check.name, [...(missing.get(check.name) ?? []), open.at(-1) ?? '']);
        const name = standIn(check.name);
        if (name === undefined) return NEVER;
        const compiled = rule(name, depth + 1);
        return { test: compiled.test, height: compiled.height + 1 };
      }
      default:
        return { test: leaf(check), height: 1 };
    }
  };

  for (const name of checks.keys()) rule(name, 1);

  const testOf = (name: string): Test => {
    const stand = standIn(name);
    return (stand === undefined ? undefined : done.get(stand)?.test) ?? NEVER.test;
  };

  const explain = (check: Check, subject: Subject, target: Target, seen: Set<string>): Explanation => {
    const of = (part: Check): Explanation => explain(part, subject, target, seen);
    const text = label(check, checks);
    switch (check.kind) {
      case 'not': {
        const inner = of(check.check);
        return { text, holds: !inner.holds, parts: [inner] };
      }
      case 'and': {
        const parts = check.checks.map(of);
        return { text, holds: parts.every((part) => part.holds), parts };
      }
      case 'or': {
        const parts = check.checks.map(of);
        return { text, holds: parts.some((part) => part.holds), parts };
      }
      case 'rule': {
        const inner = checks.get(standIn(check.name) ?? '');
        const parts = inner === undefined || seen.has(check.name) ? [] : [inner];
        seen.add(check.name);
        return { text, holds: testOf(check.name)(subject, target), parts: parts.map(of) };
      }
      case 'always':
      case 'never':
        return { text, holds: check.kind === 'always', parts: [] };
      default:
        return { text, holds: leaf(check)(subject, target), parts: [] };
    }
  };

  return {
    has: (name) => checks.has(name),
    allows: (name, subject, target) => testOf(name)(subject, target),
    explain: (name, subject, target) => explain({ kind: 'rule', name }, subject, target, new Set()),
    missing,
  };
}

function label(check: Check, checks: ReadonlyMap<string, Check>): string {
  switch (check.kind) {
    case 'always':
      return '@ (always)';
    case 'never':
      return '! (never)';
    case 'not':
      return 'not';
    case 'and':
      return 'and: all of';
    case 'or':
      return 'or: any of';
    case 'rule': {
      if (checks.has(check.name)) return `rule:${check.name}`;
      return `rule:${check.name} (not defined: ${checks.has(DEFAULT_RULE) ? `'${DEFAULT_RULE}' decides` : 'denied'})`;
    }
    default:
      return check.source;
  }
}

// ---- closures

function every(tests: readonly Test[]): Test {
  return (subject, target) => {
    for (const test of tests) if (!test(subject, target)) return false;
    return true;
  };
}

function some(tests: readonly Test[]): Test {
  return (subject, target) => {
    for (const test of tests) if (test(subject, target)) return true;
    return false;
  };
}

function leaf(check: Extract<Check, { readonly match: Template }>): Test {
  const fill = filler(check.match);
  switch (check.kind) {
    case 'role': {
      const fixed = fixedText(check.match)?.toLowerCase();
      if (fixed !== undefined) return (subject) => subject.roles.has(fixed);
      return (subject, target) => {
        const match = fill(target);
        return match !== undefined && subject.roles.has(match.toLowerCase());
      };
    }
    case 'literal':
      return (_subject, target) => fill(target) === check.text;
    case 'attribute':
      return (subject, target) => {
        const match = fill(target);
        return match !== undefined && found(subject.creds, check.path, 0, match);
      };
  }
}

/** The template's text if the target has no part in it. */
function fixedText(match: Template): string | undefined {
  return match.every((part) => typeof part === 'string') ? match.join('') : undefined;
}

/** The template filled from a target, or undefined when the target lacks one of the attributes: then the check fails. */
function filler(match: Template): (target: Target) => string | undefined {
  const fixed = fixedText(match);
  if (fixed !== undefined) return () => fixed;
  const [only] = match;
  if (match.length === 1 && typeof only === 'object') return (target) => attribute(target, only.key);
  return (target) => {
    let text = '';
    for (const part of match) {
      const piece = typeof part === 'string' ? part : attribute(target, part.key);
      if (piece === undefined) return undefined;
      text += piece;
    }
    return text;
  };
}

function attribute(target: Target, key: string): string | undefined {
  if (!Object.hasOwn(target, key)) return undefined;
  const value = target[key];
  return value === undefined ? undefined : pythonText(value);
}

/** Whether the credential at `path` is `match`; any element of a list on the way, or at its end, will do. */
function found(value: unknown, path: readonly string[], at: number, match: string): boolean {
  const key = path[at];
  if (key === undefined) return pythonText(value) === match;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw internal('A policy rule could not be evaluated.', {
      code: 'policy.evaluation',
      detail: `${path.join('.')}: '${key}' is asked of a value that has no members`,
    });
  }
  if (!Object.hasOwn(value, key)) return false;
  const member = (value as Creds)[key];
  if (member === undefined) return false;
  if (typeof member === 'string' && at + 1 === path.length) return member === match;
  if (!Array.isArray(member)) return found(member, path, at + 1, match);
  return member.some((element: unknown) => found(element, path, at + 1, match));
}

/** A value as Python's `str()` writes it, which is what rules compare: None, True, 1e-05. */
function pythonText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
      return value ? 'True' : 'False';
    case 'bigint':
      return value.toString();
    case 'number': {
      if (value === 0 || Math.abs(value) >= 1e-4) return String(value);
      return value.toExponential().replace(/e-(\d)$/, 'e-0$1');
    }
    default:
      if (value === null) return 'None';
      throw internal('A policy rule could not be evaluated.', {
        code: 'policy.evaluation',
        detail: `a rule compares with a value that is no text, number, boolean or null (${typeof value})`,
      });
  }
}
