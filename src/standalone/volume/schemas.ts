// Why: what bodies of the volume API must be, once, for whoever reads them.

import { isYes } from '../../base/boolean-word.ts';
import type { Schema } from '../schema.ts';

const text = { type: ['string', 'null'], maxLength: 255 } as const;
export const id = { type: 'string', pattern: '^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$' } as const;
const nullableId = { anyOf: [id, { type: 'null' }] } as const;
/** Clients send numbers as texts, too. */
export const whole = (minimum: number, maximum: number) =>
  ({
    anyOf: [
      { type: 'integer', minimum, maximum },
      { type: 'string', pattern: '^-?[0-9]{1,9}$' },
    ],
  }) as const;
export const yes = {
  enum: [true, false, 'true', 'false', 'True', 'False', '1', '0', 1, 0, 'yes', 'no', 'on', 'off', 't', 'f', 'y', 'n'],
} as const;

/** Whether a value that is one of `yes`, or none, says yes. */
export const saysYes = (value: unknown): boolean =>
  value === true || value === 1 || (typeof value === 'string' && isYes(value));

export const texts = {
  type: 'object',
  maxProperties: 128,
  propertyNames: { minLength: 1, maxLength: 255 },
  additionalProperties: { type: 'string', maxLength: 255 },
} as const;

/** An object that has these members and, unless said otherwise, no others. */
export const object = (
  properties: Readonly<Record<string, unknown>>,
  required: readonly string[] = [],
  more = false,
): Schema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: more,
});

/** `{"volume": {...}}` */
export const under = (key: string, inner: unknown, more = false): Schema => object({ [key]: inner }, [key], more);

const named = { name: text, description: text, display_name: text, display_description: text } as const;

export const newVolume = under(
  'volume',
  object(
    {
      ...named,
      size: { anyOf: [whole(1, 2_147_483_647), { type: 'null' }] },
      volume_type: text,
      metadata: { anyOf: [texts, { type: 'null' }] },
      snapshot_id: nullableId,
      source_volid: nullableId,
      imageRef: { type: ['string', 'null'], maxLength: 255 },
      image_id: { type: ['string', 'null'], maxLength: 255 },
      availability_zone: text,
      multiattach: { enum: [...yes.enum, null] },
      consistencygroup_id: { type: 'null' },
      group_id: { type: 'null' },
      source_replica: { type: 'null' },
      backup_id: { type: 'null' },
      cgsnapshot_id: { type: 'null' },
      // older clients send what the service decides
      user_id: text,
      project_id: text,
      status: text,
      attach_status: text,
    },
    [],
  ),
  true,
);

export const changedVolume = under('volume', object({ ...named, metadata: texts }, [], false));

export const newSnapshot = under(
  'snapshot',
  object(
    {
      ...named,
      volume_id: nullableId,
      force: { enum: [...yes.enum, null] },
      metadata: { anyOf: [texts, { type: 'null' }] },
    },
    ['volume_id'],
  ),
);

export const changedSnapshot = under('snapshot', object(named));

export const metadata = under('metadata', texts);

/** One pair, under `meta`. */
export const onePair = under('meta', { ...texts, minProperties: 1, maxProperties: 1 });

/** Its host stands in a column. */
const connected = { maxProperties: 64, properties: { host: { maxLength: 255 } } } as const;
const connector = { type: ['object', 'null'], ...connected } as const;

export const newAttachment = under(
  'attachment',
  object({ volume_uuid: id, instance_uuid: nullableId, connector, mode: { enum: ['rw', 'ro'] } }, ['volume_uuid']),
);

export const changedAttachment = under(
  'attachment',
  object({ connector: { type: 'object', ...connected } }, ['connector']),
);

export const newTransfer = under('transfer', object({ volume_id: id, name: text, no_snapshots: yes }, ['volume_id']));

export const acceptedTransfer = under(
  'accept',
  object({ auth_key: { type: 'string', minLength: 1, maxLength: 255 } }, ['auth_key']),
);
