// Why: what a schema asks for is read in a table, the same in the reference of each API.

import { type Html, html } from './html.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

/** A schema in few words: its type, what it may be, its bounds. */
function schemaText(schema: JsonSchema): string {
  const types = (schema.type === undefined ? [] : [schema.type].flat()) as unknown as readonly string[];
  const choices = (schema.enum ?? []) as readonly unknown[];
  const alternatives = (schema.oneOf ?? schema.anyOf ?? []) as readonly JsonSchema[];
  const items = schema.items as JsonSchema | undefined;
  const bounds = [
    ['minimum', 'at least'],
    ['maximum', 'at most'],
    ['minLength', 'characters at least'],
    ['maxLength', 'characters at most'],
    ['minItems', 'items at least'],
    ['maxItems', 'items at most'],
  ] as const;
  return [
    choices.length > 0 && choices.length <= 12
      ? `one of ${choices.map((one) => JSON.stringify(one)).join(', ')}`
      : types.join(' or '),
    typeof schema.format === 'string' ? schema.format : '',
    alternatives.length > 0 ? alternatives.map(schemaText).filter(Boolean).join(' or ') : '',
    items === undefined ? '' : `of ${schemaText(items)}`,
    ...bounds.flatMap(([key, word]) => (schema[key] === undefined ? [] : [`${word} ${JSON.stringify(schema[key])}`])),
    typeof schema.pattern === 'string' && choices.length === 0 ? `matching ${schema.pattern}` : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

export interface Member {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** The members of a body, those of objects inside under their path: `server.name`. */
export function membersOf(schema: JsonSchema, prefix = ''): Member[] {
  const required = (schema.required ?? []) as unknown as readonly string[];
  return Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>).flatMap(([key, member]) => {
    const name = `${prefix}${key}`;
    const inner = membersOf(member, `${name}.`);
    return inner.length > 0 ? inner : [{ name, schema: member, required: required.includes(key) }];
  });
}

export const members = (title: string, list: readonly Member[]): Html | null =>
  list.length === 0
    ? null
    : html`<h4>${title}</h4><table><thead><tr><th>name</th><th>value</th><th></th></tr></thead><tbody>${list.map(
        ({ name, schema, required }) =>
          html`<tr><td><code>${name}</code></td><td>${schemaText(schema)}</td><td>${required ? 'required' : ''}</td></tr>`,
      )}</tbody></table>`;
