// Why: what a new server is asked for with follows from what was chosen; what a template wants is read off its schema.

import type { Flavor, Image, PricedPlan, Template, TemplateVariable } from './types.ts';

/** A flavor as one chooses it: with its price where it has one. */
export interface Choice {
  readonly id: string;
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  readonly floor: { readonly vcpus: number; readonly memoryMb: number };
  readonly hour: number | null;
}

const amount = (text: string | undefined, fallback: number): number =>
  text === undefined || Number.isNaN(Number(text)) ? fallback : Number(text);

/** Every flavor, those with a price first, from small to large. */
export function choicesOf(flavors: readonly Flavor[], plans: readonly PricedPlan[]): readonly Choice[] {
  const priced = new Map(plans.map((plan) => [plan.id, plan]));
  return flavors
    .map(({ id, name, vcpus, ram, disk, extra_specs: specs = {} }) => ({
      ...{ id, name, vcpus, memoryMb: ram, diskGb: disk },
      floor: {
        vcpus: amount(specs['minimum_cpu'], vcpus),
        memoryMb: amount(specs['minimum_memory'], ram),
      },
      hour: priced.has(id) ? Number(priced.get(id)?.price_per_hour) : null,
    }))
    .sort((a, b) => Number(a.hour === null) - Number(b.hour === null) || a.vcpus - b.vcpus || a.memoryMb - b.memoryMb);
}

/** Why an image does not fit a flavor; null: it does. */
export const misfit = ({ min_disk, min_ram }: Image, { diskGb, memoryMb }: Choice): 'disk' | 'memory' | null =>
  min_disk > diskGb ? 'disk' : min_ram > memoryMb ? 'memory' : null;

export const variablesOf = ({ variables }: Template): readonly (readonly [string, TemplateVariable])[] =>
  Object.entries(variables.properties);

/** The text that a form begins with. */
export const defaultText = ({ default: value }: TemplateVariable): string =>
  value === undefined || value === null ? '' : Array.isArray(value) ? value.join(',') : String(value);

export interface Launch {
  readonly name: string;
  readonly count: number;
  readonly flavorId: string;
  readonly imageId: string;
  /** Ids; none: whatever network the service chooses. */
  readonly networks: readonly string[];
  readonly keyName: string;
  readonly template: Template | null;
  /** As they were typed. */
  readonly variables: Readonly<Record<string, string>>;
  readonly userData: string;
}

/** Only what differs from the default is said: a newer version of the template may have others. */
function metadataOf({ template, variables }: Launch): Record<string, string> {
  if (template === null) return {};
  const said = variablesOf(template).flatMap(([name, variable]) => {
    const text = variables[name] ?? defaultText(variable);
    return text === defaultText(variable) ? [] : [[`xloud:template.${name}`, text] as const];
  });
  return { 'xloud:template': template.name, ...Object.fromEntries(said) };
}

/** Base64 of a text in UTF-8. */
export function base64(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The body of `POST /servers`. */
export function launchBody(launch: Launch): { readonly server: Readonly<Record<string, unknown>> } {
  const { name, count, flavorId, imageId, networks, keyName, userData } = launch;
  return {
    server: {
      name,
      flavorRef: flavorId,
      imageRef: imageId,
      networks: networks.length === 0 ? 'auto' : networks.map((uuid) => ({ uuid })),
      metadata: metadataOf(launch),
      ...(count > 1 ? { min_count: count, max_count: count } : {}),
      ...(keyName === '' ? {} : { key_name: keyName }),
      ...(userData.trim() === '' ? {} : { user_data: base64(userData) }),
    },
  };
}
