// Why: which filters and sort keys GET /servers knows, as the history of its parameters.

import { appearing, derive, minorOf } from '../../../base/history.ts';
import {
  type ListFilter,
  listAttributes,
  listFilters,
  sortableSince,
} from '../../../domain/servers/list-attributes.ts';
import { dateTime, multi, paging, regex, text } from '../../parameters.ts';
import type { JsonSchema } from '../../schema.ts';

/** The columns that anybody may sort by; Nova's names. */
export const SORT_KEYS: readonly string[] = sortableSince('first').toSorted();

/** Those that came later. */
const LATER_SORT_KEYS = sortableSince('later');

/** Once sortable, now accepted and ignored. */
const IGNORED_SORT_KEYS = [
  'architecture',
  'cell_name',
  'cleaned',
  'default_ephemeral_device',
  'default_swap_device',
  'deleted',
  'deleted_at',
  'disable_terminate',
  'ephemeral_gb',
  'ephemeral_key_uuid',
  'id',
  'key_data',
  'launched_on',
  'locked',
  'memory_mb',
  'os_type',
  'reservation_id',
  'root_gb',
  'shutdown_terminate',
  'user_data',
  'vcpus',
  'vm_mode',
] as const;

const sortKeys = (...words: readonly string[]) => multi({ type: 'string', enum: words });

const schemas: Readonly<Record<ListFilter['words'], JsonSchema>> = {
  text: multi(text),
  regex: multi(regex),
  time: multi(dateTime),
};

const parameters = appearing<unknown>([
  ...Object.values(listAttributes).flatMap(({ names, words }) =>
    Object.keys(names).map((name) => [name, '2.1', schemas[words]] as const),
  ),
  ...Object.entries(listFilters).map(([name, { words, since }]) => [name, since, schemas[words]] as const),
  ...Object.entries({ ...paging, sort_dir: schemas.text }).map(([name, schema]) => [name, '2.1', schema] as const),
  ['sort_key', '2.1', sortKeys(...SORT_KEYS, ...IGNORED_SORT_KEYS)],
  ['sort_key', '2.73', sortKeys(...LATER_SORT_KEYS, ...SORT_KEYS, ...IGNORED_SORT_KEYS)],
  ['sort_key', '2.75', sortKeys(...LATER_SORT_KEYS, ...SORT_KEYS)],
]);

const STRICT_FROM = minorOf('2.75');

const make = (strict: boolean) =>
  derive(parameters, (form) => ({
    type: 'object',
    properties: form,
    patternProperties: { '^_': multi(text) },
    additionalProperties: !strict,
  }));
const lenient = make(false);
const strict = make(true);

/** The query of GET /servers and /servers/detail at each microversion. */
export const listQuery = {
  changePoints: parameters.changePoints,
  at: (minor: number) => (minor < STRICT_FROM ? lenient : strict).at(minor),
};
