// Why: what an administrator says of groups of hosts decides which flavors, images and projects they take.

import { isMinimumSpec } from '../../domain/machines/flavors.ts';
import { labelCheck } from '../labels.ts';
import { requirement } from '../requirements.ts';
import type { Filter, ImageFilter } from '../spec.ts';

const SCOPE = 'aggregate_instance_extra_specs';

/** Each extra spec without a namespace, or in this filter's, must be met by an aggregate's metadata of the same key. */
export const aggregateInstanceExtraSpecsFilter: Filter = ({ flavor }) => {
  const needs = Object.entries(flavor.extraSpecs).flatMap(([name, text]) => {
    const colon = name.indexOf(':');
    if (colon === -1) return isMinimumSpec(name) ? [] : [{ key: name, text, meets: requirement(text) }];
    return name.slice(0, colon) === SCOPE ? [{ key: name.slice(colon + 1), text, meets: requirement(text) }] : [];
  });
  if (needs.length === 0) return null;
  return labelCheck((labels) => {
    for (const { key, text, meets } of needs) {
      if (![...(labels.get(key) ?? [])].some(meets)) return `is in no aggregate with ${key} ${text}`;
    }
    return null;
  });
};

/** A property that the image and an aggregate both have must be alike. */
export const aggregateImagePropertiesIsolation: ImageFilter = ({ imageProperties }, { settings }) => {
  const { imageIsolationNamespace: namespace, imageIsolationSeparator: separator } = settings;
  const prefix = namespace === '' ? '' : `${namespace}${separator}`;
  const properties = Object.entries(imageProperties).filter(([key, value]) => key.startsWith(prefix) && value !== '');
  if (properties.length === 0) return null;
  return labelCheck((labels) => {
    for (const [key, value] of properties) {
      if (labels.get(key)?.has(value) === false) return `is in an aggregate whose ${key} is not the image's ${value}`;
    }
    return null;
  });
};

const PROJECT_KEY = 'filter_tenant_id';

/** Hosts that are kept for projects take no others. */
export const aggregateMultiTenancyIsolation: Filter = ({ projectId }) =>
  labelCheck((labels) => {
    const kept = [...labels].flatMap(([key, values]) => (key.startsWith(PROJECT_KEY) ? [...values] : []));
    return kept.length === 0 || kept.includes(projectId) ? null : 'is kept for other projects';
  });

/** Hosts that are kept for flavors, by name, take no others. */
export const aggregateTypeAffinityFilter: Filter = ({ flavor }) =>
  labelCheck((labels) =>
    labels.get('instance_type')?.has(flavor.name) === false ? 'is kept for other flavors' : null,
  );
