// Why: a small Nova without a Nova: the tables and columns that are read of its databases, as Zed has them, and rows as its services write
// them (recorded from one that ran).

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Knex } from 'knex';
import { newUuid } from '../../src/base/ids.ts';
import { type EngineName, openDatabase } from '../../src/db/engine.ts';
import { type NovaDatabase, openNova } from '../../src/db/nova/open.ts';
import { freshMariadb } from './mariadb.ts';
import { scratchDir } from './scratch.ts';

type Columns = Readonly<Record<string, 'int' | 'text' | 'time'>>;

const softDeleted: Columns = { created_at: 'time', updated_at: 'time', deleted_at: 'time', deleted: 'int' };
const names = (...all: readonly string[]): Columns => Object.fromEntries(all.map((name) => [name, 'text' as const]));
const numbers = (...all: readonly string[]): Columns => Object.fromEntries(all.map((name) => [name, 'int' as const]));

const apiTables: Readonly<Record<string, Columns>> = {
  cell_mappings: { ...names('uuid', 'name', 'transport_url', 'database_connection'), ...numbers('disabled') },
  instance_mappings: { ...names('instance_uuid', 'project_id'), ...numbers('cell_id', 'queued_for_delete') },
  request_specs: names('instance_uuid', 'spec'),
  flavors: {
    ...names('name', 'flavorid', 'description'),
    ...numbers('memory_mb', 'vcpus', 'root_gb', 'ephemeral_gb', 'swap', 'vcpu_weight', 'disabled', 'is_public'),
    ...{ rxtx_factor: 'int', created_at: 'time' },
  },
  flavor_extra_specs: { ...names('key', 'value'), ...numbers('flavor_id') },
  flavor_projects: { ...names('project_id'), ...numbers('flavor_id') },
  key_pairs: { ...names('name', 'user_id', 'fingerprint', 'public_key', 'type'), created_at: 'time' },
  quotas: { ...names('project_id', 'resource'), ...numbers('hard_limit') },
  project_user_quotas: { ...names('project_id', 'user_id', 'resource'), ...numbers('hard_limit') },
  quota_classes: { ...names('class_name', 'resource'), ...numbers('hard_limit') },
  instance_groups: { ...names('uuid', 'name', 'user_id', 'project_id'), created_at: 'time' },
  instance_group_policy: { ...names('policy', 'rules'), ...numbers('group_id') },
  instance_group_member: { ...names('instance_uuid'), ...numbers('group_id') },
  aggregates: { ...names('uuid', 'name'), created_at: 'time' },
  aggregate_hosts: { ...names('host'), ...numbers('aggregate_id') },
  aggregate_metadata: { ...names('key', 'value'), ...numbers('aggregate_id') },
};

const cellTables: Readonly<Record<string, Columns>> = {
  instances: {
    ...names(
      'uuid',
      'user_id',
      'project_id',
      'image_ref',
      'kernel_id',
      'ramdisk_id',
      'hostname',
      'key_name',
      'key_data',
    ),
    ...names('vm_state', 'task_state', 'host', 'node', 'user_data', 'reservation_id', 'availability_zone', 'locked_by'),
    ...names('display_name', 'display_description', 'root_device_name', 'config_drive', 'access_ip_v4', 'access_ip_v6'),
    ...names('ephemeral_key_uuid'),
    ...numbers('launch_index', 'power_state', 'auto_disk_config', 'hidden', 'cleaned'),
    ...{ launched_at: 'time', terminated_at: 'time', ...softDeleted },
  },
  instance_extra: {
    ...names('instance_uuid', 'flavor', 'keypairs', 'numa_topology', 'pci_requests', 'vpmems'),
    ...softDeleted,
  },
  instance_info_caches: { ...names('instance_uuid', 'network_info'), ...softDeleted },
  instance_metadata: { ...names('instance_uuid', 'key', 'value'), ...softDeleted },
  instance_system_metadata: { ...names('instance_uuid', 'key', 'value'), ...softDeleted },
  tags: names('resource_id', 'tag'),
  block_device_mapping: {
    ...names('uuid', 'instance_uuid', 'source_type', 'destination_type', 'device_type', 'disk_bus', 'device_name'),
    ...names('volume_id', 'volume_type', 'attachment_id', 'connection_info', 'tag'),
    ...numbers('boot_index', 'encrypted', 'delete_on_termination', 'volume_size', 'no_device'),
    ...softDeleted,
  },
  pci_devices: { ...names('instance_uuid', 'status'), ...softDeleted },
  migrations: { ...names('instance_uuid', 'status'), ...softDeleted },
  instance_actions: {
    ...names('action', 'instance_uuid', 'request_id', 'user_id', 'project_id', 'message'),
    ...{ start_time: 'time', finish_time: 'time', ...softDeleted },
  },
  instance_actions_events: {
    ...names('event', 'result', 'traceback', 'host', 'details'),
    ...{ action_id: 'int', start_time: 'time', finish_time: 'time', ...softDeleted },
  },
  services: { ...names('host', 'binary'), ...{ last_seen_up: 'time', forced_down: 'int', ...softDeleted } },
};

async function makeTables(knex: Knex, tables: Readonly<Record<string, Columns>>): Promise<void> {
  for (const [table, columns] of Object.entries(tables)) {
    await knex.schema.createTable(table, (t) => {
      // of tags there is none in Nova
      if (table !== 'tags') t.increments('id');
      for (const [name, kind] of Object.entries(columns)) {
        if (kind === 'text') t.text(name, 'mediumtext');
        else if (kind === 'time') t.dateTime(name);
        else if (name === 'deleted') t.integer(name).defaultTo(0);
        else t.integer(name);
      }
    });
  }
}

export interface NovaFixture {
  readonly api: NovaDatabase;
  readonly cell: NovaDatabase;
  /** Their addresses. */
  readonly urls: { readonly api: string; readonly cell: string };
  /** Adds rows to a table of the API's database, or of the cell's. */
  add(where: 'api' | 'cell', table: string, ...rows: readonly object[]): Promise<void>;
  rows(where: 'api' | 'cell', table: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** A server that Nova calls active; its uuid. */
  addServer(more?: NovaServerRows): Promise<string>;
  close(): Promise<void>;
}

/** What differs from the usual server. */
export interface NovaServerRows {
  readonly instance?: object;
  readonly extra?: object;
  readonly flavor?: object;
  readonly extraSpecs?: Readonly<Record<string, string>>;
  readonly vif?: object | null;
}

export const MAC = 'fa:16:3e:11:22:33';
export const PORT = '11111111-2222-4333-8444-555555555555';

const object = (name: string, data: object) => ({
  'nova_object.name': name,
  'nova_object.namespace': 'nova',
  'nova_object.version': '1.2',
  'nova_object.data': data,
});

/** `instance_extra.flavor`, as Nova writes it. */
export const flavorCell = (more: object = {}, extra_specs: object = {}): string =>
  JSON.stringify({
    cur: object('Flavor', {
      ...{ id: 1, name: 'm1.small', memory_mb: 2048, vcpus: 2, root_gb: 20, ephemeral_gb: 0, flavorid: '2', swap: 0 },
      ...{ rxtx_factor: 1, vcpu_weight: 0, disabled: false, is_public: true, extra_specs, description: null },
      ...more,
    }),
    ...{ old: null, new: null },
  });

/** An interface in `instance_info_caches.network_info`. */
export const vifCell = (more: object = {}) => ({
  id: PORT,
  address: MAC,
  network: {
    ...{ id: 'aaaaaaaa-0000-4000-8000-000000000001', bridge: 'br-int', label: 'private' },
    subnets: [
      {
        cidr: '10.0.0.0/24',
        dns: [{ address: '10.0.0.2', type: 'dns', version: 4, meta: {} }],
        gateway: { address: '10.0.0.1', type: 'gateway', version: 4, meta: {} },
        ips: [{ address: '10.0.0.9', type: 'fixed', version: 4, meta: {}, floating_ips: [] }],
        ...{ routes: [], version: 4, meta: {} },
      },
    ],
    meta: { injected: false, tenant_id: 'p', mtu: 1442, physical_network: null, tunneled: true },
  },
  type: 'ovs',
  details: { port_filter: true, connectivity: 'l2', bound_drivers: { '0': 'ovn' } },
  ...{ devname: 'tap11111111-22', ovs_interfaceid: PORT, qbh_params: null, qbg_params: null, active: true },
  ...{ vnic_type: 'normal', profile: {}, preserve_on_delete: false, delegate_create: true, meta: {} },
  ...more,
});

async function openFixture(
  engine: EngineName,
  tables: Readonly<Record<string, Columns>>,
): Promise<{ readonly url: string; readonly drop: () => Promise<void> }> {
  if (engine === 'mysql') {
    const { url, drop } = await freshMariadb();
    const database = openDatabase(url, 1);
    await makeTables(database.write, tables);
    await database.close();
    return { url, drop };
  }
  const directory = mkdtempSync(join(scratchDir(), 'xloud-nova-'));
  const url = `sqlite://${join(directory, 'nova.db')}`;
  const database = openDatabase(url);
  await makeTables(database.write, tables);
  await database.close();
  return { url, drop: async () => rmSync(directory, { recursive: true, force: true }) };
}

/** A Nova with an API's database and one cell. */
export async function novaFixture(engine: EngineName): Promise<NovaFixture> {
  const [first, second] = [await openFixture(engine, apiTables), await openFixture(engine, cellTables)];
  const [api, cell] = [openNova(first.url, 'api'), openNova(second.url, 'cell')];
  const of = (where: 'api' | 'cell') => (where === 'api' ? api : cell).database;
  let servers = 0;
  const add: NovaFixture['add'] = async (where, table, ...rows) => {
    for (const row of rows) await of(where).write(table).insert(row);
  };
  return {
    ...{ api, cell, add, urls: { api: first.url, cell: second.url } },
    rows: (where, table) => of(where).read(table).select('*'),
    async addServer({ instance = {}, extra = {}, flavor = {}, extraSpecs = {}, vif = {} } = {}) {
      const uuid = newUuid();
      // no two servers have one port
      const own = servers++ === 0 ? {} : { id: newUuid() };
      const times = { created_at: '2026-01-02 03:04:05', launched_at: '2026-01-02 03:04:15' };
      await add('cell', 'instances', {
        ...{ uuid, user_id: 'u', project_id: 'p', image_ref: 'cccccccc-0000-4000-8000-000000000001', hostname: 'web' },
        ...{
          vm_state: 'active',
          power_state: 1,
          host: 'host-1',
          node: 'node-1',
          reservation_id: 'r-abc',
          launch_index: 0,
        },
        ...{
          display_name: 'web',
          availability_zone: 'nova',
          root_device_name: '/dev/vda',
          config_drive: '',
          hidden: 0,
        },
        ...{ auto_disk_config: 1, kernel_id: '', ramdisk_id: '', ...times, ...instance },
      });
      await add('cell', 'instance_extra', { instance_uuid: uuid, flavor: flavorCell(flavor, extraSpecs), ...extra });
      const network_info = JSON.stringify(vif === null ? [] : [vifCell({ ...own, ...vif })]);
      await add('cell', 'instance_info_caches', { instance_uuid: uuid, network_info });
      const facts = { image_disk_format: 'qcow2', image_min_disk: '20', image_hw_machine_type: 'pc' };
      for (const [key, value] of Object.entries(facts))
        await add('cell', 'instance_system_metadata', { instance_uuid: uuid, key, value });
      await add('api', 'instance_mappings', { instance_uuid: uuid, project_id: 'p', cell_id: 2 });
      return uuid;
    },
    async close() {
      await api.close();
      await cell.close();
      await first.drop();
      await second.drop();
    },
  };
}
