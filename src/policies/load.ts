// Why: the enforcement point. It answers whether a caller may do something, by the rules that are in force now: the defaults
// with the operator's file over them, read again when the file changes.
//
// The file is looked at (one stat) at most once a second, when something is enforced. Not fs.watch: it misses files that are
// replaced by a rename, mounted from elsewhere or changed while nobody listens, and needs something to be closed.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { Fault, forbidden, messageOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Caller, Op } from '../base/op.ts';
import type { Rule, Scope } from './base.ts';
import { type UnjudgedCaller, credsOf, ownTarget } from './creds.ts';
import { defaultRules, type EffectiveRule, type EffectiveRules, effectiveRules } from './effective.ts';
import { type Explanation, type Subject, type Target, subjectOf } from './engine.ts';
import { parsePolicyFile } from './file.ts';
import { findRule } from './index.ts';

export interface PolicyOptions {
  /** Path of policy.yaml; without it the defaults are in force. It must exist when the program starts unless `optional` is set. */
  readonly file?: string;
  /** The file may be missing: it counts from the moment on when it is there. */
  readonly optional?: boolean;
  readonly log: Log;
  readonly clock: Clock;
}

export interface Policy {
  /** Throws the `forbidden` fault with Nova's text unless the caller may; `rule` must be one of `allRules`. */
  enforce(op: Op, rule: string, target: Target): void;
  allows(who: Op | Caller, rule: string, target: Target): boolean;
  /** Whether `context_is_admin` holds: what the authenticator puts into `Caller.isAdmin`. */
  isAdmin(caller: UnjudgedCaller): boolean;
  /** The rules in force. */
  rules(): readonly EffectiveRule[];
  /** Why a rule holds for a caller or not. The scope of the caller's token comes first: `scopeHolds`. */
  explain(caller: Caller, rule: string, target: Target): { readonly scopeHolds: boolean; readonly why: Explanation };
  /** No longer looks at the file; the rules stay. */
  close(): void;
}

/** The stamp of a file that is not there. Two equal stamps are taken for the same content. */
const ABSENT = 'absent';

/** Where the rules stand: the file that the configuration names, else `policy.yaml` of the data directory, if it is ever there. */
export const policyFile = (configured: string, dataDir: string): Required<Pick<PolicyOptions, 'file' | 'optional'>> =>
  configured === '' ? { file: join(dataDir, 'policy.yaml'), optional: true } : { file: configured, optional: false };

/** What a file says beside the defaults, with warnings. Throws as `makePolicy`. */
export const readPolicyFile = (path: string): EffectiveRules =>
  effectiveRules(parsePolicyFile(readText(path), path), path);

/** Throws a `policy.syntax` or `policy.unreadable` fault when the file cannot be used: the program must not start then. */
export function makePolicy({ file, optional = false, log, clock }: PolicyOptions): Policy {
  const load = (path: string): EffectiveRules => {
    const rules = readPolicyFile(path);
    for (const warning of rules.warnings) log.warn({ file: path }, `policy: ${warning}`);
    return rules;
  };

  // The stamp is taken before the file is read: a change in between is then seen at the next look.
  let stamp = file === undefined ? ABSENT : stampOf(file);
  const absent = stamp === ABSENT && (file === undefined || optional);
  let current = absent ? defaultRules() : load(file ?? '');
  let lookAfterMs = clock.now() + limits.policyCheckMs;
  let watched = file;

  /** Takes in a changed file. Whatever is wrong with it, the rules that were in force stay in force. */
  const refresh = (): void => {
    if (watched === undefined) return;
    const nowMs = clock.now();
    // A clock that was set back must not keep us from looking.
    if (nowMs < lookAfterMs && lookAfterMs - nowMs <= limits.policyCheckMs) return;
    lookAfterMs = nowMs + limits.policyCheckMs;
    const now = stampOf(watched);
    if (now === stamp) return;
    stamp = now;
    try {
      current = load(watched);
      log.info({ file: watched, rules: current.list.length }, 'policy: the changed file is in force');
    } catch (error) {
      log.error(
        { file: watched },
        `policy: the changed file is NOT in force, the former rules stay: ${messageOf(error)}`,
      );
    }
  };

  const remembered = <C extends UnjudgedCaller>(isAdminOf: (caller: C) => boolean | null) => {
    const subjects = new WeakMap<C, Subject>();
    return (caller: C): Subject => {
      const known = subjects.get(caller);
      if (known !== undefined) return known;
      const subject = subjectOf(credsOf(caller, isAdminOf(caller)));
      subjects.set(caller, subject);
      return subject;
    };
  };
  const subjectFor = remembered<Caller>((caller) => caller.isAdmin);
  const unjudgedSubjectFor = remembered<UnjudgedCaller>(() => null);

  const allows = (who: Op | Caller, name: string, target: Target): boolean => {
    refresh();
    const caller = 'caller' in who ? who.caller : who;
    return scopeHolds(knownRule(name), caller) && current.set.allows(name, subjectFor(caller), target);
  };

  return {
    allows,
    enforce: (op, rule, target) => {
      if (allows(op, rule, target)) return;
      throw forbidden(`Policy doesn't allow ${rule} to be performed.`, { code: 'policy.forbidden', detail: { rule } });
    },
    isAdmin: (caller) => {
      refresh();
      return current.set.allows('context_is_admin', unjudgedSubjectFor(caller), ownTarget(caller));
    },
    rules: () => {
      refresh();
      return current.list;
    },
    explain: (caller, name, target) => {
      refresh();
      return {
        scopeHolds: scopeHolds(knownRule(name), caller),
        why: current.set.explain(name, subjectFor(caller), target),
      };
    },
    close: () => {
      watched = undefined;
    },
  };
}

function knownRule(name: string): Rule {
  const rule = findRule(name);
  if (rule === undefined) throw new Error(`no policy rule is called ${name}`);
  return rule;
}

/** The kind of a caller's token, as oslo.policy tells them apart. */
export function scopeOf(caller: UnjudgedCaller): Scope {
  if (caller.systemScope !== null) return 'system';
  return caller.domainId ? 'domain' : 'project';
}

function scopeHolds(rule: Rule, caller: Caller): boolean {
  return rule.scope.length === 0 || rule.scope.includes(scopeOf(caller));
}

function stampOf(file: string): string {
  try {
    const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? ABSENT : [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ');
  } catch (error) {
    return messageOf(error);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Fault('internal', `the policy file cannot be read: ${messageOf(cause)}`, {
      code: 'policy.unreadable',
      cause,
    });
  }
}
