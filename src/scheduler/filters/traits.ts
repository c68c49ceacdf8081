// Why: a flavor or an image may ask for hosts that are something, or are not; and hosts may be kept for those that ask for it.

import { traitProblem, traitRequestOf } from '../../domain/placement/trait-request.ts';
import { labelCheck } from '../labels.ts';
import type { Filter, ImageFilter, ImageSpec } from '../spec.ts';

const wishOf = ({ flavor, imageProperties }: ImageSpec) => traitRequestOf(flavor, imageProperties);

export const traitsFilter: ImageFilter = (spec) => {
  const request = wishOf(spec);
  return request === null ? null : ({ inventory }) => traitProblem(inventory.facts.traits, request);
};

const PREFIX = 'trait:';

/** Hosts of an aggregate with `trait:X` = `required` take only servers that require X. */
export const traitIsolationFilter: Filter = (spec, { settings }) => {
  if (!settings.isolatedAggregates) return null;
  const required = new Set(wishOf(spec)?.required);
  return labelCheck((labels) => {
    for (const [key, values] of labels) {
      const kept = key.startsWith(PREFIX) && values.has('required') && !required.has(key.slice(PREFIX.length));
      if (kept) return `is kept for servers that require ${key.slice(PREFIX.length)}`;
    }
    return null;
  });
};
