// Why: who makes servers may say by labels which hosts he means (hint `host_labels`), in the form that Kubernetes has for nodes: a list of terms, one
// of which must hold, each a list of expressions that must all hold. Labels of a host are what its aggregates have under `label:` (metadata knows no
// slash: `label:node.example.org:disk`): what else aggregates say is nobody's to probe.

import type { Labels } from '../../domain/placement/hosts.ts';
import { limits } from '../../base/limits.ts';
import { hintOf } from '../hints.ts';
import { labelCheck } from '../labels.ts';
import type { Filter } from '../spec.ts';

interface Expression {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

type Test = (found: ReadonlySet<string>, values: readonly string[]) => boolean;

const operators = {
  In: (found, values) => values.some((value) => found.has(value)),
  NotIn: (found, values) => !values.some((value) => found.has(value)),
  Exists: (found) => found.size > 0,
  DoesNotExist: (found) => found.size === 0,
} as const satisfies Readonly<Record<string, Test>>;

type Operator = keyof typeof operators;

const MOST_TERMS = 16;
const MOST_EXPRESSIONS = 64;
const NONE: ReadonlySet<string> = new Set();

/** Of an aggregate's metadata. */
const labelKey = (key: string): string => `label:${key.replaceAll('/', ':')}`;

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

function expressionOf(part: unknown): Expression {
  const { key, operator, values = [] } = (part ?? {}) as Partial<Expression>;
  if (typeof key !== 'string' || key === '') throw new SyntaxError('an expression has no key');
  if (typeof operator !== 'string' || !Object.hasOwn(operators, operator) || !isTexts(values))
    throw new SyntaxError(`an expression of ${key} is none`);
  return { key, operator, values };
}

function termsOf(hint: unknown): readonly (readonly Expression[])[] {
  if (typeof hint !== 'string' || hint.length > limits.hostQueryCharacters)
    throw new SyntaxError('it is no text, or too long');
  const read: unknown = JSON.parse(hint);
  if (!Array.isArray(read) || read.length > MOST_TERMS || !read.every((term) => Array.isArray(term)))
    throw new SyntaxError('it is no list of lists of expressions');
  const terms = (read as unknown[][]).map((term) => term.map(expressionOf));
  if (terms.flat().length > MOST_EXPRESSIONS) throw new SyntaxError('it has too many expressions');
  return terms;
}

const holds = (labels: Labels, term: readonly Expression[]): boolean =>
  term.every(({ key, operator, values }) => operators[operator](labels.get(labelKey(key)) ?? NONE, values));

/** A hint that cannot be understood refuses every host: it must not be as if nothing had been asked for. */
export const hostLabelsFilter: Filter = ({ hints }) => {
  const hint = hintOf(hints, 'host_labels');
  if (hint === undefined) return null;
  let terms: readonly (readonly Expression[])[];
  try {
    terms = termsOf(hint);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return () => `cannot be asked: host_labels is not understood: ${why}`;
  }
  return labelCheck((labels) =>
    terms.some((term) => holds(labels, term)) ? null : 'has not the labels that are asked for',
  );
};
