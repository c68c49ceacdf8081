// Why: tempest finds a cloud ready made: two small images, two flavors, a network that leads outside. This makes them in a fresh
// one and writes the configuration that tells tempest of them.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { TempestCloud } from './start.ts';

const FLAVORS = { small: '42', large: '84' };

// oxlint-disable-next-line typescript/no-explicit-any -- answers of services
type Json = any;

async function ask(cloud: TempestCloud, method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await cloud.request('xloud', method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function makeFlavors(cloud: TempestCloud): Promise<void> {
  for (const [index, [name, id]] of Object.entries(FLAVORS).entries()) {
    const flavor = { name, id, vcpus: 1, ram: cloud.ram[index], disk: 1 };
    await ask(cloud, 'POST', '/compute/v2.1/flavors', { flavor });
  }
}

/** The network that leads outside, and what a project's own is made of where one is allocated by itself (`networks: auto`). */
async function makeOutside(cloud: TempestCloud): Promise<string> {
  const { network } = await ask(cloud, 'POST', '/network/v2.0/networks', {
    network: { name: 'public', 'router:external': true, is_default: true, ...cloud.provider },
  });
  const pool = { name: 'pool', prefixes: ['10.240.0.0/12'], default_prefixlen: 26, is_default: true, shared: true };
  await ask(cloud, 'POST', '/network/v2.0/subnetpools', { subnetpool: pool });
  const subnet = { network_id: network.id, ip_version: 4, cidr: '198.51.100.0/24', enable_dhcp: false };
  await ask(cloud, 'POST', '/network/v2.0/subnets', { subnet });
  return network.id as string;
}

const ini = (sections: Readonly<Record<string, Readonly<Record<string, unknown>>>>): string =>
  Object.entries(sections)
    .map(([name, options]) => [
      `[${name}]`,
      ...Object.entries(options).map(([key, value]) => `${key} = ${String(value)}`),
      '',
    ])
    .flat()
    .join('\n');

/**
 * Fills the cloud and writes `etc/tempest.conf` of a workspace.
 * @param newest the microversion up to which this tempest may ask
 * @param volumes whether it is told of the volume service
 */
export async function prepare(cloud: TempestCloud, workspace: string, newest: string, volumes: boolean): Promise<void> {
  const [image, other] = [await cloud.makeImage('tiny'), await cloud.makeImage('tiny-other')];
  await makeFlavors(cloud);
  const outside = await makeOutside(cloud);
  const { hypervisors } = await ask(cloud, 'GET', '/compute/v2.1/os-hypervisors');
  const { extensions } = await ask(cloud, 'GET', '/network/v2.0/extensions');
  const { clouds } = parse(readFileSync(cloud.cloudsYaml, 'utf8')) as Json;
  const { username, password, project_name } = clouds.xloud.auth;

  const { login, hasRouters } = cloud;

  mkdirSync(join(workspace, 'lock'), { recursive: true });
  const configuration = ini({
    DEFAULT: { log_dir: workspace, log_file: 'tempest.log' },
    oslo_concurrency: { lock_path: join(workspace, 'lock') },
    auth: {
      use_dynamic_credentials: true,
      create_isolated_networks: hasRouters,
      admin_username: username,
      admin_password: password,
      admin_project_name: project_name,
      admin_domain_name: 'Default',
      default_credentials_domain_name: 'Default',
    },
    identity: { uri_v3: cloud.identityUrl, auth_version: 'v3', region: 'RegionOne' },
    service_available: { nova: true, glance: true, neutron: true, cinder: volumes, swift: false, horizon: false },
    compute: {
      image_ref: image,
      image_ref_alt: other,
      flavor_ref: FLAVORS.small,
      flavor_ref_alt: FLAVORS.large,
      min_compute_nodes: hypervisors.length,
      min_microversion: '2.1',
      max_microversion: newest,
      build_interval: 1,
      build_timeout: cloud.buildTimeout,
      shelved_offload_time: 0,
      ...(hasRouters ? {} : { fixed_network_name: 'private' }),
    },
    'compute-feature-enabled': {
      // what a client can do without logging into the guest
      resize: true,
      pause: true,
      suspend: true,
      snapshot: true,
      shelve: true,
      shelve_migrate: hypervisors.length > 1,
      rescue: true,
      stable_rescue: true,
      change_password: cloud.agentAnswers,
      cold_migration: hypervisors.length > 1,
      live_migration: hypervisors.length > 1,
      block_migration_for_live_migration: hypervisors.length > 1,
      live_migrate_back_and_forth: hypervisors.length > 1,
      volume_backed_live_migration: hypervisors.length > 1,
      // whatever its name says, it is about any volume that a server has
      block_migrate_cinder_iscsi: hypervisors.length > 1,
      can_migrate_between_any_hosts: hypervisors.length > 1,
      interface_attach: true,
      vnc_console: true,
      serial_console: true,
      spice_console: true,
      console_output: true,
      config_drive: true,
      // asked from within the guest
      metadata_service: login !== null,
      personality: false,
      // no volume is exchanged for another: none moves between back ends; and none is encrypted
      swap_volume: false,
      attach_encrypted_volume: false,
      scheduler_enabled_filters: 'all',
    },
    image: { build_interval: 1, build_timeout: cloud.buildTimeout },
    'image-feature-enabled': { api_v2: true },
    network: { public_network_id: outside, floating_network_name: 'public', build_timeout: cloud.buildTimeout },
    'network-feature-enabled': {
      api_extensions: extensions.map((one: Json) => one.alias).join(','),
      floating_ips: cloud.floatingIps,
    },
    volume: {
      catalog_type: 'block-storage',
      min_microversion: '3.0',
      max_microversion: '3.68',
      build_interval: 1,
      build_timeout: cloud.buildTimeout,
      volume_size: 1,
      storage_protocol: 'file',
    },
    'volume-feature-enabled': {
      snapshot: true,
      clone: true,
      backup: false,
      manage_volume: false,
      manage_snapshot: false,
      extend_attached_volume: true,
      volume_revert: true,
      consistency_group: false,
      multi_backend: false,
    },
    validation:
      login === null
        ? { run_validation: false }
        : { run_validation: true, image_ssh_user: login.user, ssh_timeout: cloud.buildTimeout },
    ...(login === null ? {} : { scenario: { img_file: login.disk } }),
  });
  writeFileSync(join(workspace, 'etc', 'tempest.conf'), configuration);
}
