// Why: what goes in and what comes out of each call is said in JSON Schema: requests are held against it, and the reference is made of it.

export type JsonSchema = Readonly<Record<string, unknown>>;

type Properties = Readonly<Record<string, JsonSchema>>;

/** An object that has these members and no others. */
export const closed = (properties: Properties, required: readonly string[] = []): JsonSchema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

/** An answer: all members are there unless they are named as optional, and later versions may have more. */
const answer = (properties: Properties, optional: readonly string[] = []): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});

export const listOf = (name: string, items: JsonSchema): JsonSchema => answer({ [name]: { type: 'array', items } });

export const text = (maxLength = 255, minLength = 0): JsonSchema => ({ type: 'string', minLength, maxLength });
export const whole = (minimum: number, maximum = 100_000_000): JsonSchema => ({ type: 'integer', minimum, maximum });
export const flag: JsonSchema = { type: 'boolean' };
const orNull = (type: string): JsonSchema => ({ type: [type, 'null'] });
const any: JsonSchema = {};
const textMap: JsonSchema = { type: 'object', additionalProperties: { type: 'string' } };

export const uuid: JsonSchema = { type: 'string', pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' };
export const name: JsonSchema = { type: 'string', minLength: 1, maxLength: 255, pattern: '\\S' };
/** What names a node: a host name. */
export const nodeName: JsonSchema = { type: 'string', maxLength: 255, pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]*$' };

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

/** What was begun and goes on after the answer. */
export const accepted = answer({ accepted: { type: 'string' }, vm_id: orNull('string'), id: { type: 'string' } }, [
  'vm_id',
  'id',
]);

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

export const fault = answer({
  error: answer({ code: { type: 'integer' }, message: { type: 'string' }, request_id: { type: 'string' } }),
});
