// Why: `xloud cloud-init list` and `show`: the templates that a new server may name, as a table or as they are.

import { table } from '../base/table.ts';
import type { Session } from '../client/session.ts';

interface Variable {
  readonly type: string;
  readonly description: string;
  readonly default?: string | number | boolean | readonly string[];
}

interface Template {
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly source: string;
  readonly variables: { readonly properties: Readonly<Record<string, Variable>> };
}

const PATH = '/os-xloud-cloud-init-templates';

const valueText = (value: Variable['default']): string =>
  value === undefined ? '(must be said)' : [value].flat().join(',');

/** One template a line. */
export async function listTemplates(session: Session): Promise<string> {
  const { templates } = (await session.compute('GET', PATH)) as { readonly templates: readonly Template[] };
  const rows = templates.map(({ name, version, source, description }) => [name, version, source, description]);
  return table([['name', 'version', 'source', 'description'], ...rows], [0, 2, 3]);
}

/** A template's variables, and its document below them. */
export async function showTemplate(session: Session, name: string): Promise<string> {
  const { template } = (await session.compute('GET', `${PATH}/${encodeURIComponent(name)}`)) as {
    readonly template: Template & { readonly user_data: string };
  };
  const rows = Object.entries(template.variables.properties).map(([variable, of]) => [
    `xloud:template.${variable}`,
    of.type,
    valueText(of.default),
    of.description,
  ]);
  return [
    `${template.name}, version ${template.version} (${template.source}): ${template.description}`,
    '',
    table([['property', 'type', 'default', 'meaning'], ...rows], [0, 1, 2, 3]),
    '',
    template.user_data,
  ].join('\n');
}
