// Why: which check is in force for a rule is decided in one place: the default, the file's, or the file's under an older name.
//
// As oslo.policy with enforce_scope and enforce_new_defaults, which are its recommended settings: the checks that a rule had
// in older releases are never or-ed to the new ones. A file that overrides a rule under the name it had before it was split
// or renamed still counts (so an upgrade never widens what an operator had narrowed), unless the new name stands there too.

import type { Rule } from './base.ts';
import { CREDENTIAL_NAMES } from './creds.ts';
import { type RuleSet, compileChecks } from './engine.ts';
import type { FileRules } from './file.ts';
import { allRules, findRule } from './index.ts';
import { type Check, isPolicySyntax, parseRule, policySyntax } from './parse.ts';

/** One rule as it is in force. */
export interface EffectiveRule {
  readonly name: string;
  /** The check in force, as written. */
  readonly check: string;
  /** `default`; `file`: overridden by name; `renamed`: overridden under its older name; `own`: known to the file alone. */
  readonly source: 'default' | 'file' | 'renamed' | 'own';
  /** Null for a rule of the file's own. */
  readonly rule: Rule | null;
}

export interface EffectiveRules {
  readonly list: readonly EffectiveRule[];
  readonly set: RuleSet;
  /** What does no harm but is probably not meant; each names the rule. */
  readonly warnings: readonly string[];
}

const defaults: ReadonlyMap<string, Check> = new Map(allRules.map((rule) => [rule.name, parseRule(rule.check)]));

/** Puts the file's rules over the defaults. Throws `policy.syntax` for a circle of references and for checks that cannot work. */
export function effectiveRules(overrides: FileRules, file: string): EffectiveRules {
  const warnings: string[] = [];
  const checks = new Map<string, Check>();
  const list: EffectiveRule[] = [];
  const add = (name: string, check: Check, text: string, source: EffectiveRule['source'], rule: Rule | null): void => {
    checks.set(name, check);
    list.push({ name, check: text, source, rule });
  };
  const where = (name: string): string => {
    const line = overrides.get(name)?.line;
    return line === undefined ? file : `${file}:${line}`;
  };

  for (const rule of allRules) {
    const own = overrides.get(rule.name);
    const older = rule.replaces === null ? undefined : overrides.get(rule.replaces);
    const byDefault = defaults.get(rule.name) as Check;
    if (own !== undefined) add(rule.name, own.check, own.text, 'file', rule);
    else if (older === undefined || (older.check.kind === 'rule' && older.check.name === rule.name)) {
      add(rule.name, byDefault, rule.check, 'default', rule);
    } else {
      add(rule.name, older.check, older.text, 'renamed', rule);
      warnings.push(
        `${where(rule.replaces ?? '')}: ${rule.replaces} is the older name of ${rule.name}, which it overrides`,
      );
    }
  }
  for (const [name, { check, text }] of overrides)
    if (findRule(name) === undefined) add(name, check, text, 'own', null);

  for (const [name, { check }] of overrides) {
    for (const path of credentialPaths(check)) {
      const [first = ''] = path;
      const at = `${where(name)}: ${name}: ${path.join('.')}`;
      if (!CREDENTIAL_NAMES.has(first)) warnings.push(`${at} is not a credential, so this part never holds`);
      else if (path.length > 1) throw policySyntax(`${at}: ${first} has no members`, name);
    }
  }

  const set = bind(checks, where);
  for (const [name, by] of set.missing) {
    warnings.push(`${where(by[0] ?? '')}: ${by.join(', ')}: rule:${name} is not defined, so this part never holds`);
  }
  const referred = new Set([...checks.values()].flatMap(references));
  const older = new Set(allRules.map((rule) => rule.replaces));
  for (const { name, source } of list) {
    if (source !== 'own' || referred.has(name) || older.has(name) || name === 'default') continue;
    warnings.push(`${where(name)}: ${name} is not the name of a rule, and no rule refers to it`);
  }
  return { list, set, warnings };
}

let unchanged: EffectiveRules | null = null;

/** The rules as they are where no file says otherwise, bound once for the process. */
export const defaultRules = (): EffectiveRules => (unchanged ??= effectiveRules(new Map(), ''));

function bind(checks: ReadonlyMap<string, Check>, where: (name: string) => string): RuleSet {
  try {
    return compileChecks(checks);
  } catch (error) {
    if (!isPolicySyntax(error)) throw error;
    const { rule } = error.detail as { rule: string };
    throw policySyntax(`${where(rule)}: ${error.message}`, rule);
  }
}

function* leaves(check: Check): Generator<Check> {
  if (check.kind === 'and' || check.kind === 'or') for (const part of check.checks) yield* leaves(part);
  else if (check.kind === 'not') yield* leaves(check.check);
  else yield check;
}

const references = (check: Check): string[] =>
  [...leaves(check)].flatMap((leaf) => (leaf.kind === 'rule' ? [leaf.name] : []));

const credentialPaths = (check: Check): (readonly string[])[] =>
  [...leaves(check)].flatMap((leaf) => (leaf.kind === 'attribute' ? [leaf.path] : []));
