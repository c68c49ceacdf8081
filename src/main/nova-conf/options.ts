// Why: what becomes of each option of nova.conf is data: a table that people read, and that one function follows.

import { filterNames } from '../../scheduler/index.ts';
import { amqpOf, type Fate, ignored, initialRatio, list, number, numberOf, records, set, text, yesNo } from './fate.ts';

const domainId =
  (path: string): Fate =>
  ({ text: name }) =>
    name.toLowerCase() === 'default'
      ? set(path, 'default', 'domains are named by their id')
      : ignored(`a domain is named by its id here: set ${path} (openstack domain show)`);

const OWN_USER = 'neighbours are asked as the user of [keystone_authtoken]';
const COUNTED_HERE = 'resources are counted by this program itself, in its own database';
const MIRRORED = 'claims are decided here, and Placement is told of them, as the user of [keystone_authtoken]';
const OWN_SCHEMA = 'this program has a database and a schema of its own: set database.connection';
const NO_CELLS = 'there are no cells';
const LOCKS = 'locks are rows of the database';
const LOGS = 'logs are JSON lines on standard error';

/** How Nova shows a neighbour who it is: as many users as there are neighbours, where this program is one everywhere. */
const credentialsOf = (section: string): Readonly<Record<string, Fate>> =>
  Object.fromEntries(
    [
      ...['auth_type', 'auth_section', 'username', 'password', 'user_domain_name', 'user_domain_id'],
      ...['project_name', 'project_id', 'project_domain_name', 'project_domain_id'],
      ...['application_credential_id', 'application_credential_secret'],
    ].map((name) => [`${section}.${name}`, OWN_USER]),
  );

/** Whole sections, where no option of theirs is in the table below. */
export const sectionFates: Readonly<Record<string, Fate>> = {
  database: OWN_SCHEMA,
  api_database: OWN_SCHEMA,
  placement_database: COUNTED_HERE,
  service_user: OWN_USER,
  cells: NO_CELLS,
  conductor: 'there is no conductor: workers are told by bus.url how to share the work',
  oslo_concurrency: LOCKS,
  oslo_messaging_rabbit: 'the connection to the broker is bus.url with its options',
  cache: 'what is remembered is remembered in the process',
  barbican: 'the key manager is asked for certificates of signed images alone',
  key_manager: 'the key manager is Barbican: image.verify_signatures',
  ironic: 'there are no bare-metal hosts',
  vmware: "hypervisors are libvirt's",
  zvm: "hypervisors are libvirt's",
  spice: 'screens are VNC',
  serial_console: 'serial consoles need no option',
  wsgi: 'there is no WSGI server: see the options of section api',
  upgrade_levels: 'processes of two neighbouring releases speak with each other by themselves',
  oslo_reports: 'a running process is asked by /metrics and `xloud doctor`',
  profiler: 'there is no profiler to be turned on from outside',
};

/** By `section.option`. What is in neither table is told to be unknown. */
export const fates: Readonly<Record<string, Fate>> = {
  'DEFAULT.my_ip': text('compute.host_ip'),
  'DEFAULT.host': text('compute.host'),
  'DEFAULT.osapi_compute_listen': text('api.host'),
  'DEFAULT.osapi_compute_listen_port': number('api.port'),
  'DEFAULT.debug': ({ isTrue }) => set('log.level', isTrue ? 'debug' : 'info'),
  'DEFAULT.cpu_allocation_ratio': number('compute.cpu_allocation_ratio'),
  'DEFAULT.ram_allocation_ratio': number('compute.ram_allocation_ratio'),
  'DEFAULT.disk_allocation_ratio': number('compute.disk_allocation_ratio'),
  'DEFAULT.initial_cpu_allocation_ratio': initialRatio('cpu'),
  'DEFAULT.initial_ram_allocation_ratio': initialRatio('ram'),
  'DEFAULT.initial_disk_allocation_ratio': initialRatio('disk'),
  'DEFAULT.reserved_host_memory_mb': number('compute.reserved_memory_mb'),
  'DEFAULT.reserved_host_cpus': number('compute.reserved_vcpus'),
  'DEFAULT.reserved_host_disk_mb': ({ text: mb }) =>
    set('compute.reserved_disk_gb', Math.ceil(numberOf(mb) / 1024), 'in whole GiB, rounded up'),
  'DEFAULT.reserved_huge_pages': ({ values }) => set('compute.reserved_huge_pages', values.join(' ')),
  'DEFAULT.reclaim_instance_interval': number('compute.reclaim_instance_interval_seconds'),
  'DEFAULT.shelved_offload_time': number('compute.shelved_offload_time'),
  'DEFAULT.resize_confirm_window': number('compute.resize_confirm_window'),
  'DEFAULT.allow_resize_to_same_host': yesNo('compute.allow_resize_to_same_host'),
  'DEFAULT.shutdown_timeout': number('compute.shutdown_seconds'),
  'DEFAULT.force_config_drive': yesNo('compute.force_config_drive'),
  'DEFAULT.report_interval': number('compute.report_seconds'),
  'DEFAULT.service_down_time': number('compute.down_seconds'),
  'DEFAULT.default_availability_zone': text('compute.zone'),
  'DEFAULT.compute_driver': ({ text: driver }) =>
    /^libvirt/.test(driver)
      ? set('compute.driver', 'libvirt')
      : /^fake/.test(driver)
        ? set('compute.driver', 'fake')
        : ignored(`hypervisors are libvirt's; there is no driver ${driver}`),
  'DEFAULT.transport_url':
    '`xloud serve` needs no broker; for processes apart set bus.url, and make keys by `xloud bus keys`',
  // guests that are taken over stay where they are, and new ones come beside them
  'DEFAULT.instances_path': text('compute.instances_dir'),
  'DEFAULT.state_path': 'named by --data-dir',
  'DEFAULT.default_schedule_zone': 'a server that names no zone may be in any',
  'DEFAULT.vif_plugging_timeout': number('network.vif_plugging_timeout_seconds'),
  'DEFAULT.vif_plugging_is_fatal': ({ isTrue }) =>
    isTrue
      ? ignored('it is, unless network.vif_plugging_timeout_seconds is 0')
      : set('network.vif_plugging_timeout_seconds', 0, 'what would not be fatal is not waited for'),
  'DEFAULT.block_device_allocate_retries': 'volumes are waited for until they are there or failed',
  'DEFAULT.osapi_compute_workers': 'one process answers; start more of `xloud api`',
  'DEFAULT.enabled_apis': 'compute, metadata and the built-in services are there by themselves',
  'DEFAULT.metadata_listen': 'taken with neutron.service_metadata_proxy',
  'DEFAULT.metadata_listen_port': 'taken with neutron.service_metadata_proxy',
  'DEFAULT.rootwrap_config': 'nothing is run by way of sudo',
  'DEFAULT.lock_path': LOCKS,
  'DEFAULT.use_neutron': "networks are always a network service's",
  'DEFAULT.firewall_driver': "security groups are the network service's",
  'DEFAULT.log_dir': LOGS,
  'DEFAULT.log_file': LOGS,
  'DEFAULT.use_syslog': LOGS,
  'DEFAULT.use_journal': LOGS,
  'DEFAULT.use_stderr': LOGS,
  'DEFAULT.instance_usage_audit': 'usage is always recorded',
  'DEFAULT.instance_name_template': "domains are named xloud- and the server's id",
  'DEFAULT.running_deleted_instance_action': 'a guest whose server is deleted is removed',

  'api.auth_strategy': ({ text: strategy }) =>
    ignored(
      strategy === 'keystone'
        ? "it is always Keystone, an operator's or the built-in one"
        : 'requests without a token are refused',
    ),
  'api.max_limit': number('api.page_size'),
  'api.compute_link_prefix': text('api.compute_url'),
  'api.glance_link_prefix': text('api.image_url'),
  'api.local_metadata_per_cell': NO_CELLS,
  'api.instance_list_per_project_cells': NO_CELLS,
  'api.use_forwarded_for': 'proxies are named: set api.trusted_proxies',
  'oslo_middleware.enable_proxy_headers_parsing': 'proxies are named: set api.trusted_proxies',

  // Nova has no images and networks of its own, whatever its sections of them say
  'keystone_authtoken.auth_url': ({ text: url }) => ({
    set: { 'identity.auth_url': url, 'image.service': 'glance', 'network.service': 'neutron' },
  }),
  'keystone_authtoken.www_authenticate_uri': text('identity.www_authenticate_uri'),
  'keystone_authtoken.username': text('identity.username'),
  'keystone_authtoken.password': text('identity.password'),
  'keystone_authtoken.project_name': text('identity.project_name'),
  'keystone_authtoken.user_domain_id': text('identity.user_domain_id'),
  'keystone_authtoken.project_domain_id': text('identity.project_domain_id'),
  'keystone_authtoken.user_domain_name': domainId('identity.user_domain_id'),
  'keystone_authtoken.project_domain_name': domainId('identity.project_domain_id'),
  'keystone_authtoken.application_credential_id': text('identity.application_credential_id'),
  'keystone_authtoken.application_credential_secret': text('identity.password'),
  'keystone_authtoken.region_name': text('identity.region_name'),
  'keystone_authtoken.token_cache_time': ({ text: seconds }) =>
    numberOf(seconds) < 0 ? set('identity.cache_seconds', 0) : set('identity.cache_seconds', numberOf(seconds)),
  'keystone_authtoken.auth_type': ({ text: type }) =>
    ignored(
      ['password', 'v3password', 'v3applicationcredential'].includes(type)
        ? 'follows from what is given'
        : `${type} is not had: a password or an application credential`,
    ),
  'keystone_authtoken.memcached_servers': 'tokens are remembered in each process',
  'keystone_authtoken.cafile': "name it in NODE_EXTRA_CA_CERTS of the service's environment",
  'keystone_authtoken.insecure': 'certificates are always checked',
  'keystone_authtoken.service_token_roles': list('identity.service_token_roles'),
  'keystone_authtoken.service_token_roles_required':
    'they are: without one of them a token in X-Service-Token changes nothing',

  'glance.endpoint_override': ({ text: url }) => ({ set: { 'image.service': 'glance', 'image.endpoint': url } }),
  'glance.api_servers': ({ list: urls }) => ({
    set: { 'image.service': 'glance', 'image.endpoint': urls[0] ?? '' },
    ...(urls.length > 1 ? { changed: 'of several the first is taken: put a proxy before them' } : {}),
  }),
  ...credentialsOf('glance'),
  'glance.auth_url': () => set('image.service', 'glance', 'it is asked as the user of [keystone_authtoken]'),
  'glance.region_name': text('identity.region_name'),
  'glance.valid_interfaces': list('identity.interfaces'),
  'glance.service_type': () => set('image.service', 'glance'),
  'glance.num_retries': 'what failed is asked once more',
  'glance.verify_glance_signatures': yesNo('image.verify_signatures'),
  'barbican.barbican_endpoint': text('image.key_manager_endpoint'),
  'glance.enable_rbd_download': 'images are fetched over HTTP',

  'neutron.endpoint_override': ({ text: url }) => ({ set: { 'network.service': 'neutron', 'network.endpoint': url } }),
  ...credentialsOf('neutron'),
  'neutron.auth_url': () => set('network.service', 'neutron', 'it is asked as the user of [keystone_authtoken]'),
  'neutron.ovs_bridge': text('network.ovs_bridge'),
  'neutron.region_name': text('identity.region_name'),
  'neutron.valid_interfaces': list('identity.interfaces'),
  'neutron.service_metadata_proxy': ({ isTrue, other }) => {
    if (!isTrue) return ignored("Neutron's metadata agents are answered where metadata_proxy_shared_secret is given");
    const [host, port] = [
      other('DEFAULT.metadata_listen') ?? '0.0.0.0',
      other('DEFAULT.metadata_listen_port') ?? '8775',
    ];
    return set('network.metadata_proxy_listen', `${host}:${port}`, 'the address of [DEFAULT] metadata_listen');
  },
  'neutron.metadata_proxy_shared_secret': text('network.metadata_proxy_shared_secret'),

  // claims are decided here; others see them there, as they did
  'placement.auth_url': () => set('placement.sync', 'yes', MIRRORED),
  'placement.endpoint_override': ({ text: url }) => ({
    set: { 'placement.sync': 'yes', 'placement.endpoint': url },
    changed: MIRRORED,
  }),
  ...credentialsOf('placement'),
  'placement.region_name': text('identity.region_name'),
  'placement.valid_interfaces': list('identity.interfaces'),
  'placement.service_type': 'it is found in the catalog as placement',
  'placement.cafile': "name it in NODE_EXTRA_CA_CERTS of the service's environment",
  'placement.insecure': 'certificates are always checked',

  // Nova's default, wherever it has a Cinder
  'cinder.catalog_info': ({ text: info }) =>
    ['volumev3', 'block-storage'].includes(info.split(':')[0] ?? '')
      ? set(
          'volume.service',
          'cinder',
          'the catalog is searched for block-storage and volumev3, by identity.interfaces',
        )
      : {
          set: { 'volume.service': 'cinder' },
          changed: `the catalog is not searched for ${info.split(':')[0]}: set volume.endpoint`,
        },
  'cinder.endpoint_template': ({ text: url }) => ({
    set: { 'volume.service': 'cinder', 'volume.endpoint': url.split('/v3')[0] ?? url },
  }),
  ...credentialsOf('cinder'),
  'cinder.auth_url': () => set('volume.service', 'cinder', 'it is asked as the user of [keystone_authtoken]'),
  'cinder.os_region_name': ({ text: region }) => ({
    set: { 'volume.service': 'cinder', 'identity.region_name': region },
  }),
  'cinder.http_retries': 'what failed is asked once more',
  'cinder.timeout': 'how long each call may take is not an option',
  'cinder.cross_az_attach': ({ isTrue }) =>
    ignored(
      isTrue ? 'zones of volumes are not compared' : 'zones of volumes are not compared: keep volumes near by types',
    ),
  'cinder.cafile': "name it in NODE_EXTRA_CA_CERTS of the service's environment",
  'cinder.insecure': 'certificates are always checked',
  'cinder.debug': LOGS,

  'libvirt.rbd_user': 'Cinder names the user of each volume (rbd_user there)',
  'libvirt.rbd_secret_uuid': "Cinder names the secret (rbd_secret_uuid there); libvirt's own of that id is used",
  'libvirt.volume_use_multipath': ({ isTrue }) =>
    ignored(isTrue ? 'there is no multipath: volumes are reached on one path' : 'there is no multipath'),
  'libvirt.iscsi_use_multipath': ({ isTrue }) =>
    ignored(isTrue ? 'there is no multipath: volumes are reached on one path' : 'there is no multipath'),
  'libvirt.nfs_mount_options': 'Cinder names the options of each share (nfs_mount_options there)',

  'libvirt.connection_uri': text('compute.libvirt_uri'),
  'libvirt.virt_type': ({ text: type }) =>
    type === 'kvm' || type === 'qemu' ? set('compute.virt_type', type) : ignored(`guests are QEMU's, not ${type}'s`),
  'libvirt.live_migration_inbound_addr': text('compute.live_migration_inbound_addr'),
  'libvirt.live_migration_scheme': text('compute.live_migration_scheme'),
  'libvirt.live_migration_with_native_tls': yesNo('compute.live_migration_with_native_tls'),
  'libvirt.live_migration_permit_post_copy': yesNo('compute.live_migration_permit_post_copy'),
  'libvirt.live_migration_permit_auto_converge': yesNo('compute.live_migration_permit_auto_converge'),
  'libvirt.live_migration_bandwidth': number('compute.live_migration_bandwidth'),
  'libvirt.live_migration_downtime': number('compute.live_migration_downtime'),
  'libvirt.live_migration_completion_timeout': number('compute.live_migration_completion_timeout'),
  'libvirt.live_migration_timeout_action': text('compute.live_migration_timeout_action'),
  'libvirt.live_migration_parallel_connections': number('compute.live_migration_parallel_connections'),
  'libvirt.images_type': ({ text: type }) =>
    ignored(['default', 'qcow2'].includes(type) ? 'disks are qcow2 files' : `disks are qcow2 files, never ${type}`),
  'libvirt.cpu_mode': "a guest's processor is its host's (host-model)",
  'libvirt.cpu_models': "a guest's processor is its host's (host-model)",
  'libvirt.inject_password': "nothing is written into disks: cloud-init and the guest's agent do it",
  'libvirt.inject_key': "nothing is written into disks: cloud-init and the guest's agent do it",
  'libvirt.inject_partition': "nothing is written into disks: cloud-init and the guest's agent do it",

  'compute.cpu_dedicated_set': text('compute.cpu_dedicated_set'),
  'compute.cpu_shared_set': text('compute.cpu_shared_set'),

  'scheduler.enable_isolated_aggregate_filtering': ({ isTrue }) =>
    set('scheduler.enable_isolated_aggregate_filtering', String(isTrue)),
  'scheduler.discover_hosts_in_cells_interval': NO_CELLS,
  'scheduler.workers': 'start more of `xloud worker`',
  'scheduler.max_attempts': 'a server is tried to be built on three hosts at most',
  'scheduler.query_placement_for_image_type_support': COUNTED_HERE,
  'scheduler.query_placement_for_availability_zone': COUNTED_HERE,

  'filter_scheduler.enabled_filters': ({ list: filters }) => {
    const known = filters.filter((name) => (filterNames as readonly string[]).includes(name));
    const left = filters.filter((name) => !known.includes(name));
    const added =
      filterNames.includes('HostLabelsFilter') && !known.includes('HostLabelsFilter') ? ['HostLabelsFilter'] : [];
    const changes = [
      ...(left.length > 0 ? [`there is no ${left.join(', ')}`] : []),
      ...(added.length > 0 ? ['HostLabelsFilter is added, which hints of NovaCron need'] : []),
    ];
    return set('scheduler.enabled_filters', [...known, ...added], changes.length > 0 ? changes.join('; ') : undefined);
  },
  'filter_scheduler.available_filters': 'filters are those of this program',
  'filter_scheduler.weight_classes': 'weighers are those of this program',
  'filter_scheduler.ram_weight_multiplier': number('scheduler.ram_weight_multiplier'),
  'filter_scheduler.cpu_weight_multiplier': number('scheduler.cpu_weight_multiplier'),
  'filter_scheduler.disk_weight_multiplier': number('scheduler.disk_weight_multiplier'),
  'filter_scheduler.io_ops_weight_multiplier': number('scheduler.io_ops_weight_multiplier'),
  'filter_scheduler.pci_weight_multiplier': number('scheduler.pci_weight_multiplier'),
  'filter_scheduler.num_instances_weight_multiplier': number('scheduler.num_instances_weight_multiplier'),
  'filter_scheduler.hypervisor_version_weight_multiplier': number('scheduler.hypervisor_version_weight_multiplier'),
  'filter_scheduler.soft_affinity_weight_multiplier': number('scheduler.soft_affinity_weight_multiplier'),
  'filter_scheduler.soft_anti_affinity_weight_multiplier': number('scheduler.soft_anti_affinity_weight_multiplier'),
  'filter_scheduler.max_io_ops_per_host': number('scheduler.max_io_ops_per_host'),
  'filter_scheduler.max_instances_per_host': number('scheduler.max_instances_per_host'),
  'filter_scheduler.isolated_hosts': list('scheduler.isolated_hosts'),
  'filter_scheduler.isolated_images': list('scheduler.isolated_images'),
  'filter_scheduler.restrict_isolated_hosts_to_isolated_images': ({ isTrue }) =>
    set('scheduler.restrict_isolated_hosts_to_isolated_images', String(isTrue)),
  'filter_scheduler.aggregate_image_properties_isolation_namespace': text(
    'scheduler.aggregate_image_properties_isolation_namespace',
  ),
  'filter_scheduler.aggregate_image_properties_isolation_separator': text(
    'scheduler.aggregate_image_properties_isolation_separator',
  ),
  'filter_scheduler.host_subset_size': 'the heaviest host is taken',
  'filter_scheduler.shuffle_best_same_weighed_hosts': 'the heaviest host is taken',

  ...Object.fromEntries(
    [
      'instances',
      'cores',
      'ram',
      'metadata_items',
      'injected_files',
      'key_pairs',
      'server_groups',
      'server_group_members',
    ].map((name) => [`quota.${name}`, number(`quota.${name}`)]),
  ),
  'quota.injected_file_content_bytes': number('quota.injected_file_content_bytes'),
  'quota.injected_file_path_length': number('quota.injected_file_path_bytes'),
  'quota.driver': ({ text: driver }) =>
    ignored(
      driver.includes('UnifiedLimits')
        ? 'limits of Keystone are not read: set them in section quota, or by `openstack quota set`'
        : "quotas are rows of this program's database",
    ),
  'quota.recheck_quota': 'quotas are counted with the claim, under one lock',
  'quota.count_usage_from_placement': "usage is counted from this program's own claims",

  'pci.alias': records('pci.alias'),
  'pci.device_spec': records('pci.device_spec'),
  'pci.passthrough_whitelist': records('pci.device_spec'),
  'pci.report_in_placement': COUNTED_HERE,

  'oslo_policy.policy_file': text('policy.file'),
  'oslo_policy.enforce_scope': 'scopes are enforced, and the defaults are the new ones: `xloud policy list`',
  'oslo_policy.enforce_new_defaults': 'scopes are enforced, and the defaults are the new ones: `xloud policy list`',
  'oslo_policy.policy_dirs': 'one file is read: join them',

  'vnc.enabled': ({ isTrue }) =>
    isTrue
      ? ignored('screens are there by themselves')
      : set('compute.vnc_listen', '', 'an empty address is no screen'),
  'vnc.server_listen': 'screens are files that this program alone opens (compute.vnc_listen: socket)',
  'vnc.server_proxyclient_address': 'screens are files that this program alone opens (compute.vnc_listen: socket)',
  'vnc.novncproxy_base_url':
    "consoles are at this program's own address: set compute.console_base_url where it is another",
  'vnc.novncproxy_host': 'consoles are answered where the API is',
  'vnc.novncproxy_port': 'consoles are answered where the API is',

  'notifications.notification_format': ({ text: format, other }) => {
    if (format === 'unversioned') return ignored('notifications are versioned');
    const url = other('oslo_messaging_notifications.transport_url') ?? other('DEFAULT.transport_url');
    if (url === null) return ignored('no transport_url says where the broker is: set notifications.url');
    const amqp = amqpOf(url, /^(?:true|1|yes|on)$/i.test(other('oslo_messaging_rabbit.ssl') ?? ''));
    return set(
      'notifications.url',
      amqp.url,
      format === 'both' ? `only versioned ones; ${amqp.changed}` : amqp.changed,
    );
  },
  'notifications.versioned_notifications_topics': list('notifications.topics'),
  'oslo_messaging_notifications.transport_url':
    'taken with notifications.notification_format, where that is versioned or both',
  'oslo_messaging_notifications.driver': 'follows from notifications.url',
  'oslo_messaging_notifications.topics': 'is of unversioned notifications',
};
