// GET /servers/{id}: every field at every version at which it came, went or changed, for administrators and others; and that
// nobody's server is anybody else's.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { testNetwork, uuidOf } from '../support/neighbours.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';

/** The versions at which what a server shows changes, and the one before each. */
const TURNS = [1, 3, 9, 16, 19, 26, 47, 63, 69, 71, 73, 75, 90, 96, 98, 100, 104];
const MINORS = [...new Set(TURNS.flatMap((turn) => [Math.max(1, turn - 1), turn]))];

const FIRST = [
  ...['id', 'name', 'status', 'tenant_id', 'user_id', 'metadata', 'hostId', 'image', 'flavor', 'created', 'updated'],
  ...['addresses', 'accessIPv4', 'accessIPv6', 'links', 'OS-DCF:diskConfig', 'progress', 'key_name', 'config_drive'],
  ...['OS-EXT-AZ:availability_zone', 'OS-SRV-USG:launched_at', 'OS-SRV-USG:terminated_at', 'security_groups'],
  ...['OS-EXT-STS:task_state', 'OS-EXT-STS:vm_state', 'OS-EXT-STS:power_state'],
  'os-extended-volumes:volumes_attached',
];
const ADMIN_FIRST = ['OS-EXT-SRV-ATTR:host', 'OS-EXT-SRV-ATTR:instance_name', 'OS-EXT-SRV-ATTR:hypervisor_hostname'];
const ADMIN_FROM_3 = [
  'reservation_id',
  'launch_index',
  'hostname',
  'kernel_id',
  'ramdisk_id',
  'root_device_name',
  'user_data',
];
const LATER: readonly (readonly [number, string])[] = [
  [9, 'locked'],
  [19, 'description'],
  [26, 'tags'],
  [63, 'trusted_image_certificates'],
  [73, 'locked_reason'],
  [90, 'OS-EXT-SRV-ATTR:hostname'],
  [96, 'pinned_availability_zone'],
  [100, 'scheduler_hints'],
];
/** What PUT answers with before it shows the whole server (2.75). */
const SHORT = [
  ...['id', 'name', 'status', 'tenant_id', 'user_id', 'metadata', 'hostId', 'image', 'flavor', 'created', 'updated'],
  ...[
    'addresses',
    'accessIPv4',
    'accessIPv6',
    'links',
    'OS-DCF:diskConfig',
    'progress',
    'locked',
    'description',
    'tags',
  ],
  ...['trusted_image_certificates', 'server_groups', 'locked_reason'],
];

function expectedKeys(minor: number, admin: boolean, page: 'show' | 'detail' | 'update'): string[] {
  const keys = [
    // the fake network has no security groups
    ...FIRST.filter((key) => key !== 'security_groups'),
    ...LATER.filter(([from]) => minor >= from).map(([, key]) => key),
    ...(minor >= 71 && page !== 'detail' ? ['server_groups'] : []),
    ...(admin ? ADMIN_FIRST : []),
    ...(admin && minor >= 3 ? ADMIN_FROM_3.map((key) => `OS-EXT-SRV-ATTR:${key}`) : []),
    ...(admin && minor >= 16 ? ['host_status'] : []),
  ];
  const shown = page === 'update' && minor < 75 ? keys.filter((key) => SHORT.includes(key)) : keys;
  return [...new Set(shown)].toSorted();
}

for (const engine of engines) {
  describe(`a server on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create(
        {
          ...{ name: 'shown', flavorRef: ELASTIC, metadata: { role: 'db' }, tags: ['a'], user_data: 'aGVsbG8=' },
          networks: [{ uuid: testNetwork.id, fixed_ip: '10.9.7.7' }],
        },
        { version: '2.52' },
      );
    });
    after(() => servers.close());

    const pages = {
      show: async (minor: number, as: 'admin' | 'member') => servers.show(id, { version: `2.${minor}`, as }),
      detail: async (minor: number, as: 'admin' | 'member') => {
        const path = `/servers/detail?name=shown${as === 'admin' ? '&all_tenants=1' : ''}`;
        const answer = await servers.request('GET', path, { version: `2.${minor}`, as });
        assert.equal(answer.body.servers.length, 1, answer.text);
        return answer.body.servers[0];
      },
      update: async (minor: number, as: 'admin' | 'member') => {
        const body = { server: { name: 'shown' } };
        const answer = await servers.request('PUT', `/servers/${id}`, { version: `2.${minor}`, as, body });
        assert.equal(answer.status, 200, answer.text);
        return answer.body.server;
      },
    };

    for (const page of ['show', 'detail', 'update'] as const) {
      it(`has its fields at every version: ${page}`, async () => {
        for (const minor of MINORS) {
          for (const as of ['admin', 'member'] as const) {
            const shown = await pages[page](minor, as);
            assert.deepEqual(
              Object.keys(shown).toSorted(),
              expectedKeys(minor, as === 'admin', page),
              `2.${minor} as ${as}`,
            );
          }
        }
      });
    }

    it('has them with the right values', async () => {
      const shown = await servers.show(id, { as: 'admin', version: 'latest' });
      const { projectId, userId } = callers.member;
      const values = {
        ...{ id, name: 'shown', status: 'ACTIVE', tenant_id: projectId, user_id: userId, metadata: { role: 'db' } },
        ...{
          progress: 0,
          accessIPv4: '',
          accessIPv6: '',
          'OS-DCF:diskConfig': 'MANUAL',
          config_drive: '',
          key_name: null,
        },
        ...{ 'OS-EXT-STS:task_state': null, 'OS-EXT-STS:vm_state': 'active', 'OS-EXT-STS:power_state': 1 },
        ...{ 'OS-EXT-SRV-ATTR:host': 'host-1', 'OS-EXT-SRV-ATTR:hypervisor_hostname': 'host-1', host_status: 'UP' },
        ...{ 'OS-EXT-SRV-ATTR:instance_name': 'instance-00000001', 'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda' },
        ...{ 'OS-EXT-SRV-ATTR:launch_index': 0, 'OS-EXT-SRV-ATTR:kernel_id': '', 'OS-EXT-SRV-ATTR:ramdisk_id': '' },
        ...{ locked: false, locked_reason: null, description: null, tags: ['a'], trusted_image_certificates: null },
        ...{ pinned_availability_zone: null, 'OS-EXT-AZ:availability_zone': 'nova', scheduler_hints: {} },
        ...{ server_groups: [], 'os-extended-volumes:volumes_attached': [], 'OS-EXT-SRV-ATTR:user_data': 'aGVsbG8=' },
        flavor: {
          ...{ original_name: 'flavor-elastic', vcpus: 4, ram: 4096, disk: 1, ephemeral: 0, swap: 0 },
          extra_specs: { minimum_cpu: '1', minimum_memory: '256' },
        },
      };
      for (const [key, value] of Object.entries(values)) assert.deepEqual(shown[key], value, key);
      assert.match(shown.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.match(shown['OS-SRV-USG:launched_at'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
      assert.match(shown.hostId, /^[0-9a-f]{56}$/);
      assert.equal(shown.image.id, servers.imageId);
      assert.deepEqual(Object.keys(shown.image).toSorted(), ['id', 'links', 'properties']);
      const [address] = shown.addresses['private'];
      assert.deepEqual(Object.keys(address).toSorted(), [
        'OS-EXT-IPS-MAC:mac_addr',
        'OS-EXT-IPS:type',
        'addr',
        'version',
      ]);
      const old = await servers.show(id, { version: '2.46' });
      assert.deepEqual(Object.keys(old.flavor).toSorted(), ['id', 'links']);
      assert.equal(old.flavor.id, ELASTIC);
      assert.deepEqual(Object.keys((await servers.show(id, { version: '2.97' })).image).toSorted(), ['id', 'links']);
      const short = await pages.update(1, 'member');
      assert.deepEqual(short.addresses['private'], [{ version: 4, addr: '10.9.7.7' }]);
    });

    it('is the same under /v2, with and without a project id, whatever version is asked for there', async () => {
      const { projectId } = callers.member;
      const newest = { version: 'latest', as: 'member' } as const;
      for (const prefix of ['/v2', `/v2/${projectId}`]) {
        const { body, headers } = await servers.request('GET', `${prefix}/servers/${id}`, newest);
        assert.deepEqual(Object.keys(body.server).toSorted(), expectedKeys(1, false, 'show'));
        assert.equal(body.server.links[0].href, `${servers.url}${prefix}/servers/${id}`);
        assert.equal(headers['openstack-api-version'], undefined);
      }
      const named = await servers.request('GET', `/v2.1/${projectId}/servers/${id}`, newest);
      assert.equal(named.body.server.links[0].href, `${servers.url}/v2.1/${projectId}/servers/${id}`);
      assert.equal(named.headers['openstack-api-version'], 'compute 2.104');
      // the old endpoint takes what it does not know, and drops it
      const body = { server: { name: 'shown', nonsense: true } };
      const put = await servers.request('PUT', `/v2/servers/${id}`, { as: 'member', body });
      assert.equal(put.status, 200);
      assert.equal((await servers.request('PUT', `/servers/${id}`, { as: 'member', body })).status, 400);
    });

    it('tells the state of its host to administrators', async () => {
      const write = (change: object) => servers.world.database.write('services').update(change);
      const word = async () => (await servers.show(id, { as: 'admin', version: '2.16' })).host_status;
      assert.equal(await word(), 'UP');
      await write({ disabled: 1 });
      assert.equal(await word(), 'MAINTENANCE');
      await write({ last_seen_at: 1000 });
      assert.equal(await word(), 'UNKNOWN');
      await write({ forced_down: 1 });
      assert.equal(await word(), 'DOWN');
      await write({ disabled: 0, forced_down: 0, last_seen_at: Date.now() });
      assert.equal((await servers.show(id, { version: '2.16' })).host_status, undefined);
    });

    it('tells of a failure, and its details to administrators only', async () => {
      const broken = await servers.create({ name: 'broken', metadata: { xloud_fake: 'fail:spawn' } });
      for (const [as, detailed] of [
        ['admin', true],
        ['member', false],
      ] as const) {
        const shown = await servers.show(broken, { as });
        assert.deepEqual([shown.status, shown['OS-EXT-STS:vm_state'], shown.progress], ['ERROR', 'error', undefined]);
        assert.equal(shown.fault.code, 500);
        assert.match(shown.fault.message, /fails at spawn|Exceeded maximum number of retries/);
        assert.match(shown.fault.created, /Z$/);
        if (!detailed) assert.equal(shown.fault.details, undefined);
      }
    });

    it('takes no parameters it does not know from 2.102', async () => {
      const ask = (version: string) => servers.request('GET', `/servers/${id}?x=1`, { as: 'member', version });
      assert.equal((await ask('2.101')).status, 200);
      assert.equal((await ask('2.102')).status, 400);
    });

    it('of another project is not there, on any route', async () => {
      const none = uuidOf('no server');
      const action = { method: 'POST', rest: '/action' };
      const routes: readonly { method: string; rest: string; body?: unknown; path?: (id: string) => string }[] = [
        { method: 'GET', rest: '' },
        { method: 'PUT', rest: '', body: { server: { name: 'mine' } } },
        { method: 'DELETE', rest: '' },
        { ...action, body: { 'os-start': null } },
        { ...action, body: { 'os-stop': null } },
        { ...action, body: { reboot: { type: 'HARD' } } },
        { ...action, body: { 'os-getConsoleOutput': {} } },
        { method: 'GET', rest: '/os-instance-actions' },
        { method: 'GET', rest: '/os-instance-actions/req-x' },
        { method: 'GET', rest: '', path: (of) => `/os-xloud-adjust/${of}` },
        { method: 'POST', rest: '', path: (of) => `/os-xloud-adjust/${of}`, body: { current_vcpus: 2 } },
      ];
      for (const { method, rest, body, path = (of: string) => `/servers/${of}${rest}` } of routes) {
        for (const [of, as] of [
          [id, 'other'],
          [none, 'other'],
          [none, 'admin'],
          ['no-uuid', 'member'],
        ] as const) {
          const answer = await servers.request(method, path(of), { as, ...(body === undefined ? {} : { body }) });
          assert.equal(answer.status, 404, `${method} ${path(of)} as ${as}: ${answer.text}`);
          assert.equal(answer.body.itemNotFound.message, `Instance ${of} could not be found.`);
        }
      }
      assert.equal((await servers.show(id)).status, 'ACTIVE');
    });
  });
}
