// Why: what `xloud policy sample`, `list` and `check` print. All of it is derived: names, checks and sentences from the rules,
// operations from the routes that cite them, so that the sample file cannot say what is not so.

import type { Caller } from '../base/op.ts';
import type { Rule } from './base.ts';
import type { EffectiveRule } from './effective.ts';
import type { Explanation, Target } from './engine.ts';
import { allRules, findRule } from './index.ts';
import { type Policy, scopeOf } from './load.ts';

/** For the name of a rule, the operations that it decides on, each as `METHOD /path`. */
export type Operations = ReadonlyMap<string, readonly string[]>;

const LINE_CHARS = 100;

/** A policy.yaml with every rule commented out at its default; to override one, uncomment and change it. */
export function samplePolicy(operations: Operations): string {
  const head = [
    '# Policy file of xloud-compute. Every rule stands here at its default, commented out: uncomment what you change.',
    '# The language is that of oslo.policy: role:NAME, rule:NAME, credential:%(attribute of the target)s, and, or, not,',
    '# parentheses, "@" (always) and "!" (never). A changed file is in force within a second or so; one with a mistake is',
    '# reported in the log and the former rules stay.',
  ];
  return `${head.join('\n')}\n\n${allRules.map((rule) => sampleRule(rule, operations.get(rule.name) ?? [])).join('\n\n')}\n`;
}

function sampleRule(rule: Rule, operations: readonly string[]): string {
  const lines = [
    ...wrap(rule.description).map((line) => `# ${line}`),
    ...operations.map((operation) => `#   ${operation}`),
    ...(rule.scope.length === 0 ? [] : [`# Scope of the token: ${rule.scope.join(', ')}`]),
    ...(rule.replaces === null ? [] : [`# Older name, still read: ${rule.replaces}`]),
    `#${JSON.stringify(rule.name)}: ${JSON.stringify(rule.check)}`,
  ];
  return lines.join('\n');
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= LINE_CHARS) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const ORIGIN: Readonly<Record<EffectiveRule['source'], string>> = {
  default: '',
  file: '  # from the file',
  renamed: '  # from the file, under its older name',
  own: "  # the file's own",
};

/** The rules in force, one a line, as YAML: `policy.rules()` printed. */
export function listPolicies(rules: readonly EffectiveRule[]): string {
  return rules
    .map(({ name, check, source }) => `${JSON.stringify(name)}: ${JSON.stringify(check)}${ORIGIN[source]}\n`)
    .join('');
}

export interface PolicyVerdict {
  readonly allowed: boolean;
  /** The verdict and each part of the rule with its own answer, for people. */
  readonly text: string;
}

/** Whether a caller may, and why: undefined when no rule has that name. */
export function checkPolicy(policy: Policy, caller: Caller, name: string, target: Target): PolicyVerdict | undefined {
  const rule = findRule(name);
  if (rule === undefined) return undefined;
  const { scopeHolds, why } = policy.explain(caller, name, target);
  const allowed = scopeHolds && why.holds;
  const lines = [`${name}: ${allowed ? 'allowed' : 'denied'}`];
  if (!scopeHolds)
    lines.push(`  no   the token's scope is ${scopeOf(caller)}; the rule is for ${rule.scope.join(', ')}`);
  return { allowed, text: `${[...lines, ...explanationLines(why, 1)].join('\n')}\n` };
}

function explanationLines(why: Explanation, depth: number): string[] {
  const line = `${'  '.repeat(depth)}${why.holds ? 'yes' : 'no '}  ${why.text}`;
  return [line, ...why.parts.flatMap((part) => explanationLines(part, depth + 1))];
}
