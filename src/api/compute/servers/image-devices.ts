// Why: an image may say which block devices a server of it has. Whoever owns an image writes that, so it is held to what a request of his
// own could say.

import { badRequest } from '../../../base/errors.ts';
import { isYes } from '../../../base/boolean-word.ts';
import type { ImageFacts } from '../../../domain/machines/images.ts';
import { isOfVolumes } from '../../../domain/servers/image-devices.ts';
import { makeAjv } from '../../schema.ts';
import { type BlockDevice, imageDevices } from './create-schema.ts';

const isValid = makeAjv().compile(imageDevices);

const invalid = (id: string, why: string) =>
  badRequest(`Block Device Mapping is Invalid: what image ${id} says of its block devices ${why}`);

function parsed(id: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(id, 'is no JSON.');
  }
}

type Entry = Readonly<Record<string, unknown>>;

/** What is null says nothing, nor does what is not encrypted. */
const said = (entry: unknown): unknown =>
  typeof entry !== 'object' || entry === null || Array.isArray(entry)
    ? entry
    : Object.fromEntries(
        Object.entries(entry as Entry).filter(([name, value]) => value !== null && !(name === 'encrypted' && !value)),
      );

/** As a request has it: what it is made from stands under one name. */
function asAsked({ image_id, ...device }: BlockDevice): BlockDevice {
  const { source_type: source, snapshot_id, volume_id, ...others } = device;
  const byKind: Readonly<Record<string, string | undefined>> = {
    ...{ snapshot: snapshot_id, volume: volume_id, image: image_id },
  };
  const uuid = byKind[source ?? ''] ?? device.uuid;
  return { ...others, ...(source !== undefined && { source_type: source }), ...(uuid !== undefined && { uuid }) };
}

/** What an image says of block devices, in which syntax. */
export interface ImageDevices {
  readonly present: readonly BlockDevice[];
  readonly older: readonly BlockDevice[];
}

/** @throws badRequest for what a request could not say either */
export function imageDevicesOf({ id, properties }: Pick<ImageFacts, 'id' | 'properties'>): ImageDevices {
  if (!isOfVolumes({ properties })) return { present: [], older: [] };
  const list = parsed(id, properties['block_device_mapping'] ?? '');
  const devices = Array.isArray(list) ? list.map(said) : list;
  if (!isValid(devices)) {
    const [error] = isValid.errors ?? [];
    throw invalid(id, `cannot be: ${error?.instancePath ?? ''} ${error?.message ?? ''}.`);
  }
  const known = devices as readonly BlockDevice[];
  return isYes(properties['bdm_v2']) ? { present: known.map(asAsked), older: [] } : { present: [], older: known };
}
