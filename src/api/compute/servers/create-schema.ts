// Why: what POST /servers accepts, as the history of its fields.

import { derive, history } from '../../../base/history.ts';
import { limits } from '../../../base/limits.ts';
import {
  boolean,
  closed,
  diskConfig,
  hostName,
  ipAny,
  MAX_INT,
  metadata,
  multi,
  name,
  personality,
  positiveInteger,
  printable,
  tag,
  text,
  trustedCertificates,
  uuid,
} from '../../parameters.ts';

const volumeSize = { type: ['integer', 'string'], pattern: '^[0-9]+$', minimum: 1, maximum: MAX_INT };
const deviceName = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._/-]*$' };

/** An entry of `block_device_mapping_v2`, or of the older `block_device_mapping`. */
export interface BlockDevice {
  readonly source_type?: string;
  readonly destination_type?: string;
  readonly uuid?: string;
  readonly image_id?: string;
  readonly boot_index?: number | string | null;
  readonly volume_id?: string;
  readonly snapshot_id?: string;
  readonly volume_size?: number | string;
  readonly volume_type?: string | null;
  readonly virtual_name?: string;
  readonly device_name?: string;
  readonly guest_format?: string;
  readonly device_type?: string;
  readonly disk_bus?: string;
  readonly tag?: string;
  readonly no_device?: unknown;
  readonly delete_on_termination?: boolean | string;
}

const blockDevice = {
  virtual_name: { type: 'string', maxLength: 255 },
  volume_id: uuid,
  snapshot_id: uuid,
  volume_size: volumeSize,
  device_name: deviceName,
  delete_on_termination: boolean,
  no_device: {},
  connection_info: { type: 'string', maxLength: 16_777_215 },
};

const blockDevices = derive(
  history<unknown>(
    {
      ...blockDevice,
      source_type: { type: 'string', enum: ['volume', 'image', 'snapshot', 'blank'] },
      uuid: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._-]*$' },
      image_id: uuid,
      destination_type: { type: 'string', enum: ['local', 'volume'] },
      guest_format: { type: 'string', maxLength: 255 },
      device_type: { type: 'string', maxLength: 255 },
      disk_bus: { type: 'string', maxLength: 255 },
      boot_index: { type: ['integer', 'string', 'null'], pattern: '^-?[0-9]+$' },
    },
    [
      { at: '2.32', add: { tag } },
      // a mistake of Nova's that clients know: the tag was gone until it came back
      { at: '2.33', drop: ['tag'] },
      { at: '2.42', add: { tag } },
      { at: '2.67', add: { volume_type: { type: ['string', 'null'], minLength: 0, maxLength: 255 } } },
    ],
  ),
  (form) => multi(closed(form)),
);

/** The same of an image: what a request of the newest version may say. */
export const imageDevices = blockDevices.at(67);

const nic = { fixed_ip: ipAny, port: { type: ['string', 'null'], format: 'uuid' }, uuid: text };
const autoOrNone = { type: 'string', enum: ['none', 'auto'] };
const nicsOrWord = (fields: Record<string, unknown>) => ({ oneOf: [multi(closed(fields)), autoOrNone] });

const shortHostname = {
  type: 'string',
  minLength: 2,
  maxLength: 63,
  pattern: '^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$',
};

/** How a hostname may be written: a label, and from 2.94 a whole name. */
export const hostnameFields = history<unknown>({}, [
  { at: '2.90', add: { hostname: shortHostname } },
  { at: '2.94', add: { hostname: hostName } },
]);

const fields = history<unknown>(
  {
    name,
    imageRef: { oneOf: [uuid, { type: 'string', maxLength: 0 }] },
    flavorRef: { type: ['string', 'integer'], minLength: 1 },
    adminPass: text,
    metadata,
    networks: multi(closed(nic)),
    'OS-DCF:diskConfig': diskConfig,
    accessIPv4: { type: 'string', format: 'ipv4' },
    accessIPv6: { type: 'string', format: 'ipv6' },
    personality,
    availability_zone: name,
    block_device_mapping: multi(closed(blockDevice)),
    block_device_mapping_v2: blockDevices.at(1),
    config_drive: boolean,
    key_name: name,
    min_count: positiveInteger,
    max_count: positiveInteger,
    return_reservation_id: boolean,
    security_groups: multi(closed({ name })),
    user_data: { type: 'string', format: 'base64', maxLength: limits.userDataBytes },
  },
  [
    { at: '2.19', add: { description: printable(255) } },
    { at: '2.32', add: { block_device_mapping_v2: blockDevices.at(32), networks: multi(closed({ ...nic, tag })) } },
    { at: '2.33', add: { block_device_mapping_v2: blockDevices.at(33) } },
    { at: '2.37', add: { networks: nicsOrWord({ ...nic, uuid }) } },
    { at: '2.42', add: { block_device_mapping_v2: blockDevices.at(42), networks: nicsOrWord({ ...nic, uuid, tag }) } },
    { at: '2.52', add: { tags: { type: 'array', items: tag, maxItems: limits.tagsPerServer } } },
    { at: '2.57', drop: ['personality'] },
    {
      at: '2.63',
      add: {
        trusted_image_certificates: trustedCertificates,
      },
    },
    { at: '2.67', add: { block_device_mapping_v2: blockDevices.at(67) } },
    { at: '2.74', add: { host: hostName, hypervisor_hostname: hostName } },
    { at: '2.90', add: hostnameFields.at(90) },
    { at: '2.94', add: hostnameFields.at(94) },
  ],
);

const oneOrMore = (item: object) => ({ oneOf: [{ type: 'array', items: item }, item] });

/** Scheduler hints; what we do not know passes, as in Nova. */
export const hints = {
  type: 'object',
  properties: {
    group: oneOrMore(uuid),
    different_host: oneOrMore(uuid),
    same_host: { type: ['string', 'array'], items: uuid },
    query: { type: ['string', 'object'] },
    target_cell: name,
    different_cell: { type: ['string', 'array'], items: text },
    build_near_host_ip: ipAny,
    cidr: { type: 'string', pattern: '^/[0-9a-f.:]+$' },
  },
  additionalProperties: true,
};

/** From 2.37 `networks` must be there. */
const NETWORKS_REQUIRED = 37;

const bodies = [1, NETWORKS_REQUIRED].map((from) =>
  derive(fields, (form) => ({
    ...closed(
      {
        server: closed(form, ['name', 'flavorRef', ...(from === 1 ? [] : ['networks'])]),
        'os:scheduler_hints': hints,
        'OS-SCH-HNT:scheduler_hints': hints,
      },
      ['server'],
    ),
  })),
);

/** The body of POST /servers at each microversion. */
export const createBody = {
  changePoints: fields.changePoints,
  at: (minor: number) => (bodies[minor < NETWORKS_REQUIRED ? 0 : 1] as (typeof bodies)[0]).at(minor),
};
