// Why: the nouns of NovaCron's API, each as it is shown, in one place: what a client reads of a VM is the same in every answer.

import { answer, flag, type JsonSchema, orNull, type Properties, uuid } from '../kit/schemas.ts';

const any: JsonSchema = {};
const textMap: JsonSchema = { type: 'object', additionalProperties: { type: 'string' } };

/** Tags as the compute API takes them, a key with its value. */
export const tags: JsonSchema = {
  type: 'object',
  maxProperties: 50,
  propertyNames: { pattern: '^[^,/=]{1,60}$' },
  additionalProperties: { type: 'string', maxLength: 58, pattern: '^[^,/]*$' },
};

const size = { vcpus: orNull('integer'), memory_mb: orNull('integer') };

export const vm = answer(
  {
    id: uuid,
    name: { type: 'string' },
    state: { type: 'string' },
    task: orNull('string'),
    node_id: orNull('string'),
    vcpus: { type: 'integer' },
    memory_mb: { type: 'integer' },
    disk_mb: { type: 'integer' },
    flavor: { type: 'string' },
    image_id: orNull('string'),
    addresses: { type: 'array', items: { type: 'string' } },
    cloud_init: { type: ['object', 'null'], properties: { user_data_template: { type: 'string' } } },
    fault: orNull('string'),
    created_at: { type: 'string' },
    updated_at: { type: 'string' },
    current: answer(size),
    floor: answer(size),
  },
  ['current', 'floor'],
);

export const action = answer({
  action: { type: 'string' },
  request_id: { type: 'string' },
  started_at: { type: 'string' },
  updated_at: { type: 'string' },
  failed: flag,
  message: orNull('string'),
});

const copy = {
  id: uuid,
  vm_id: uuid,
  name: { type: 'string' },
  description: orNull('string'),
  tags: textMap,
  state: { type: 'string' },
  reason: orNull('string'),
  live: orNull('boolean'),
  disk_bytes: orNull('integer'),
  size_bytes: orNull('integer'),
  sha256: orNull('string'),
  created_at: { type: 'string' },
};
export const snapshot = answer(copy);
export const backup = answer({ ...copy, type: { type: 'string' }, parent_id: orNull('string') });

const setting = answer({ setting: { type: 'string' }, value: { type: 'string' }, does: orNull('string') });
export const profile = answer({
  name: { type: 'string' },
  description: { type: 'string' },
  settings: { type: 'array', items: setting },
});
export const vmProfile = answer({
  vm_id: uuid,
  profile: orNull('string'),
  pending: flag,
  settings: { type: 'array', items: setting },
});

export const metrics = answer({
  vm_id: uuid,
  seconds: { type: 'number' },
  vcpus: { type: 'integer' },
  cpu: { type: 'number' },
  steal: orNull('number'),
  memory_mb: answer({ balloon: orNull('number'), total: orNull('number'), available: orNull('number') }),
  disk: { type: 'object', additionalProperties: { type: 'number' } },
  network: { type: 'object', additionalProperties: { type: 'number' } },
});

const amount = answer({
  ...Object.fromEntries(['current', 'target', 'minimum', 'maximum'].map((one) => [one, { type: 'integer' }])),
});
export const adjustment = answer({
  vm_id: uuid,
  status: { type: 'string' },
  vcpus: amount,
  memory_mb: amount,
  message: orNull('string'),
});

export const migrationOptions: Properties = {
  live_migration: flag,
  auto_start: flag,
  delete_source: flag,
  verify_after_migration: flag,
};
export const migration = answer(
  {
    id: uuid,
    vm_id: uuid,
    type: { type: 'string' },
    state: { type: 'string' },
    source_node_id: orNull('string'),
    target_node_id: orNull('string'),
    progress_percent: orNull('integer'),
    created_at: { type: 'string' },
    updated_at: orNull('string'),
    options: answer(migrationOptions),
    notes: { type: 'array', items: { type: 'string' } },
  },
  ['options', 'notes'],
);

export const template = answer({
  name: { type: 'string' },
  version: { type: 'integer' },
  description: { type: 'string' },
  source: { type: 'string' },
  variables: { type: 'object' },
});

export const cloudInitStatus = answer({
  vm_id: uuid,
  source: orNull('string'),
  status: { type: 'string' },
  stage: orNull('string'),
  datasource: orNull('string'),
  seconds: orNull('number'),
  errors: { type: 'array', items: { type: 'string' } },
  warnings: { type: 'array', items: { type: 'string' } },
  phoned_home: any,
});
export const cloudInitLogs = answer({ vm_id: uuid, source: orNull('string'), log: orNull('string') });

const used = answer({ total: orNull('number'), used: orNull('number') });
export const node = answer({
  id: { type: 'string' },
  state: { type: 'string' },
  status: { type: 'string' },
  hypervisor: { type: 'string' },
  vms: { type: 'integer' },
  vcpus: used,
  memory_mb: used,
  disk_mb: used,
  load: orNull('number'),
  memory_available_mb: orNull('number'),
});

export const image = answer({
  id: { type: 'string' },
  name: orNull('string'),
  state: { type: 'string' },
  visibility: { type: 'string' },
  format: orNull('string'),
  size_bytes: orNull('integer'),
  min_disk_mb: { type: 'integer' },
  min_memory_mb: { type: 'integer' },
});
