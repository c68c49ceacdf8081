// Why: some options are more than a number or a text: amounts by name, and lists of records whose fields have a schema of their own. How
// these are written and read stands here, and what is wrong with one is said in the same words as of any option.

import { Fault } from '../base/errors.ts';

export const bad = (where: string, what: string): Fault =>
  new Fault('internal', `configuration: ${where}: ${what}`, { code: 'config' });

/** Longer values help nobody in a message. */
const MOST_REPEATED = 500;

/** A refused value as messages say it, which go to logs: no secret, and of an address not who may use it. */
export function repeated(value: unknown, secret: boolean | undefined = false): string {
  if (secret) return 'what stands there (a secret)';
  const text = JSON.stringify(value) ?? 'nothing';
  if (text.length > MOST_REPEATED) return `what stands there (${text.length} characters)`;
  return text.replaceAll(/((?:\w[\w+.-]*:)?\/\/)?[^\s"/@,]*:[^\s"@]*@/g, '$1***@');
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function readAmounts(raw: unknown, where: string): Readonly<Record<string, number>> {
  const pairs = typeof raw === 'string' ? raw.split(',').filter((pair) => pair.trim() !== '') : null;
  const given =
    pairs === null ? raw : Object.fromEntries(pairs.map((pair) => pair.split('=').map((part) => part.trim())));
  if (!isMap(given)) throw bad(where, `amounts by name are wanted, not ${JSON.stringify(raw)}`);
  return Object.fromEntries(
    Object.entries(given).map(([name, amount]) => {
      const number = /^\d{1,9}$/.test(String(amount)) ? Number(amount) : null;
      if (number === null) throw bad(where, `${name}: a whole number is wanted, not ${JSON.stringify(amount)}`);
      return [name, number];
    }),
  );
}

/** A field of a record: a text. */
export interface Field {
  readonly help: string;
  readonly required?: true;
  readonly choices?: readonly string[];
  readonly format?: RegExp;
}

export type Fields = Readonly<Record<string, Field>>;

function readRecord(raw: unknown, fields: Fields, where: string): Readonly<Record<string, string>> {
  if (!isMap(raw)) throw bad(where, `a map of fields is wanted, not ${JSON.stringify(raw)}`);
  for (const [name, value] of Object.entries(raw)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) throw bad(where, `${name}: there is no such field (${Object.keys(fields).join(', ')})`);
    // YAML makes numbers of 0443 and 10e8
    if (typeof value !== 'string')
      throw bad(where, `${name}: a text (in quotes) is wanted, not ${JSON.stringify(value)}`);
    const { choices, format } = field;
    if (choices !== undefined && !choices.includes(value)) {
      throw bad(where, `${name}: one of ${choices.join(', ')} is wanted, not ${JSON.stringify(value)}`);
    }
    if (format !== undefined && !format.test(value)) {
      throw bad(where, `${name}: ${JSON.stringify(value)} is not ${field.help}`);
    }
  }
  const missing = Object.keys(fields).find((name) => fields[name]?.required && raw[name] === undefined);
  if (missing !== undefined) throw bad(where, `${missing} is missing in ${JSON.stringify(raw)}`);
  return raw as Readonly<Record<string, string>>;
}

/** Records as YAML or, in a text, as JSON: a list of them, or one. */
export function readRecords(raw: unknown, fields: Fields, where: string): readonly Readonly<Record<string, string>>[] {
  let given = raw;
  if (typeof raw === 'string') {
    try {
      given = raw === '' ? [] : JSON.parse(raw);
    } catch {
      throw bad(where, `a list of records, or its JSON, is wanted, not ${JSON.stringify(raw)}`);
    }
  }
  return (Array.isArray(given) ? given : [given]).map((one) => readRecord(one, fields, where));
}

/** Lines of the sample: what each field of a record is. */
export const describeFields = (fields: Fields): string[] =>
  Object.entries(fields).map(([name, { help, required, choices }]) => {
    const of = choices === undefined ? '' : `; one of ${choices.join(', ')}`;
    return `- ${name}${required ? ' (always)' : ''}: ${help}${of}.`;
  });
