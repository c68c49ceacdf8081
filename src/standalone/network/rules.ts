// Why: what a caller may do to network objects, by Neutron's rules: the rule of the noun, then one for each attribute that has
// one. Neutron names rules so that they follow from noun, verb and attribute; which there are stands in the list of rules.

import type { Caller } from '../../base/op.ts';
import type { Reader } from '../../db/engine.ts';
import type { Target } from '../../policies/engine.ts';
import { citedRules, type RuleName } from '../../policies/index.ts';
import type { Allows, Guard } from '../access.ts';
import { asObject } from '../http.ts';
import type { Attributes, Values } from './attributes.ts';
import { missing, notAllowed } from './faults.ts';
import type { Noun, Owned } from './noun.ts';

type Verb = 'create' | 'get' | 'update' | 'delete';

const names: ReadonlySet<RuleName> = new Set(citedRules.map(({ name }) => name));

const named = (name: string): RuleName | null => (names.has(name as RuleName) ? (name as RuleName) : null);

/** What of a noun its rules are named after. */
interface Ruled {
  readonly singular: string;
  readonly ruled?: string;
}

const ruledAs = ({ singular, ruled = singular }: Ruled): string => ruled;

/** The rule about objects of a noun. */
export function nounRule(noun: Ruled, verb: Verb): RuleName {
  const rule = named(`${verb}_${ruledAs(noun)}`);
  if (rule === null) throw new Error(`no rule says who may ${verb} a ${ruledAs(noun)}`);
  return rule;
}

/** The rule about the tags of objects of a noun. */
export function tagRule({ collection }: { readonly collection: string }, verb: 'get' | 'update' | 'delete'): RuleName {
  const rule = named(`${verb}_${collection}_tags`);
  if (rule === null) throw new Error(`no rule says who may ${verb} tags of ${collection}`);
  return rule;
}

/** The rules about attributes and about members of them, by the rule about the whole. */
const byWhole = Map.groupBy(names, (name) => name.replace(/:.*/s, ''));

const attributeRules = (noun: Ruled, verb: Verb): readonly RuleName[] =>
  byWhole.get(`${verb}_${ruledAs(noun)}`)?.filter((name) => name.includes(':')) ?? [];

/** A route about one object that the caller has to see. */
export const ofObject = (noun: Ruled, rule: RuleName): Guard => ({
  of: rule,
  also: [
    nounRule(noun, 'get'),
    ...attributeRules(noun, 'get'),
    ...(rule === nounRule(noun, 'update') ? attributeRules(noun, 'update') : []),
  ],
});

/** A route about what is to be made. */
export const ofNew = (noun: Ruled): Guard => ({
  first: nounRule(noun, 'create'),
  also: [...attributeRules(noun, 'get'), ...attributeRules(noun, 'create')],
});

export const ownedBy = (projectId: string): Target => ({ project_id: projectId, tenant_id: projectId });

/** What rules may say of some objects to a caller, in their order. */
export async function targetsOf<T extends Owned>(
  reader: Reader,
  noun: Noun<T>,
  objects: readonly T[],
  caller: Caller,
): Promise<readonly Target[]> {
  const more = await noun.targets?.(reader, objects, caller);
  return objects.map(({ projectId }, at) => ({ ...ownedBy(projectId), ...more?.[at] }));
}

/** Whether a caller is not bound to one project: administrators and the other services. */
export const isEverywhere = (allows: Allows, caller: Caller): boolean =>
  caller.isAdmin || allows(caller, 'service_api', {});

/** Those of some objects that a caller's rule to see them lets through. */
export async function allowedOf<T extends Owned>(
  allows: Allows,
  reader: Reader,
  noun: Noun<T>,
  caller: Caller,
  objects: readonly T[],
): Promise<T[]> {
  const targets = await targetsOf(reader, noun, objects, caller);
  return objects.filter((_, at) => allows(caller, nounRule(noun, 'get'), targets[at] ?? {}));
}

/** An object with what rules may say of it. */
export interface Seen<T> {
  readonly object: T;
  readonly target: Target;
}

/** The object, if the caller may see it. @throws notFound */
export async function seen<T extends Owned>(
  allows: Allows,
  reader: Reader,
  noun: Noun<T>,
  caller: Caller,
  object: T | null,
  id: string,
): Promise<Seen<T>> {
  const knows =
    object !== null &&
    (isEverywhere(allows, caller) ||
      object.projectId === caller.projectId ||
      (await noun.sees(reader, caller, object)));
  if (!knows) throw missing(noun.singular, id);
  const [target = {}] = await targetsOf(reader, noun, [object], caller);
  if (!allows(caller, nounRule(noun, 'get'), target)) throw missing(noun.singular, id);
  return { object, target };
}

/** @throws forbidden unless the rule lets the caller */
export function mustMay(allows: Allows, caller: Caller, rule: RuleName, target: Target): void {
  if (!allows(caller, rule, target)) throw notAllowed(rule);
}

/** Members of the object that an attribute is, or of those that it lists. */
const membersOf = (value: unknown): string[] => [
  ...new Set([value].flat().flatMap((entry) => Object.keys(asObject(entry) ?? {}))),
];

/**
 * Every attribute that is set to something else than its default has to be the caller's to set.
 * @throws forbidden with the rule that says no
 */
export function mustMaySet(
  allows: Allows,
  caller: Caller,
  noun: Ruled & { readonly attributes: Attributes },
  verb: 'create' | 'update',
  values: Values,
  target: Target,
): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    if (verb === 'create' && JSON.stringify(value) === JSON.stringify(noun.attributes[name]?.byDefault)) continue;
    const own = `${verb}_${ruledAs(noun)}:${name}`;
    for (const rule of [own, ...membersOf(value).map((member) => `${own}:${member}`)].map(named)) {
      if (rule !== null) mustMay(allows, caller, rule, target);
    }
  }
}

/** What a caller may see of an object: without the attributes that a rule keeps. */
export function withoutHidden(
  allows: Allows,
  caller: Caller,
  noun: Ruled,
  view: Record<string, unknown>,
  target: Target,
): Record<string, unknown> {
  const prefix = `${nounRule(noun, 'get')}:`;
  const hidden = attributeRules(noun, 'get')
    .filter((rule) => rule.slice(prefix.length) in view && !allows(caller, rule, target))
    .map((rule) => rule.slice(prefix.length));
  if (hidden.length === 0) return view;
  return Object.fromEntries(Object.entries(view).filter(([name]) => !hidden.includes(name)));
}
