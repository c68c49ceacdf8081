// GET /servers and /servers/detail: filters, sort keys, pages, and who may ask for what.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { testImage, testNetwork, uuidOf } from '../support/neighbours.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import type { Who } from '../support/callers.ts';

interface Asked {
  readonly as?: Who;
  readonly version?: string;
}

for (const engine of engines) {
  describe(`lists of servers on ${engine}`, () => {
    let servers: Servers;
    const ids: Record<string, string> = {};

    const list = (query: string, { as = 'member', version = 'latest' }: Asked = {}) =>
      servers.request('GET', `/servers?${query}`, { as, version });
    const namesOf = (answer: { body: { servers: { name: string }[] } }) => answer.body.servers.map(({ name }) => name);
    /** The names that a query finds, sorted. */
    const find = async (query: string, asked?: Asked): Promise<string> => {
      const answer = await list(query, asked);
      assert.equal(answer.status, 200, `${query}: ${answer.text}`);
      return namesOf(answer).toSorted().join(' ');
    };
    const refused = async (query: string, status: number, message: string | RegExp, asked?: Asked) => {
      const answer = await list(query, asked);
      assert.equal(answer.status, status, `${query}: ${answer.text}`);
      const text = (Object.values(answer.body)[0] as { message: string }).message;
      if (typeof message === 'string') assert.equal(text, message);
      else assert.match(text, message);
    };

    before(async () => {
      const small = { vcpus: 8, memoryMb: 8192, diskGb: 100 };
      servers = await startServers({ engine, hosts: [{ name: 'host-1' }, { name: 'host-2', inventory: small }] });
      const second = testImage({ id: uuidOf('second image') });
      await servers.world.images.add(second);
      const at = (host: string) => ({ availability_zone: `nova:${host}` });
      ids['alpha'] = await servers.create(
        { name: 'alpha', tags: ['red', 'blue'], networks: [{ uuid: testNetwork.id, fixed_ip: '10.9.1.7' }] },
        { version: 'latest' },
      );
      ids['beta'] = await servers.create(
        {
          ...{ name: 'beta', tags: ['red'], flavorRef: ELASTIC, config_drive: true, metadata: { role: 'db' } },
          networks: [{ uuid: testNetwork.id, fixed_ip: '10.9.2.7' }],
        },
        { version: 'latest' },
      );
      ids['gamma'] = await servers.create(
        { name: 'gamma', imageRef: second.id, networks: 'none' },
        { version: 'latest' },
      );
      ids['ädmin'] = await servers.create({ name: 'ädmin|x', ...at('host-2') }, { as: 'admin', version: 'latest' });
      await servers.create({ name: 'theirs' }, { as: 'other' });
      const gone = await servers.create({ name: 'gone' });
      await servers.request('DELETE', `/servers/${gone}`, { as: 'member' });
      await servers.act(ids['gamma'], { 'os-stop': null });
      await servers.world.settled();
      // apart by hours, so that nothing hangs on how quick the machine is, and within a second, which is as much as is shown
      const base = Date.UTC(2026, 0, 1);
      const rows = [...Object.values(ids), gone];
      for (const [index, id] of rows.entries()) {
        const updated_at = base + (10 - index) * 3_600_000 + 500;
        await servers.set(id, { created_at: base + index * 60_000, updated_at });
      }
    });
    after(() => servers.close());

    it('shows a project its own, and what was deleted to nobody', async () => {
      assert.equal(await find(''), 'alpha beta gamma');
      assert.equal(await find('', { as: 'reader' }), 'alpha beta gamma');
      assert.equal(await find('', { as: 'other' }), 'theirs');
      assert.equal(await find('', { as: 'admin' }), 'ädmin|x');
      const [first] = (await list('name=alpha', { version: '2.1' })).body.servers;
      assert.deepEqual(Object.keys(first).toSorted(), ['id', 'links', 'name']);
      assert.deepEqual(
        first.links.map(({ href }: { href: string }) => href),
        [`${servers.url}/v2.1/servers/${first.id}`, `${servers.url}/servers/${first.id}`],
      );
    });

    it('all_tenants is for administrators, in whatever word for yes', async () => {
      const everybody = 'alpha beta gamma theirs ädmin|x';
      for (const word of ['all_tenants', 'all_tenants=', 'all_tenants=1', 'all_tenants=True', 'all_tenants=yes']) {
        assert.equal(await find(word, { as: 'admin' }), everybody, word);
      }
      assert.equal(await find('all_tenants=0', { as: 'admin' }), 'ädmin|x');
      assert.equal(await find('all_tenants=False'), 'alpha beta gamma');
      await refused('all_tenants=1', 403, /servers:index:get_all_tenants/);
      const detail = await servers.request('GET', '/servers/detail?all_tenants=1', { as: 'member' });
      assert.match(detail.body.forbidden.message, /servers:detail:get_all_tenants/);
      await refused(
        'all_tenants=maybe',
        400,
        "Invalid input received: Unrecognized value 'maybe', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'",
        { as: 'admin' },
      );
      const { projectId } = callers.member;
      for (const key of ['tenant_id', 'project_id']) {
        assert.equal(await find(`all_tenants=1&${key}=${projectId}`, { as: 'admin' }), 'alpha beta gamma');
        assert.equal(await find(`${key}=${projectId}`, { as: 'admin' }), 'ädmin|x');
        assert.equal(await find(`${key}=${callers.other.projectId}`), 'alpha beta gamma');
      }
    });

    it('names are patterns', async () => {
      assert.equal(await find('name=^a'), 'alpha');
      assert.equal(await find('name=a$'), 'alpha beta gamma');
      assert.equal(await find('name=lph'), 'alpha');
      assert.equal(await find('name=^(alpha)$'), 'alpha');
      assert.equal(await find('name=[bg]..*a'), 'beta gamma');
      // a bar is a letter, as Nova makes it one
      assert.equal(await find('name=alpha|beta'), '');
      assert.equal(await find(`name=${encodeURIComponent('n|x')}`, { as: 'admin' }), 'ädmin|x');
      assert.equal(await find(`name=${encodeURIComponent('^ä')}`, { as: 'admin' }), 'ädmin|x');
      // given twice, the last counts
      assert.equal(await find('name=alpha&name=beta'), 'beta');
      await refused('name=(', 400, /^Invalid input for query parameters name\. Value: \(\. /);
      await refused('name=', 400, /^Invalid input for query parameters name\./);
      await refused(`name=^${'a'.repeat(300)}`, 400, /too long/);
    });

    it('finds by status', async () => {
      assert.equal(await find('status=active'), 'alpha beta');
      assert.equal(await find('status=SHUTOFF'), 'gamma');
      assert.equal(await find('status=SHUTOFF&status=ACTIVE'), 'alpha beta gamma');
      assert.equal(await find('status=ERROR'), '');
      assert.equal(await find('status=HARD_REBOOT'), '');
      assert.equal(await find('status=nonsense', { version: '2.37' }), '');
      await refused('status=nonsense', 400, 'Invalid status value', { version: '2.38' });
      await refused('status=DELETED', 403, 'Only administrators may list deleted instances');
      assert.equal(await find('status=DELETED&all_tenants=1', { as: 'admin' }), 'gone');
    });

    it('finds by flavor, image, address and tags', async () => {
      assert.equal(await find(`flavor=${ELASTIC}`), 'beta');
      assert.equal(await find(`flavor=${PLAIN}`), 'alpha gamma');
      assert.equal(await find('flavor=nothing'), '');
      assert.equal(await find(`image=${uuidOf('second image')}`), 'gamma');
      assert.equal(await find('ip=10.9.1'), 'alpha');
      assert.equal(await find('ip=9.2.7'), 'beta');
      assert.equal(await find('ip=10.9'), 'alpha beta');
      assert.equal(await find('ip6=fe80'), '');
      assert.equal(await find('tags=red'), 'alpha beta');
      assert.equal(await find('tags=red,blue'), 'alpha');
      assert.equal(await find('tags-any=blue,green'), 'alpha');
      assert.equal(await find('not-tags=red,blue'), 'beta gamma');
      assert.equal(await find('not-tags-any=red,blue'), 'gamma');
      // not known yet
      assert.equal(await find('tags=red', { version: '2.25' }), 'alpha beta gamma');
    });

    it('finds by what changed, deleted servers among them', async () => {
      const since = (hour: number) => `changes-since=2026-01-01T${String(hour).padStart(2, '0')}:00:00Z`;
      const until = (hour: number) => `changes-before=2026-01-01T${String(hour).padStart(2, '0')}:00:00`;
      assert.equal(await find(since(0)), 'alpha beta gamma gone');
      assert.equal(await find(since(9)), 'alpha beta');
      assert.equal(await find(until(8)), 'gamma gone');
      assert.equal(await find(`${since(8)}&${until(9)}`), 'beta gamma');
      assert.equal(await find(`${since(0)}&deleted=False`, { as: 'admin' }), 'ädmin|x');
      assert.equal(await find(`${since(0)}&status=active`), 'alpha beta');
      await refused(
        `${since(9)}&${until(8)}`,
        400,
        'The value of changes-since must be less than or equal to changes-before.',
      );
      await refused('changes-since=yesterday', 400, /^Invalid input for query parameters changes-since\./);
      assert.equal(await find(`${until(8)}`, { version: '2.65' }), 'alpha beta gamma');
    });

    it('knows locked servers from 2.73', async () => {
      await servers.set(ids['beta'] as string, { locked_by: 'owner' });
      assert.equal(await find('locked=true'), 'beta');
      assert.equal(await find('locked=0'), 'alpha gamma');
      assert.equal(await find('locked=true', { version: '2.72' }), 'alpha beta gamma');
      await refused('locked=perhaps', 400, /^Invalid input received: Unrecognized value 'perhaps', acceptable values/);
      assert.deepEqual(namesOf(await list('sort_key=locked&sort_dir=desc'))[0], 'beta');
      await servers.set(ids['beta'] as string, { locked_by: null });
    });

    it('administrators filter by anything, others by what Nova lets them', async () => {
      const all = 'all_tenants=1';
      for (const [query, found] of [
        ['host=host-2', 'ädmin|x'],
        ['node=host-2', 'ädmin|x'],
        [`uuid=${ids['beta']}`, 'beta'],
        ['vm_state=stopped', 'gamma'],
        ['power_state=4', 'gamma'],
        ['config_drive=true', 'beta'],
        [`user_id=${callers.other.userId}`, 'theirs'],
        ['hostname=^alp', 'alpha'],
        ['launch_index=1', ''],
        ['availability_zone=no', 'alpha beta gamma theirs ädmin|x'],
        ['availability_zone=moon', ''],
        ['root_device_name=vdb', ''],
        ['created_at=2026-01-01T00:01:00Z', 'beta'],
        ['deleted=true', 'gone'],
        ['deleted=nonsense', 'alpha beta gamma theirs ädmin|x'],
        ['task_state=rebooting', ''],
        ['progress=7', ''],
        ['progress=x', ''],
      ] as const) {
        assert.equal(await find(`${all}&${query}`, { as: 'admin' }), found, query);
      }
      const everything = 'alpha beta gamma';
      for (const query of ['host=host-1', 'node=host-9', 'deleted=True', `uuid=${ids['beta']}`, 'metadata=x', '_x=1']) {
        assert.equal(await find(query), everything, query);
      }
      for (const [query, found, since] of [
        ['vm_state=stopped', 'gamma', '2.83'],
        ['power_state=4', 'gamma', '2.83'],
        ['config_drive=True', 'beta', '2.83'],
        ['key_name=none', '', '2.83'],
        ['hostname=alpha', 'alpha', '2.90'],
      ] as const) {
        const before = `2.${Number(since.slice(2)) - 1}`;
        assert.equal(await find(query, { version: before }), everything, query);
        assert.equal(await find(query, { version: since }), found, query);
      }
      for (const field of ['metadata', 'services', 'block_device_mapping', 'info_cache', 'pci_devices', '_sa']) {
        await refused(`${field}=x`, 400, `Invalid filter field: ${field}.`, { as: 'admin' });
      }
      await refused('nonsense=1', 400, "'nonsense' does not match any of the regexes: '^_'", { version: '2.75' });
      assert.equal(await find('nonsense=1', { version: '2.74' }), everything);
    });

    it('sorts by every key, and by several', async () => {
      const order = async (query: string, asked?: Asked) => namesOf(await list(query, asked)).join(' ');
      assert.equal(await order(''), 'gamma beta alpha');
      assert.equal(await order('sort_dir=asc'), 'alpha beta gamma');
      assert.equal(await order('sort_key=display_name'), 'gamma beta alpha');
      assert.equal(await order('sort_key=display_name&sort_dir=asc'), 'alpha beta gamma');
      assert.equal(await order('sort_key=updated_at&sort_dir=asc'), 'gamma beta alpha');
      assert.equal(
        await order('sort_key=vm_state&sort_key=display_name&sort_dir=desc&sort_dir=asc'),
        'gamma alpha beta',
      );
      // a key without a direction takes the first
      assert.equal(
        await order('sort_key=vm_state&sort_key=config_drive&sort_key=display_name&sort_dir=asc&sort_dir=desc'),
        'beta alpha gamma',
      );
      // once a key, now nothing
      assert.equal(await order('sort_key=vcpus&sort_dir=asc', { version: '2.74' }), 'alpha beta gamma');
      await refused('sort_key=vcpus', 400, /^Invalid input for query parameters sort_key\./, { version: '2.75' });
      await refused('sort_key=nonsense', 400, /^Invalid input for query parameters sort_key\./, { version: '2.1' });
      for (const key of ['host', 'node']) {
        await refused(`sort_key=${key}`, 403, `Only administrators can sort servers by ${key}`);
        assert.equal((await list(`sort_key=${key}&all_tenants=1`, { as: 'admin' })).body.servers.length, 5);
      }
      await refused('sort_dir=up', 400, "Invalid input received: Unknown sort direction, must be 'asc' or 'desc'");
      await refused(
        'sort_key=uuid&sort_dir=asc&sort_dir=asc',
        400,
        'Invalid input received: Sort direction size exceeds sort key size',
      );
      const keys = [
        ...['access_ip_v4', 'access_ip_v6', 'auto_disk_config', 'availability_zone', 'config_drive', 'created_at'],
        ...[
          'display_description',
          'display_name',
          'hostname',
          'image_ref',
          'instance_type_id',
          'kernel_id',
          'key_name',
        ],
        ...['launch_index', 'launched_at', 'locked_by', 'power_state', 'progress', 'project_id', 'ramdisk_id'],
        ...['root_device_name', 'task_state', 'terminated_at', 'updated_at', 'user_id', 'uuid', 'vm_state', 'locked'],
      ];
      for (const key of keys) {
        for (const dir of ['asc', 'desc']) {
          const answer = await list(`sort_key=${key}&sort_dir=${dir}`);
          assert.equal(namesOf(answer).length, 3, `${key}: ${answer.text}`);
        }
      }
    });

    it('walks through pages by their links, in any order, and misses none', async () => {
      const walk = async (path: string, asked: Asked): Promise<string[]> => {
        const names: string[] = [];
        let next: string | undefined = `/servers${path}`;
        for (let pages = 0; next !== undefined && pages < 9; pages += 1) {
          const answer = await servers.request('GET', next, { as: 'admin', version: 'latest', ...asked });
          assert.equal(answer.status, 200, answer.text);
          names.push(...namesOf(answer));
          const [link] = (answer.body.servers_links ?? []) as { rel: string; href: string }[];
          assert.ok(link === undefined || link.rel === 'next');
          next = link?.href.slice(servers.url.length);
        }
        return names;
      };
      for (const sort of [
        '',
        '&sort_key=display_name&sort_dir=asc',
        '&sort_key=task_state&sort_key=vm_state&sort_key=display_name&sort_dir=asc&sort_dir=desc&sort_dir=asc',
        '&sort_key=key_name&sort_key=host&sort_dir=desc&sort_dir=asc',
        '&sort_key=created_at&sort_key=display_name&sort_key=uuid&sort_dir=desc&sort_dir=desc&sort_dir=desc',
      ]) {
        for (const page of ['', '/detail']) {
          const whole = await walk(`${page}?all_tenants=1${sort}`, {});
          assert.equal(whole.length, 5, sort);
          for (const limit of [1, 2, 4]) {
            assert.deepEqual(await walk(`${page}?all_tenants=1&limit=${limit}${sort}`, {}), whole, `${sort} ${limit}`);
          }
        }
      }
      const first = await list('limit=2&name=a', { as: 'member' });
      const href = first.body.servers_links[0].href as string;
      assert.match(href, /\/v2\.1\/servers\?limit=2&name=a&marker=/);
      assert.deepEqual((await list('limit=0')).body, { servers: [] });
      await refused('limit=x', 400, /^Invalid input for query parameters limit\./);
      await refused('limit=-1', 400, /^Invalid input for query parameters limit\./);
      await refused('marker=nothing', 400, 'marker [nothing] not found');
      await refused(`marker=${ids['ädmin']}`, 400, `marker [${ids['ädmin']}] not found`);
    });

    it('pages as long as the configuration says, also when no limit is given', async () => {
      const short = await startServers({ engine, pageSize: 2 });
      try {
        await short.post({ min_count: 3, return_reservation_id: true });
        await short.world.settled();
        const all = await short.request('GET', '/servers?limit=9', { as: 'member' });
        assert.equal(all.body.servers.length, 2);
        const unasked = await short.request('GET', '/servers', { as: 'member' });
        assert.equal(unasked.body.servers.length, 2);
        const next = unasked.body.servers_links[0].href.slice(short.url.length);
        assert.equal((await short.request('GET', next, { as: 'member' })).body.servers.length, 1);
      } finally {
        await short.close();
      }
    });

    it('links keep the way they were asked: old endpoint, project id', async () => {
      const { projectId } = callers.member;
      const legacy = await servers.request('GET', `/v2/${projectId}/servers/detail?limit=1`, { as: 'member' });
      assert.equal(legacy.headers['openstack-api-version'], undefined);
      assert.match(legacy.body.servers_links[0].href, new RegExp(`/v2/${projectId}/servers/detail\\?limit=1&marker=`));
      const [shown] = legacy.body.servers;
      assert.equal(shown.links[0].href, `${servers.url}/v2/${projectId}/servers/${shown.id}`);
      assert.equal(shown.links[1].href, `${servers.url}/${projectId}/servers/${shown.id}`);
      const wrong = await servers.request('GET', `/v2.1/${callers.other.projectId}/servers`, { as: 'member' });
      assert.equal(wrong.status, 400);
    });
  });
}
