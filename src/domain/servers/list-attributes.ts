// Why: by what a list of servers may be filtered and sorted, and by whom since when, is one row each. The schema of the query string,
// what it means, and its SQL read it.

/** How the value of a filter is compared: letter by letter, as a pattern, as a flag, as a number, or as a second in time. */
export type Match = 'exact' | 'pattern' | 'flag' | 'number' | 'second';

/** What the schema lets pass: any text, or what is a regular expression. */
export type Words = 'text' | 'regex';

/**
 * The names by which clients filter, with the microversion since which everybody may; null: only who may use every filter
 * (`allow_all_filters`).
 */
type Names = Readonly<Record<string, string | null>>;

export interface ListAttribute {
  /** Of the table `servers`. */
  readonly column: string;
  /** Null: accepted as a filter, and ignored, as in Nova. */
  readonly match: Match | null;
  readonly words: Words;
  readonly names: Names;
  /** The microversion since which it sorts; null: never. */
  readonly sort: string | null;
  readonly nullable: boolean;
}

const FIRST = '2.1';

const attribute = (
  column: string,
  match: Match | null,
  words: Words,
  names: Names,
  more: Partial<Pick<ListAttribute, 'nullable' | 'sort'>> = {},
): ListAttribute => ({ column, match, words, names, sort: FIRST, nullable: false, ...more });

const nullable = { nullable: true };

/** By Nova's names of the attributes. */
const table = {
  uuid: attribute('uuid', 'exact', 'text', { uuid: null }),
  display_name: attribute('display_name', 'pattern', 'regex', { name: FIRST, display_name: null }),
  display_description: attribute(
    'display_description',
    'pattern',
    'regex',
    { description: null, display_description: null },
    nullable,
  ),
  hostname: attribute('hostname', 'pattern', 'regex', { hostname: '2.90' }),
  project_id: attribute('project_id', 'exact', 'text', { project_id: null, tenant_id: null }),
  user_id: attribute('user_id', 'exact', 'text', { user_id: '2.83' }),
  image_ref: attribute('image_ref', 'exact', 'text', { image: FIRST, image_ref: null }),
  instance_type_id: attribute('flavorid', 'exact', 'regex', { flavor: FIRST }),
  host: attribute('host', 'exact', 'text', { host: null }, nullable),
  node: attribute('node', 'pattern', 'regex', { node: null }, nullable),
  reservation_id: attribute('reservation_id', 'pattern', 'regex', { reservation_id: FIRST }, { sort: null }),
  launch_index: attribute('launch_index', 'number', 'text', { launch_index: null }),
  kernel_id: attribute('kernel_id', 'pattern', 'regex', { kernel_id: null }, nullable),
  ramdisk_id: attribute('ramdisk_id', 'pattern', 'regex', { ramdisk_id: null }, nullable),
  key_name: attribute('key_name', 'pattern', 'regex', { key_name: '2.83' }, nullable),
  availability_zone: attribute('availability_zone', 'pattern', 'regex', { availability_zone: '2.83' }, nullable),
  access_ip_v4: attribute('access_ip_v4', 'pattern', 'regex', { access_ip_v4: null }, nullable),
  access_ip_v6: attribute('access_ip_v6', 'pattern', 'regex', { access_ip_v6: null }, nullable),
  root_device_name: attribute('root_device_name', 'pattern', 'regex', { root_device_name: null }, nullable),
  config_drive: attribute('config_drive', 'flag', 'regex', { config_drive: '2.83' }),
  auto_disk_config: attribute('auto_disk_config', 'flag', 'regex', { auto_disk_config: null }),
  progress: attribute('progress', 'number', 'regex', { progress: '2.83' }),
  power_state: attribute('power_state', 'number', 'regex', { power_state: '2.83' }),
  vm_state: attribute('vm_state', 'exact', 'text', { vm_state: '2.83' }),
  task_state: attribute('task_state', 'exact', 'text', { task_state: '2.83' }, nullable),
  locked_by: attribute('locked_by', null, 'regex', { locked_by: null }, nullable),
  locked: attribute('locked_by', null, 'text', {}, { ...nullable, sort: '2.73' }),
  created_at: attribute('created_at', 'second', 'regex', { created_at: '2.83' }),
  updated_at: attribute('updated_at', 'second', 'regex', {}, nullable),
  launched_at: attribute('launched_at', 'second', 'regex', { launched_at: '2.83' }, nullable),
  terminated_at: attribute('terminated_at', 'second', 'regex', { terminated_at: '2.83' }, nullable),
  id: attribute('id', null, 'text', {}, { sort: null }),
} as const satisfies Readonly<Record<string, ListAttribute>>;

export type ServerAttribute = keyof typeof table;

export const listAttributes: Readonly<Record<ServerAttribute, ListAttribute>> = table;

/** What filters a list, or bounds it, and is no attribute of a server. */
export interface ListFilter {
  readonly words: Words | 'time';
  /** The microversion since which it is there. */
  readonly since: string;
  /** The same as in `Names`. */
  readonly everybody: string | null;
  /** A relation of a server, and no column of it: what the schema takes and Nova refuses by name. */
  readonly refused: boolean;
}

const filter = (words: ListFilter['words'], everybody: string | null = null, since = FIRST): ListFilter => ({
  words,
  since,
  everybody,
  refused: false,
});
const refused: ListFilter = { words: 'text', since: FIRST, everybody: null, refused: true };

export const listFilters: Readonly<Record<string, ListFilter>> = {
  status: filter('text', FIRST),
  ip: filter('regex', FIRST),
  ip6: filter('regex', '2.5'),
  'changes-since': filter('time', FIRST),
  'changes-before': filter('time', '2.66', '2.66'),
  tags: filter('regex', '2.26', '2.26'),
  'tags-any': filter('regex', '2.26', '2.26'),
  'not-tags': filter('regex', '2.26', '2.26'),
  'not-tags-any': filter('regex', '2.26', '2.26'),
  locked: filter('text', '2.73', '2.73'),
  all_tenants: filter('text', FIRST),
  deleted: filter('text'),
  soft_deleted: filter('text'),
  block_device_mapping: refused,
  services: refused,
  metadata: refused,
  system_metadata: refused,
  info_cache: refused,
  security_groups: refused,
  pci_devices: refused,
};

const entries = Object.entries(listAttributes) as readonly (readonly [ServerAttribute, ListAttribute])[];

/** The attribute that a client means by a name. */
export const attributeNamed: ReadonlyMap<string, ServerAttribute> = new Map(
  entries.flatMap(([key, { names }]) => Object.keys(names).map((name) => [name, key] as const)),
);

/** The attributes that may sort since the first microversion, and from a later one on. */
export const sortableSince = (since: 'first' | 'later'): readonly ServerAttribute[] =>
  entries.filter(([, { sort }]) => sort !== null && (sort === FIRST) === (since === 'first')).map(([key]) => key);
