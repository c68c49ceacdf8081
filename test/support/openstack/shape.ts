// Why: two clouds are compared by what the same commands print of them: which fields, in which form, not by values that differ
// by nature.

/** Forms by the path of a field: `security_groups[].name` → `text`. Several forms of one field are joined: `null, uuid`. */
export type Shape = Readonly<Record<string, string>>;

const JOINED = ', ';

/** What commands printed, by the command with its options. */
export interface Printed {
  readonly shapes: Readonly<Record<string, Shape>>;
  /** The words with which commands failed. */
  readonly refusals: Readonly<Record<string, readonly string[]>>;
}

const FORMS: readonly [RegExp, string][] = [
  [/^$/, 'empty'],
  [/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'uuid'],
  [/^[0-9a-f]{32}$/, 'hex'],
  [/^req-/, 'request'],
  [/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'time-z'],
  [/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/, 'time-micro'],
  [/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/, 'time-space'],
  [/^[A-Za-z_]+$/, 'word'],
];
/** Of these fields the word itself is told. */
const TOLD = /(status|state|type|policy|protocol|action|result|zone|binary|event|diskConfig|hypervisor|driver)$/i;

function formOf(path: string, value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'string') return typeof value;
  const form = FORMS.find(([pattern]) => pattern.test(value))?.[1] ?? 'text';
  return form === 'word' ? (TOLD.test(path) ? value : 'text') : form;
}

function* walk(path: string, value: unknown): Generator<[string, string]> {
  if (typeof value !== 'object' || value === null) {
    yield [path, formOf(path, value)];
  } else if (Array.isArray(value)) {
    if (value.length === 0) yield [`${path}[]`, 'none'];
    for (const one of value) yield* walk(`${path}[]`, one);
  } else {
    const fields = Object.entries(value);
    if (fields.length === 0) yield [path, 'nothing'];
    for (const [name, one] of fields) yield* walk(path === '' ? name : `${path}.${name}`, one);
  }
}

/** The shape of what was printed, together with what the same command printed before. */
export function shapeOf(printed: unknown, before: Shape = {}): Shape {
  const forms = new Map(Object.entries(before).map(([path, text]) => [path, new Set(text.split(JOINED))]));
  for (const [path, form] of walk('', printed)) forms.set(path, (forms.get(path) ?? new Set()).add(form));
  return Object.fromEntries([...forms].map(([path, set]) => [path, [...set].toSorted().join(JOINED)]));
}

/** What somebody reads of a refusal, without what differs between two clouds: identities, addresses, numbers. */
export const wordsOf = (text: string): string =>
  text
    .trim()
    .replaceAll(/https?:\/\/\S+/g, 'URL')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
    .replaceAll(/\b[0-9a-f]{32}\b/g, 'HEX')
    .replaceAll(/\bcompute\d[\d-]*/g, 'HOST')
    .replaceAll(/\b(aggregate|migration|Aggregate|Instance) \d+\b/g, '$1 N');

/** One thing that two clouds print differently. */
export interface Difference {
  /** A field that only one of them prints, a field's form, or the words of a refusal. */
  readonly kind: 'Fields' | 'Forms' | 'Words';
  readonly command: string;
  /** The path of a field; `-` for words. */
  readonly field: string;
  /** `-` where there is none. */
  readonly nova: string;
  readonly here: string;
}

const NONE = '-';
const wordsIn = (words: readonly string[] = []): string => words.join(' / ') || NONE;
const keysOf = (...records: readonly object[]): Set<string> => new Set(records.flatMap((one) => Object.keys(one)));

function* shapesApart(command: string, there: Shape = {}, ours: Shape = {}): Generator<Difference> {
  for (const field of keysOf(there, ours)) {
    const [nova, here] = [there[field] ?? NONE, ours[field] ?? NONE];
    if (nova !== here) yield { kind: nova === NONE || here === NONE ? 'Fields' : 'Forms', command, field, nova, here };
  }
}

/** Where what was printed here is not what Nova printed on the same walk. */
export function* differences(nova: Printed, ours: Printed): Generator<Difference> {
  for (const command of keysOf(nova.shapes, ours.shapes)) {
    yield* shapesApart(command, nova.shapes[command], ours.shapes[command]);
  }
  for (const command of keysOf(nova.refusals, ours.refusals)) {
    const [there, here] = [wordsIn(nova.refusals[command]), wordsIn(ours.refusals[command])];
    if (there !== here) yield { kind: 'Words', command, field: NONE, nova: there, here };
  }
}
