// Why: what Nova declares of its compute API stands in test/support/nova/ as data. This makes it anew from a conformance kit: a
// folder with Nova's schemas, routes, policies and samples as JSON. Only who takes over a newer Nova needs it.
//
//   node tools/nova-data.ts KIT          writes the files
//   node tools/nova-data.ts KIT --check  says which of them would change: then the exit status is 1

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedParts } from './nova-parts.ts';

const NOVA = join(import.meta.dirname, '..', 'test', 'support', 'nova');

interface Span {
  readonly min: string;
  readonly max: string | null;
}
type Named = Span & { readonly schema: string };

interface KitEndpoint {
  readonly id: string;
  readonly success: readonly (Span & { readonly code: number })[];
  readonly alsoReturns: readonly number[];
  readonly errors: readonly (Span & { readonly codes: readonly number[] })[];
  readonly request: readonly Named[];
  readonly query: readonly Named[];
  readonly response: readonly Named[];
  readonly policies: readonly string[];
}

interface KitRoute extends Span {
  readonly id: string;
  readonly removedInRelease: string | null;
  readonly success: KitEndpoint['success'];
}

interface KitRule {
  readonly name: string;
  readonly check: string;
  readonly scopeTypes: readonly string[];
  readonly deprecatedRules: readonly { readonly name: string }[];
}

type Sample = Readonly<Record<string, unknown>> & { readonly file: string };

const numberOf = (version: string): number => Number(version.split('.')[1]);

/** Spans as a history: what holds from each version on, `null` where nothing does any more. */
function historyOf<S extends Span, T>(spans: readonly S[], valueOf: (span: S) => T): Record<string, T | null> {
  const entries = new Map<number, T | null>();
  for (const { max } of spans) if (max !== null) entries.set(numberOf(max) + 1, null);
  for (const span of spans) entries.set(Math.max(1, numberOf(span.min)), valueOf(span));
  const sorted = [...entries].toSorted(([a], [b]) => a - b);
  return Object.fromEntries(sorted.map(([minor, value]) => [`2.${minor}`, value]));
}

const without = (record: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(record).filter(
      ([, value]) => value !== null && !(typeof value === 'object' && Object.keys(value).length === 0),
    ),
  );

function endpointOf({ id, min, max, removedInRelease, success }: KitRoute, known: KitEndpoint | undefined): object {
  const span = { min, max, removed: removedInRelease };
  if (known === undefined) return without({ id, ...span, success: historyOf(success, ({ code }) => code) });
  // what Nova's code stops to declare at the version at which the endpoint ends is not told twice
  const ended = (history: Record<string, unknown>): Record<string, unknown> =>
    max === null
      ? history
      : Object.fromEntries(Object.entries(history).filter(([version]) => numberOf(version) <= numberOf(max)));
  return {
    ...without({ id, ...span, success: ended(historyOf(known.success, ({ code }) => code)) }),
    ...without({ alsoReturns: known.alsoReturns }),
    errors: ended(historyOf(known.errors, ({ codes }) => codes.toSorted((a, b) => a - b))),
    ...without({
      request: ended(historyOf(known.request, ({ schema }) => schema)),
      query: ended(historyOf(known.query, ({ schema }) => schema)),
      response: ended(historyOf(known.response, ({ schema }) => schema)),
    }),
    policies: known.policies,
  };
}

const ruleOf = ({ name, check, scopeTypes, deprecatedRules }: KitRule): object => ({
  name,
  check,
  scopeTypes,
  ...without({
    replaces: deprecatedRules.map((rule) => rule.name).filter((older) => older !== name && !older.startsWith('rule:')),
  }),
});

/** Each sample with what it says; one that says the same as an earlier one names that. */
function withContents(samples: readonly Sample[], contentOf: (file: string) => unknown): object[] {
  const seen = new Map<string, string>();
  return samples.map((sample) => {
    const content = contentOf(sample.file);
    const text = JSON.stringify(content);
    const sameAs = seen.get(text);
    if (sameAs === undefined) seen.set(text, sample.file);
    return { ...without(sample), ...(sameAs === undefined ? { content } : { sameAs }) };
  });
}

/** JSON with one entry of each list or table a line. */
function linesOf(source: unknown, tables: Readonly<Record<string, object>>): string {
  const table = (value: object): string => {
    const rows = Array.isArray(value)
      ? value.map((row) => JSON.stringify(row))
      : Object.entries(value).map(([name, row]) => `${JSON.stringify(name)}: ${JSON.stringify(row)}`);
    const [open, close] = Array.isArray(value) ? '[]' : '{}';
    return `${open}\n${rows.join(',\n')}\n${close}`;
  };
  const parts = Object.entries(tables).map(([name, value]) => `${JSON.stringify(name)}: ${table(value)}`);
  return `{\n${[`"source": ${JSON.stringify(source)}`, ...parts].join(',\n')}\n}\n`;
}

/** What each file should hold, by its name. */
export function filesFrom(kit: string): ReadonlyMap<string, string> {
  const read = <T>(name: string): T => JSON.parse(readFileSync(join(kit, name), 'utf8')) as T;
  const { source, endpoints, definitions } = read<{
    source: Readonly<Record<string, string>>;
    endpoints: readonly KitEndpoint[];
    definitions: Readonly<Record<string, object>>;
  }>('schemas.json');
  const known = new Map(endpoints.map((one) => [one.id, one]));
  const { routes } = read<{ routes: readonly KitRoute[] }>('routes.json');
  const { macros, rules } = read<{ macros: readonly KitRule[]; rules: readonly KitRule[] }>('policies.json');
  const samples = withContents(read<Sample[]>('samples/index.json'), (file) => read(`samples/${file}`));
  const from = { project: source['project'], licence: source['licence'], commit: source['commit'] };
  const { parts, schemas } = sharedParts(definitions);
  return new Map([
    ['endpoints.json', linesOf(from, { endpoints: routes.map((route) => endpointOf(route, known.get(route.id))) })],
    ['schemas.json', linesOf(from, { parts, schemas })],
    ['policies.json', linesOf(from, { macros: macros.map(ruleOf), rules: rules.map(ruleOf) })],
    ['samples.json', linesOf(from, { samples })],
  ]);
}

/** The files that are not as the kit would make them. */
export const staleFiles = (kit: string): string[] =>
  [...filesFrom(kit)]
    .filter(([name, text]) => !existsSync(join(NOVA, name)) || readFileSync(join(NOVA, name), 'utf8') !== text)
    .map(([name]) => name);

if (import.meta.main) {
  const [kit, check] = process.argv.slice(2);
  if (kit === undefined || (check !== undefined && check !== '--check')) {
    console.error('usage: node tools/nova-data.ts KIT [--check]');
    process.exit(2);
  }
  const stale = staleFiles(kit);
  if (check === undefined) for (const [name, text] of filesFrom(kit)) writeFileSync(join(NOVA, name), text);
  for (const name of stale) console.log(`${name} ${check === undefined ? 'is new' : 'would change'}`);
  process.exitCode = check !== undefined && stale.length > 0 ? 1 : 0;
}
