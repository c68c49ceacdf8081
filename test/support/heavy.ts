// Why: a bound that is declared is a promise that what lies just within it does no harm. These are requests that go as far as the
// bounds let them, made from the schemas that routes declare and from nothing else.

import { limits } from '../../src/base/limits.ts';
import type { JsonSchema } from '../../src/api/schema.ts';

/** Somewhat less than the largest body, for what is wrapped around it. */
const BYTES = limits.bodyBytes - 4_096;
/** Node takes heads of 16 KiB. */
const QUERY_CHARS = 14_000;

/** What patterns stumble over: a run of each of these between letters, where one that backtracks begins anew at each. */
const RUNS = ['{', '/', ' ', '-', ',', '>', '"', '.', ':', '\t'];

/** Texts of so many characters that take a pattern which backtracks the square of it. */
const stumbling = (chars: number): readonly string[] => RUNS.map((run) => `x${run.repeat(chars)}x`);

const manyKeys = (bytes: number, value: unknown = 1): Record<string, unknown> => {
  const made: Record<string, unknown> = {};
  const each = JSON.stringify(value).length + 10;
  for (let index = 0; index * each < bytes; index += 1) made[`k${index.toString(36)}`] = value;
  return made;
};

const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });

const typeOf = (schema: JsonSchema): string => [schema['type']].flat().find((type) => type !== 'null') as string;

const FORMATS: Readonly<Record<string, string>> = {
  uuid: '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111',
  ipv4: '10.0.0.1',
  ipv6: 'fd00::1',
  cidr: '10.0.0.0/24',
  uri: 'http://host/',
  'date-time': '2026-11-21T00:00:00Z',
};

function longText({ format, maxLength = BYTES, pattern, enum: words }: JsonSchema, bytes: number): unknown {
  if (Array.isArray(words)) return words.at(-1);
  if (typeof format === 'string' && format in FORMATS) return FORMATS[format];
  const length = Math.min(Number(maxLength), bytes);
  const digits = typeof pattern === 'string' && /^\^-?\[0-9\]|\\d/.test(pattern);
  return (digits ? '9' : 'A').repeat(digits ? Math.min(length, 9) : length);
}

/** A value as large as its schema lets it be, in about so many bytes. */
export function largest(schema: JsonSchema, bytes = BYTES): unknown {
  const choice = (schema['oneOf'] ?? schema['anyOf'] ?? schema['allOf']) as readonly JsonSchema[] | undefined;
  if (choice !== undefined && schema['type'] === undefined) return largest(choice[0] as JsonSchema, bytes);
  switch (typeOf(schema)) {
    case 'object':
      return largestObject(schema, bytes);
    case 'array': {
      const items = (schema['items'] ?? {}) as JsonSchema;
      const one = JSON.stringify(largest(items, 64))?.length ?? 1;
      const count = Math.min(Number(schema['maxItems'] ?? Infinity), Math.floor(bytes / (one + 4)));
      return Array.from({ length: count }, (_, index) => distinct(largest(items, 64), index));
    }
    case 'integer':
      return schema['maximum'] ?? 2 ** 31 - 1;
    case 'boolean':
      return true;
    default:
      return longText(schema, bytes);
  }
}

/** Lists whose entries must differ get entries that do. */
const distinct = (value: unknown, index: number): unknown =>
  typeof value === 'string' && value.length > 8 && value.startsWith('A') ? `${value.slice(0, -6)}${index}` : value;

function largestObject(schema: JsonSchema, bytes: number): Record<string, unknown> {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, JsonSchema>);
  const patterns = Object.values((schema['patternProperties'] ?? {}) as Record<string, JsonSchema>);
  const share = Math.floor(bytes / Math.max(1, properties.length + patterns.length));
  const named = properties.map(([key, inner]) => [key, largest(inner, share)]);
  const free = patterns[0] === undefined ? {} : manyKeys(share, largest(patterns[0], 16));
  return { ...free, ...Object.fromEntries(named) };
}

/** A body of a schema, each time with one more of its texts replaced by what patterns stumble over. */
function stumblingBodies(schema: JsonSchema): readonly unknown[] {
  const text = RUNS.map((run) => `x${run.repeat(Math.floor(BYTES / RUNS.length / 2))}`).join('');
  const within = (inner: JsonSchema): readonly unknown[] =>
    Object.entries((inner['properties'] ?? {}) as Record<string, JsonSchema>).flatMap(([name, part]) => {
      const kinds = [part['type']].flat();
      if (kinds.includes('object')) return within(part).map((body) => ({ ...largestObject(inner, 64), [name]: body }));
      return part['enum'] === undefined ? [{ ...largestObject(inner, 64), [name]: text }] : [];
    });
  return within(schema);
}

/** Paths and headers that are as long as heads may be, of what patterns stumble over. */
export const stumblingHeads = (): readonly string[] => stumbling(QUERY_CHARS);

/** These bodies, each of which is taken: a larger one would be refused for its size, and nothing would be tried with it. */
function withinBounds(bodies: readonly string[]): readonly string[] {
  const longest = Math.max(...bodies.map((body) => Buffer.byteLength(body)));
  if (longest > limits.bodyBytes) throw new Error(`a body of ${longest} bytes is larger than is taken`);
  return bodies;
}

/** Bodies for a route: what it declares at its largest, and what no route declares. */
export function heavyBodies(schema: JsonSchema | null): readonly string[] {
  const key = Object.keys((schema?.['properties'] ?? {}) as object)[0] ?? 'server';
  const inner = (schema?.['properties'] as Record<string, JsonSchema> | undefined)?.[key];
  const plain = inner === undefined || typeOf(inner) !== 'object' ? {} : largestObject(inner, 512);
  return withinBounds([
    ...(schema === null
      ? []
      : [JSON.stringify(largest(schema)), ...stumblingBodies(schema).map((body) => JSON.stringify(body))]),
    JSON.stringify({ [key]: { ...plain, ...manyKeys(BYTES - 2_048) } }),
    JSON.stringify({ [key]: Array.from({ length: BYTES / 8 }, () => ({ a: 1 })) }),
    JSON.stringify({ [key]: nested(limits.bodyDepth - 2) }),
    JSON.stringify({ [key]: 'A'.repeat(BYTES) }),
    '['.repeat(BYTES),
  ]);
}

/** Query strings for a list: each parameter that it declares as often and as long as may be, and some that nobody declares. */
export function heavyQueries(schema: JsonSchema | undefined): readonly string[] {
  const names = [...Object.keys((schema?.['properties'] ?? {}) as object), 'unknown'];
  const value = (name: string): string => {
    const declared = ((schema?.['properties'] ?? {}) as Record<string, JsonSchema>)[name];
    const item = (declared?.['items'] ?? declared ?? {}) as JsonSchema;
    const words = item['enum'];
    return encodeURIComponent(String(Array.isArray(words) ? words[0] : longText(item, 8)));
  };
  return names.flatMap((name) => {
    const pair = `${name}=${value(name)}`;
    const count = Math.min(limits.queryValues, Math.floor(QUERY_CHARS / (pair.length + 1)));
    const list = Array.from({ length: 2_500 }, (_, index) => index.toString(36)).join(',');
    return [
      Array.from({ length: count }, () => pair).join('&'),
      `${name}=${list.slice(0, QUERY_CHARS)}`,
      `${name}=${'(a*)*'.repeat(50)}`,
    ];
  });
}

/** Bodies for a service that declares no schema: a noun with as much of everything as a body holds. */
export function heavyNouns(noun: string): readonly string[] {
  const listed = (value: unknown, bytes = BYTES): unknown[] =>
    Array.from({ length: Math.floor(bytes / (JSON.stringify(value).length + 1)) }, () => value);
  const bodies = [
    { [noun]: manyKeys(BYTES) },
    manyKeys(BYTES, 'x'),
    { [noun]: { name: 'A'.repeat(BYTES) } },
    { [`${noun}s`]: listed({ name: 'a' }) },
    { [noun]: { name: 'a', tags: listed('t', BYTES / 2), fixed_ips: listed({ ip_address: '10.0.0.1' }, BYTES / 2) } },
    { [noun]: nested(limits.bodyDepth - 2) },
    listed({ op: 'add', path: '/a', value: 'b' }),
  ];
  return withinBounds(bodies.map((body) => JSON.stringify(body)));
}
