// Why: one schema says what can be configured: type, default, unit and a sentence for each option. The loader, the sample
// file and the documentation derive from it; an unknown key or a bad value stops the start and is named.

import { existsSync, readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { messageOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import {
  defaultFilters,
  type FilterName,
  filterNames,
  weigherNames,
  type WeigherOption,
  weighers,
} from '../scheduler/index.ts';
import { defaultSettings } from '../scheduler/spec.ts';
import { defaultQuota, type QuotaResource, quotaResources } from '../domain/placement/quota-sets.ts';
import type { LogLevel } from '../base/log.ts';
import { FORWARDED_HEADERS, type ForwardedHeader, X_FORWARDED } from '../web/forwarded.ts';
import {
  addressRange,
  amounts,
  choice,
  currencyForm,
  databaseAddress,
  httpUrl,
  integer,
  keystoneUrl,
  list,
  number,
  type Option,
  publicUrl,
  serviceUrl,
  text,
} from './config-options.ts';
import { amqpUrl } from './config-addresses.ts';
import { imageOptions } from './config-image.ts';
import { network } from './config-network.ts';
import { novacronOptions } from './config-novacron.ts';
import { pci } from './config-pci.ts';
import { placementOptions } from './config-placement.ts';
import { processOptions } from './config-processes.ts';
import { bad, describeFields, readAmounts, readRecords, repeated } from './config-values.ts';
import { adjustOptions } from './adjust-options.ts';
import { backupOptions } from './config-backup.ts';
import { volumeOptions } from './config-volume.ts';
import { moveOptions } from './move-options.ts';
import { sizedFlavorOptions } from './sized-flavor-options.ts';
import { sshOptions } from './ssh-options.ts';

/** One option for each thing that has a quota; -1: no limit. */
const quota = Object.fromEntries(
  quotaResources.map((name) => [
    name,
    integer(
      defaultQuota[name],
      'of them; -1: no limit',
      `What a project may have of ${name}, unless set otherwise.`,
      -1,
    ),
  ]),
) as { readonly [R in QuotaResource]: Option<number> };

/** One option for each weigher. */
const multipliers = Object.fromEntries(
  weigherNames.map((name) => {
    const { option, multiplier, prefers } = weighers[name];
    return [
      option,
      number(
        multiplier,
        'factor',
        `${name}: prefer hosts with ${prefers}. Metadata of this name sets it for the hosts of an aggregate.`,
        -1e6,
        1e6,
      ),
    ];
  }),
) as { readonly [O in WeigherOption]: Option<number> };

/** Every option by section. Empty text means "not set". */
export const schema = {
  api: {
    host: text('127.0.0.1', 'Address to listen on; anything but loopback must be asked for.'),
    port: integer(8774, 'port', 'TCP port of the API (of every service when they run in one process).', 0, 65535),
    public_url: publicUrl(
      'Address at which clients reach this program, for every URL that it tells them; empty: as they, or a trusted proxy, say.',
    ),
    identity_url: serviceUrl('identity'),
    compute_url: serviceUrl('compute'),
    image_url: serviceUrl('image'),
    network_url: serviceUrl('network'),
    volume_url: serviceUrl('volume'),
    trusted_proxies: list(
      [],
      'Addresses or CIDRs of proxies that are believed in what they say of their clients; see forwarded_headers.',
      { form: addressRange },
    ),
    forwarded_headers: list<ForwardedHeader>(
      X_FORWARDED,
      'In which headers: name those that the proxies set or remove themselves, whatever their clients send; no other is read. forwarded stands in place of x-forwarded-for, -proto and -host.',
      { choices: FORWARDED_HEADERS },
    ),
    head_timeout_seconds: number(
      limits.httpHeadMs / 1000,
      'seconds',
      'How long the head of a request may take.',
      0.1,
      3600,
    ),
    body_timeout_seconds: number(limits.bodyMs / 1000, 'seconds', 'How long a JSON body may take.', 0.1, 3600),
    idle_timeout_seconds: number(
      limits.httpIdleMs / 1000,
      'seconds',
      'A connection on which nothing moves for this long is closed; keep it above that of proxies in front.',
      1,
      3600,
    ),
    max_connections: integer(
      limits.httpConnections,
      'connections',
      'Connections at once; more are told to come again.',
      1,
    ),
    max_connections_per_address: integer(
      limits.httpConnectionsPerAddress,
      'connections',
      'Connections of one address at once; those of trusted proxies do not count.',
      1,
    ),
    max_requests_per_address: integer(
      limits.httpRequestsPerAddress,
      'requests',
      'Requests of one address that are worked on, or whose answers are not read yet, at once; more wait. Those of trusted proxies do not count.',
      1,
    ),
    project_requests_per_minute: integer(
      0,
      'requests',
      'Requests of one project in a minute, at this API and all services here; more are 429 with Retry-After. Those of administrators and services do not count; 0: any number.',
    ),
    project_writes_per_minute: integer(
      0,
      'requests',
      'As project_requests_per_minute, of the requests that are no GET or HEAD.',
    ),
    page_size: integer(limits.pageSize, 'items', 'Longest page of a list (Nova: max_limit).', 1, 100_000),
  },
  database: {
    connection: text(
      '',
      'sqlite:///absolute/path or mysql://user:password@host:port/name; empty: xloud.db in the data directory.',
      { secret: true, form: databaseAddress },
    ),
    pool_size: integer(10, 'connections', 'Connections to MySQL at most.', 1, 1000),
    retention_days: number(
      0,
      'days',
      'Servers that were deleted so long ago are removed for good, with their history and their usage; 0: they are kept for ever.',
      0,
      36_500,
    ),
  },
  log: {
    level: choice<LogLevel>(
      'info',
      ['silent', 'error', 'warn', 'info', 'debug', 'trace'],
      'How much is logged, as JSON lines on stderr.',
    ),
  },
  ...processOptions,
  identity: {
    auth_url: text('', 'Keystone v3 URL; empty: the built-in identity service.', { form: keystoneUrl }),
    www_authenticate_uri: text('', 'Address that a 401 names; empty: auth_url.', { form: httpUrl }),
    username: text('nova', 'Name of our own user at Keystone.'),
    password: text('', 'Password of our own user at Keystone.', { secret: true }),
    password_file: text('', 'File with that password, or with the secret of the application credential.'),
    application_credential_id: text('', 'Application credential in place of a user and its password; empty: none.'),
    project_name: text('service', 'Project of our own user.'),
    user_domain_id: text('default', 'Domain of our own user.'),
    project_domain_id: text('default', 'Domain of our own project.'),
    region_name: text('', 'Region whose endpoints of other services are taken from the catalog; empty: any.'),
    interfaces: list(
      ['internal', 'public'],
      'Which endpoints of other services are taken from the catalog: the first of these that it has.',
    ),
    service_token_roles: list<string>(
      ['service'],
      'Roles, one of which makes a token in X-Service-Token that of a service: what it passes on of a user is heard though his token is over.',
    ),
    public_keys_dir: text('', "Directory of Keystone's JWS public keys (*.pem) for offline verification; empty: none."),
    cache_seconds: number(
      limits.tokenCacheMs / 1000,
      'seconds',
      'A token is asked for again after this long, so that a revoked one dies.',
      0,
      3600,
    ),
    keys_dir: text(
      '',
      'Where the built-in identity service keeps its keys, the same for every API; empty: the data directory.',
    ),
    token_seconds: integer(3600 * 4, 'seconds', 'Life of a token of the built-in identity service.', 60, 7 * 86_400),
  },
  image: imageOptions,
  network,
  placement: placementOptions,
  volume: volumeOptions,
  backup: backupOptions,
  policy: {
    file: text(
      '',
      'Policy overrides (policy.yaml), reloaded when it changes; empty: policy.yaml in the data directory if there is one.',
    ),
  },
  compute: {
    driver: choice(
      'auto',
      ['auto', 'libvirt', 'fake'],
      'Hypervisor: auto takes libvirt where it answers, else the fake driver.',
    ),
    host: text('', "Name of this host; empty: the machine's host name."),
    fake_hosts: integer(
      1,
      'hosts',
      'Fake hosts that the fake driver runs, so that servers can move; the second is called NAME-2.',
      1,
      1000,
    ),
    host_ip: text('', 'Address by which others know this host; empty: the first that is not loopback.'),
    zone: text('nova', 'Availability zone of hosts that are in no other.'),
    currency: text('USD', 'In which prices are, by its three letters.', { form: currencyForm }),
    instances_dir: text(
      '',
      "Where guests' disks stand, which QEMU's own user must be able to enter; empty: instances in the data directory.",
    ),
    libvirt_uri: text('qemu:///system', 'How to reach libvirt: qemu:///system, or qemu+unix:///system?socket=/path.'),
    virt_type: choice(
      'auto',
      ['auto', 'kvm', 'qemu'],
      "auto takes KVM only where the processor has it and a probe guest runs; else QEMU's TCG.",
    ),
    cpu_allocation_ratio: number(4, 'ratio', 'vCPUs that may be claimed per physical CPU.', 0.01, 1000),
    ram_allocation_ratio: number(1, 'ratio', 'Memory that may be claimed per physical memory.', 0.01, 1000),
    disk_allocation_ratio: number(1, 'ratio', 'Disk that may be claimed per physical disk.', 0.01, 1000),
    traits: list<string>(
      [],
      'What this host is beyond what it finds out by itself: names that begin with CUSTOM_, for flavors and images to ask for.',
    ),
    resources: amounts(
      'How many of what its operator counts this host has, as {CUSTOM_LICENSE: 4}: flavors take them with resources:CUSTOM_LICENSE.',
    ),
    reserved_memory_mb: integer(512, 'MiB', 'Memory that is never claimed.'),
    reserved_vcpus: integer(0, 'vCPUs', 'CPUs that are never claimed.'),
    reserved_disk_gb: integer(0, 'GiB', 'Disk that is never claimed.'),
    cpu_dedicated_set: text(
      '',
      'CPUs of the host that are each given to one vCPU of servers with hw:cpu_policy dedicated or mixed, as 4-12,^8,15; empty: none.',
    ),
    cpu_shared_set: text(
      '',
      'CPUs on which all other vCPUs run; empty: all CPUs, or none where cpu_dedicated_set names some.',
    ),
    reserved_huge_pages: text(
      '',
      'Pages that are not for guests, as node:0,size:2048,count:64 (size in KiB), several divided by blanks; empty: none.',
    ),
    fake_numa_nodes: integer(1, 'nodes', 'NUMA nodes of each fake host.', 1, 16),
    report_seconds: number(
      limits.hostReportMs / 1000,
      'seconds',
      'How often a host reports, unless there are so many that each reports more seldom (reports_per_second).',
      0.05,
      3600,
    ),
    reports_per_second: number(
      limits.hostReportsPerSecond,
      'reports',
      'What all hosts together report in a second at most: each waits for hosts / reports_per_second seconds where that is longer than report_seconds, but no longer than a third of down_seconds.',
      0.1,
      100_000,
    ),
    down_seconds: number(
      limits.hostDownMs / 1000,
      'seconds',
      'A host that is silent for this long is down.',
      1,
      86_400,
    ),
    placement_wait_seconds: number(
      0,
      'seconds',
      'How long a new server waits in BUILD for room, where hosts lack nothing else, before it ends in ERROR; 0: not at all.',
      0,
      604_800,
    ),
    shutdown_seconds: number(
      limits.shutdownMs / 1000,
      'seconds',
      'A guest that ignores the power button is switched off after this.',
      0,
      3600,
    ),
    force_config_drive: choice(
      'auto',
      ['auto', 'no', 'yes'],
      'Whether every server has a config drive, or only those that ask for one, take files along, or whose image insists; auto: yes, unless guests have a metadata service (network.metadata).',
    ),
    usage_history: choice(
      'yes',
      ['yes', 'no'],
      'Whether the host tells every five minutes what it and its guests take, so that a day of it can be asked for.',
    ),
    usage_metrics: choice(
      'none',
      ['none', 'hosts', 'servers'],
      '/metrics: what hosts take, or hosts and every server, as they told last: with servers as many lines as there are, under their ids and projects.',
    ),
    cloud_init_templates: text(
      '',
      'Directory of templates for cloud-init of your own (*.yaml), beside the built-in ones; read at the start, the same for every process; empty: none.',
    ),
    reclaim_instance_interval_seconds: number(
      0,
      'seconds',
      'How long a deleted server is kept so that it can be restored; 0: it is deleted at once.',
      0,
      31_536_000,
    ),
    vnc_listen: text(
      'socket',
      "Where the screens of libvirt's guests listen (VNC, without a password): socket, a file beside their disks that QEMU and this program alone may open; or an address, which the proxy must reach and nobody else; empty: guests have no screen.",
    ),
    ...adjustOptions,
    ...moveOptions,
    ...sshOptions,
    ...sizedFlavorOptions,
    console_base_url: text(
      '',
      'Where a console proxy of your own serves browsers, as https://consoles.example.org; empty: this program does, at /console below its public address.',
    ),
    console_allowed_origins: list(
      [],
      'Names of hosts, beside that of the consoles, whose pages may open consoles or show them in a frame: a dashboard.',
    ),
    allow_resize_to_same_host: choice('no', ['no', 'yes'], 'Whether a resize may leave a server on its host.'),
    resize_confirm_window: integer(
      0,
      'seconds',
      'A resize or cold migration that nobody confirmed for this long is confirmed; 0: never.',
    ),
    shelved_offload_time: integer(
      0,
      'seconds',
      'How long a shelved server stays on its host; 0: it leaves at once, -1: until an administrator offloads it.',
      -1,
    ),
    evacuate_after_seconds: integer(
      0,
      'seconds',
      'Servers of a host that is silent for so long are evacuated: built anew elsewhere from their images, without what was on their disks; not while more than half of all hosts are silent, and not before down_seconds. 0: only when an administrator says so.',
    ),
    evacuate_servers: choice(
      'all',
      ['all', 'marked'],
      'Which of them: all, or those whose metadata has HA_Enabled: True.',
    ),
  },
  novacron: novacronOptions,
  pci,
  quota,
  notifications: {
    url: text(
      '',
      'amqp://user:password@host:port/vhost of RabbitMQ; empty: nobody is told of what this process does, so all of a deployment have it.',
      { secret: true, form: amqpUrl },
    ),
    exchange: text('nova', "Topic exchange, oslo.messaging's control_exchange."),
    topics: list<string>(['versioned_notifications'], "Topics, Nova's versioned_notifications_topics."),
  },
  scheduler: {
    enabled_filters: list<FilterName>(
      defaultFilters,
      'Filters in the order in which they are asked; those that refuse most hosts at least cost should come first.',
      { choices: filterNames },
    ),
    ...multipliers,
    max_io_ops_per_host: integer(
      defaultSettings.maxIoOpsPerHost,
      'servers',
      'IoOpsFilter: a host where so many are being built or copied takes no more.',
      1,
    ),
    max_instances_per_host: integer(
      defaultSettings.maxInstancesPerHost,
      'servers',
      'NumInstancesFilter: a host with so many takes no more.',
      1,
    ),
    isolated_hosts: list([], 'IsolatedHostsFilter: hosts that are set apart for isolated_images.'),
    isolated_images: list([], 'IsolatedHostsFilter: ids of images that only run on isolated_hosts.'),
    restrict_isolated_hosts_to_isolated_images: choice(
      'true',
      ['true', 'false'],
      'IsolatedHostsFilter: whether isolated_hosts take no other images.',
    ),
    enable_isolated_aggregate_filtering: choice(
      'false',
      ['true', 'false'],
      'TraitIsolationFilter: whether hosts of an aggregate with metadata trait:X=required take only servers that require X.',
    ),
    aggregate_image_properties_isolation_namespace: text(
      '',
      'AggregateImagePropertiesIsolation: compare only keys that begin with this; empty: all.',
    ),
    aggregate_image_properties_isolation_separator: text(
      '.',
      'What stands between that beginning and the rest of a key.',
    ),
  },
} as const;

type ValueOf<O> = O extends Option<infer T> ? T : never;

/** The configuration as the program reads it: `config.api.port`. */
export type Config = {
  readonly [S in keyof typeof schema]: { readonly [K in keyof (typeof schema)[S]]: ValueOf<(typeof schema)[S][K]> };
};

type AnyOption = Option<unknown>;
const sections = schema as unknown as Readonly<Record<string, Readonly<Record<string, AnyOption>>>>;

function readValue(option: AnyOption, raw: unknown, where: string): unknown {
  const said = (value: unknown): string => repeated(value, option.secret);
  const asText = typeof raw === 'string' ? raw.trim() : raw;
  switch (option.kind) {
    case 'text':
      if (typeof raw !== 'string') throw bad(where, `text is wanted, not ${said(raw)}`);
      if (raw !== '' && option.form?.fits(raw) === false) {
        const why = option.form.why?.(raw) ?? null;
        throw bad(where, `${option.form.name} is wanted, not ${said(raw)}${why === null ? '' : `: ${why}`}`);
      }
      return raw;
    case 'choice':
      if (!option.choices?.includes(asText as string))
        throw bad(where, `one of ${option.choices?.join(', ')} is wanted, not ${said(raw)}`);
      return asText;
    case 'list': {
      const parts =
        typeof asText === 'string' ? (asText === '' ? [] : asText.split(',').map((part) => part.trim())) : raw;
      if (!Array.isArray(parts) || !parts.every((part) => typeof part === 'string')) {
        throw bad(where, `a list of texts is wanted, not ${said(raw)}`);
      }
      const odd = parts.find((part) => option.choices !== undefined && !option.choices.includes(part as string)) as
        | string
        | undefined;
      if (odd !== undefined) throw bad(where, `one of ${option.choices?.join(', ')} is wanted, not ${said(odd)}`);
      const bent = (parts as string[]).find((part) => option.form?.fits(part) === false);
      if (bent !== undefined) throw bad(where, `${option.form?.name} is wanted, not ${said(bent)}`);
      return parts;
    }
    case 'amounts':
      return readAmounts(asText, where);
    case 'records':
      return readRecords(asText, option.fields ?? {}, where);
    default: {
      const value = typeof asText === 'string' && asText !== '' ? Number(asText) : asText;
      if (typeof value !== 'number' || Number.isNaN(value)) throw bad(where, `a number is wanted, not ${said(raw)}`);
      if (option.kind === 'integer' && !Number.isInteger(value))
        throw bad(where, `a whole number is wanted, not ${said(raw)}`);
      if (value < (option.min ?? -Infinity) || value > (option.max ?? Infinity)) {
        throw bad(
          where,
          `${value} is not between ${option.min} and ${option.max}${option.unit === undefined ? '' : ` (${option.unit})`}`,
        );
      }
      return value;
    }
  }
}

export interface ConfigSources {
  /** A YAML file; must exist when given. */
  readonly file?: string | undefined;
  /** `XLOUD_API__PORT=8774` sets `api.port`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `--set api.port=8774`, strongest of all. */
  readonly flags?: readonly string[];
}

const ENV_PREFIX = 'XLOUD_';

function fromFile(file: string): Map<string, unknown> {
  if (!existsSync(file)) throw bad(file, 'no such file');
  let parsed: unknown;
  try {
    parsed = parseYaml(readFileSync(file, 'utf8'));
  } catch (error) {
    throw bad(file, (error as Error).message.split('\n')[0] ?? 'is not YAML');
  }
  const values = new Map<string, unknown>();
  if (parsed == null) return values;
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw bad(file, 'sections with options are wanted');
  for (const [section, options] of Object.entries(parsed)) {
    if (options == null) continue;
    if (typeof options !== 'object' || Array.isArray(options))
      throw bad(`${file}: ${section}`, 'a section with options is wanted');
    for (const [key, value] of Object.entries(options)) values.set(`${section}.${key}`, value);
  }
  return values;
}

function fromEnv(env: Readonly<Record<string, string | undefined>>): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(ENV_PREFIX) || !name.includes('__') || value === undefined) continue;
    values.set(name.slice(ENV_PREFIX.length).toLowerCase().replace('__', '.'), value);
  }
  return values;
}

function fromFlags(flags: readonly string[]): Map<string, unknown> {
  return new Map(
    flags.map((entry) => {
      const at = entry.indexOf('=');
      if (at < 1) throw bad(`--set ${entry}`, 'section.option=value is wanted');
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

/**
 * The configuration from file, environment and flags, the later over the earlier.
 * @throws a Fault whose message names the unknown key or the bad value, and where it stands
 */
export function loadConfig(sources: ConfigSources = {}): Config {
  const given = new Map<string, { value: unknown; where: string }>();
  const take = (values: Map<string, unknown>, where: (key: string) => string) => {
    for (const [key, value] of values) given.set(key, { value, where: where(key) });
  };
  if (sources.file !== undefined) take(fromFile(sources.file), (key) => `${sources.file}: ${key}`);
  take(fromEnv(sources.env ?? {}), (key) => `${ENV_PREFIX}${key.toUpperCase().replace('.', '__')}`);
  take(fromFlags(sources.flags ?? []), (key) => `--set ${key}`);

  const config: Record<string, Record<string, unknown>> = {};
  for (const [section, options] of Object.entries(sections)) {
    config[section] = {};
    for (const [key, option] of Object.entries(options)) {
      const found = given.get(`${section}.${key}`);
      (config[section] as Record<string, unknown>)[key] =
        found === undefined ? option.default : readValue(option, found.value, found.where);
      given.delete(`${section}.${key}`);
    }
  }
  const unknown = [...given.values()][0];
  if (unknown !== undefined) throw bad(unknown.where, 'there is no such option (see `xloud config sample`)');
  return config as unknown as Config;
}

/** Why an option does not take a value, as a file would give it; null: it does. */
export function optionProblem(section: string, name: string, value: unknown): string | null {
  const option = sections[section]?.[name];
  if (option === undefined) return `there is no option ${section}.${name}`;
  try {
    readValue(option, value, `${section}.${name}`);
    return null;
  } catch (error) {
    return messageOf(error).replace(/^configuration: /, '');
  }
}

const yamlOf = (value: unknown): string => (Array.isArray(value) ? `[${value.join(', ')}]` : JSON.stringify(value));

/** A sample file: every option with its sentence, unit and default, commented out. */
export function sampleConfig(): string {
  const lines = [
    '# Configuration of xloud. Every option is shown with its default.',
    '# Environment: XLOUD_SECTION__OPTION=value. Flag: --set section.option=value.',
  ];
  for (const [section, options] of Object.entries(sections)) {
    lines.push('', `${section}:`);
    for (const [key, option] of Object.entries(options)) {
      const range = option.choices !== undefined ? ` One of: ${option.choices?.join(', ')}.` : '';
      lines.push(`  # ${option.help}${range}${option.unit === undefined ? '' : ` Unit: ${option.unit}.`}`);
      lines.push(...describeFields(option.fields ?? {}).map((line) => `  #   ${line}`));
      lines.push(`  # ${key}: ${yamlOf(option.default)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
