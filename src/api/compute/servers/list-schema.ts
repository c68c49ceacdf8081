// Why: which filters and sort keys GET /servers knows, as the history of its parameters.

import { derive, history, minorOf } from '../../../base/history.ts';
import { dateTime, multi, paging, regex, text } from '../../parameters.ts';

/** The columns that anybody may sort by; Nova's names. */
export const SORT_KEYS = [
  'access_ip_v4',
  'access_ip_v6',
  'auto_disk_config',
  'availability_zone',
  'config_drive',
  'created_at',
  'display_description',
  'display_name',
  'host',
  'hostname',
  'image_ref',
  'instance_type_id',
  'kernel_id',
  'key_name',
  'launch_index',
  'launched_at',
  'locked_by',
  'node',
  'power_state',
  'progress',
  'project_id',
  'ramdisk_id',
  'root_device_name',
  'task_state',
  'terminated_at',
  'updated_at',
  'user_id',
  'uuid',
  'vm_state',
] as const;

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

const texts = [
  'user_id',
  'project_id',
  'tenant_id',
  'launch_index',
  'image_ref',
  'image',
  'vm_state',
  'task_state',
  'host',
  'uuid',
  'sort_dir',
  'all_tenants',
  'soft_deleted',
  'deleted',
  'status',
  'block_device_mapping',
  'services',
  'metadata',
  'system_metadata',
  'info_cache',
  'security_groups',
  'pci_devices',
];
const regexes = [
  'kernel_id',
  'ramdisk_id',
  'hostname',
  'key_name',
  'power_state',
  'node',
  'flavor',
  'reservation_id',
  'launched_at',
  'terminated_at',
  'availability_zone',
  'name',
  'display_name',
  'description',
  'display_description',
  'locked_by',
  'root_device_name',
  'config_drive',
  'access_ip_v4',
  'access_ip_v6',
  'auto_disk_config',
  'progress',
  'ip',
  'ip6',
  'created_at',
];

const each = (keys: readonly string[], item: object) =>
  Object.fromEntries(keys.map((key) => [key, multi(item as never)]));

const parameters = history<unknown>(
  {
    ...each(texts, text),
    ...each(regexes, regex),
    sort_key: sortKeys(...SORT_KEYS, ...IGNORED_SORT_KEYS),
    'changes-since': multi(dateTime),
    ...paging,
  },
  [
    { at: '2.26', add: each(['tags', 'tags-any', 'not-tags', 'not-tags-any'], regex) },
    { at: '2.66', add: { 'changes-before': multi(dateTime) } },
    { at: '2.73', add: { locked: multi(text), sort_key: sortKeys('locked', ...SORT_KEYS, ...IGNORED_SORT_KEYS) } },
    { at: '2.75', add: { sort_key: sortKeys('locked', ...SORT_KEYS) } },
  ],
);

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
