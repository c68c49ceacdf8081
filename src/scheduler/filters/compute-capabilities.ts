// Why: a flavor may ask for hosts of a certain kind: `capabilities:cpu_info:features` = `<in> avx2`.

import { attributeOf, isAttribute } from '../attributes.ts';
import { requirement } from '../requirements.ts';
import type { Filter } from '../spec.ts';

/** As Nova writes a value before it compares it: a list in brackets, its texts in quotes. */
const textOf = (value: unknown): string =>
  Array.isArray(value) ? `[${value.map((part) => `'${String(part)}'`).join(', ')}]` : String(value);

/** The path that an extra spec names; null: it is not for this filter. */
function pathOf(name: string): string[] | null {
  if (name === 'hw:maxphysaddr_bits') return ['cpu_info', 'maxphysaddr', 'bits'];
  const [scope = '', ...rest] = name.split(':');
  if (rest.length === 0) return isAttribute(scope) ? [scope] : null;
  return scope === 'capabilities' ? rest : null;
}

export const computeCapabilitiesFilter: Filter = ({ flavor }) => {
  const needs = Object.entries(flavor.extraSpecs).flatMap(([name, value]) => {
    const path = pathOf(name);
    const text = name === 'hw:maxphysaddr_bits' ? `>= ${value}` : value;
    return path === null ? [] : [{ path, text, meets: requirement(text) }];
  });
  if (needs.length === 0) return null;
  return (host) => {
    for (const { path, text, meets } of needs) {
      const value = attributeOf(host, path);
      if (value === undefined) return `says nothing of ${path.join(':')}`;
      if (!meets(textOf(value))) return `has ${path.join(':')} ${textOf(value).slice(0, 80)}, not ${text}`;
    }
    return null;
  };
};
