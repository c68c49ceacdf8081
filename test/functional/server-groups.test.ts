import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RequestOptions } from '../support/api.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const hosts = ['alpha', 'beta', 'gamma'].map((name) => ({ name }));
const NOWHERE = 'nowhere';
const NOBODY = '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111';

/** The requests of these tests over an API that is started before them. */
const requestsOf = (api: () => Servers) => {
  const make = (server_group: object, options: RequestOptions = {}) =>
    api().request('POST', '/os-server-groups', { as: 'member', version: '2.64', ...options, body: { server_group } });
  const group = async (policy: string, rules?: object): Promise<string> => {
    const answer = await make({ name: 'g', policy, ...(rules === undefined ? {} : { rules }) });
    assert.equal(answer.status, 200, answer.text);
    return answer.body.server_group.id as string;
  };
  const get = (path: string, options: RequestOptions = {}) =>
    api().request('GET', `/os-server-groups${path}`, { as: 'member', version: '2.64', ...options });
  const join = (id: string, server: object = {}, options: RequestOptions = {}) =>
    api().post({ min_count: 1, ...server }, { ...options, beside: { 'os:scheduler_hints': { group: id } } });
  /** The hosts of a group's servers once nothing is under way; NOWHERE for one that found none. */
  const places = async (id: string): Promise<string[]> => {
    await api().world.settled();
    const { members } = (await get(`/${id}`)).body.server_group as { members: string[] };
    return Promise.all(members.map(async (uuid) => (await api().world.server(uuid)).host ?? NOWHERE));
  };
  return { make, group, get, join, places };
};

for (const engine of engines) {
  describe(`server groups on ${engine}`, () => {
    let api: Servers;
    const { make, group, get, join, places } = requestsOf(() => api);
    before(async () => {
      api = await startServers({ engine, hosts, config: { quota: { ...testConfig.quota, server_groups: 100 } } });
    });
    after(() => api.close());

    it('look as their version has them', async () => {
      const shown = async (version: string) => (await get(`/${id}`, { version })).body.server_group;
      const made = await make({ name: 'apart', policies: ['anti-affinity'] }, { version: '2.1' });
      assert.equal(made.status, 200);
      const { id } = made.body.server_group as { id: string };
      const first = { id, name: 'apart', policies: ['anti-affinity'], members: [], metadata: {} };
      assert.deepEqual(made.body.server_group, first);
      assert.deepEqual(await shown('2.12'), first);
      const owner = { project_id: '00000000000000000000000000000de1', user_id: 'member-user' };
      assert.deepEqual(await shown('2.13'), { ...first, ...owner });
      assert.deepEqual(await shown('2.64'), {
        ...owner,
        ...{ id, name: 'apart', policy: 'anti-affinity', rules: {}, members: [] },
      });
      const ruled = await make({ name: 'few', policy: 'anti-affinity', rules: { max_server_per_host: '3' } });
      assert.deepEqual(ruled.body.server_group.rules, { max_server_per_host: 3 });
    });

    it('soft policies came with 2.15, one policy with rules with 2.64', async () => {
      const policies = ['soft-affinity'];
      assert.equal((await make({ name: 'g', policies }, { version: '2.14' })).status, 400);
      assert.equal((await make({ name: 'g', policies }, { version: '2.15' })).status, 200);
      assert.equal((await make({ name: 'g', policies }, { version: '2.64' })).status, 400);
      assert.equal(
        (await make({ name: 'g', policies: ['affinity', 'anti-affinity'] }, { version: '2.63' })).status,
        400,
      );
      const ruled = await make({ name: 'g', policy: 'affinity', rules: { max_server_per_host: 2 } });
      assert.equal(ruled.status, 400);
      assert.equal(ruled.body.badRequest.message, 'Only anti-affinity policy supports rules.');
      assert.equal((await make({ name: 'g', policy: 'affinity', rules: {} })).status, 200);
      const none = { name: 'g', policy: 'anti-affinity', rules: { max_server_per_host: 0 } };
      assert.equal((await make(none)).status, 400);
      const huge = { name: 'g', policy: 'anti-affinity', rules: { max_server_per_host: '99999999999999999999' } };
      assert.equal((await make(huge)).status, 200);
    });

    it("are the project's; administrators see all", async () => {
      const names = async (query: string, options: RequestOptions = {}) => {
        const { status, body } = await get(query, options);
        assert.equal(status, 200);
        return (body.server_groups as { name: string }[]).map(({ name }) => name);
      };
      await make({ name: 'theirs', policy: 'affinity' }, { as: 'other' });
      assert.deepEqual(await names('', { as: 'other' }), ['theirs']);
      assert.deepEqual(await names('?all_projects=1', { as: 'other' }), ['theirs']);
      assert.ok((await names('', { as: 'reader' })).includes('apart'));
      const all = await names('?all_projects', { as: 'admin' });
      assert.ok(all.includes('theirs') && all.includes('apart'));
      assert.deepEqual(await names('', { as: 'admin' }), []);
      assert.deepEqual(await names('?limit=1&offset=1'), [(await names(''))[1]]);
      assert.deepEqual(await names('?limit=0'), await names(''));
      assert.deepEqual(await names('?x=1', { version: '2.74' }), await names(''));
      assert.equal((await get('?x=1', { version: '2.75' })).status, 400);
      assert.equal((await get('?limit=-1')).status, 400);
    });

    it("another project's is as one that is not there", async () => {
      const id = await group('affinity');
      for (const method of ['GET', 'DELETE']) {
        const theirs = await api.request(method, `/os-server-groups/${id}`, { as: 'other' });
        assert.equal(theirs.status, 404);
        assert.equal(theirs.body.itemNotFound.message, `Instance group ${id} could not be found.`);
        const none = await api.request(method, `/os-server-groups/${NOBODY}`, { as: 'member' });
        assert.equal(none.status, 404);
        assert.equal(none.body.itemNotFound.message, `Instance group ${NOBODY} could not be found.`);
      }
      assert.equal((await api.request('DELETE', `/os-server-groups/${id}`, { as: 'reader' })).status, 403);
      assert.equal((await make({ name: 'g', policy: 'affinity' }, { as: 'reader' })).status, 403);
      assert.equal((await get(`/${id}?x=1`, { version: '2.101' })).status, 200);
      assert.equal((await get(`/${id}?x=1`, { version: '2.102' })).status, 400);
      const gone = await api.request('DELETE', `/os-server-groups/${id}`, { as: 'member' });
      assert.deepEqual([gone.status, gone.text], [204, '']);
      assert.equal((await get(`/${id}`)).status, 404);
    });

    it('a server joins by its hint, shows its group, and leaves with its end', async () => {
      const id = await group('affinity');
      const answer = await join(id);
      assert.equal(answer.status, 202, answer.text);
      const uuid = answer.body.server.id as string;
      assert.deepEqual((await get(`/${id}`)).body.server_group.members, [uuid]);
      await api.world.settled();
      assert.deepEqual((await api.show(uuid, { version: '2.71' })).server_groups, [id]);
      assert.equal((await api.show(uuid, { version: '2.70' })).server_groups, undefined);
      const renamed = await api.request('PUT', `/servers/${uuid}`, {
        as: 'member',
        version: '2.71',
        body: { server: { name: 'again' } },
      });
      assert.deepEqual(renamed.body.server.server_groups, [id]);
      await api.set(uuid, { vm_state: 'soft-delete' });
      assert.deepEqual((await get(`/${id}`)).body.server_group.members, []);
      await api.set(uuid, { vm_state: 'active' });
      await api.request('DELETE', `/servers/${uuid}`, { as: 'member' });
      await api.world.settled();
      assert.deepEqual((await get(`/${id}`)).body.server_group.members, []);
    });

    it('a hint that names no group of the project is refused', async () => {
      const answer = await join(NOBODY);
      assert.equal(answer.status, 400);
      assert.equal(answer.body.badRequest.message, `Instance group ${NOBODY} could not be found.`);
      const id = await group('affinity');
      assert.equal((await join(id, {}, { as: 'other' })).status, 400);
      const odd = await api.post({}, { beside: { 'os:scheduler_hints': { group: 'my-group' } } });
      assert.equal(odd.status, 400);
    });

    it('affinity holds, also when all are created at once', async () => {
      const id = await group('affinity');
      await Promise.all(Array.from({ length: 6 }, () => join(id)));
      const found = await places(id);
      assert.equal(found.length, 6);
      assert.deepEqual(new Set(found).size, 1, found.join());
      assert.notEqual(found[0], NOWHERE);
    });

    it('anti-affinity holds, also when all are created at once; who finds no host ends in ERROR', async () => {
      const id = await group('anti-affinity');
      await Promise.all(Array.from({ length: 5 }, () => join(id)));
      const found = await places(id);
      assert.deepEqual(found.filter((host) => host !== NOWHERE).toSorted(), ['alpha', 'beta', 'gamma']);
      assert.equal(found.filter((host) => host === NOWHERE).length, 2);
    });

    it('one request for many servers is held to it as well', async () => {
      const id = await group('anti-affinity');
      assert.equal((await join(id, { min_count: 3 })).status, 202);
      assert.deepEqual((await places(id)).toSorted(), ['alpha', 'beta', 'gamma']);
    });

    it('max_server_per_host lets so many onto one host', async () => {
      const id = await group('anti-affinity', { max_server_per_host: 2 });
      await Promise.all(Array.from({ length: 7 }, () => join(id)));
      const found = await places(id);
      for (const { name } of hosts) assert.equal(found.filter((host) => host === name).length, 2, found.join());
      assert.equal(found.filter((host) => host === NOWHERE).length, 1);
    });

    it('a server that moves counts on both of its hosts until it is confirmed', async () => {
      await api.world.flavor({ id: 'plain-2', vcpus: 1, memoryMb: 512, rootGb: 2 });
      const id = await group('anti-affinity');
      const uuids = [];
      for (const host of ['alpha', 'beta']) {
        const one = await join(id, { availability_zone: `nova:${host}` }, { as: 'admin' });
        assert.equal(one.status, 202, one.text);
        uuids.push(one.body.server.id as string);
      }
      await api.world.settled();
      const [first] = uuids as [string];
      const moved = await api.act(first, { resize: { flavorRef: 'plain-2' } }, { as: 'admin' });
      assert.equal(moved.status, 202, moved.text);
      await api.world.settled();
      assert.deepEqual((await places(id)).toSorted(), ['beta', 'gamma']);
      const late = (await join(id)).body.server.id as string;
      assert.ok((await places(id)).includes(NOWHERE), 'alpha is kept for a revert');
      await api.request('DELETE', `/servers/${late}`, { as: 'member' });
      assert.equal((await api.act(first, { confirmResize: null }, { as: 'admin' })).status, 204);
      await api.world.settled();
      await join(id);
      assert.deepEqual(
        (await places(id)).toSorted((a, b) => (a < b ? -1 : 1)),
        ['alpha', 'beta', 'gamma'],
      );
    });

    it('soft policies prefer and never refuse', async () => {
      const [together, apart] = [await group('soft-affinity'), await group('soft-anti-affinity')];
      for (let index = 0; index < 3; index += 1) {
        await join(together);
        await join(apart);
        await api.world.settled();
      }
      assert.equal(new Set(await places(together)).size, 1);
      assert.deepEqual((await places(apart)).toSorted(), ['alpha', 'beta', 'gamma']);
      await join(apart);
      assert.equal((await places(apart)).filter((host) => host !== NOWHERE).length, 4);
    });

    it('a group that was deleted holds nobody any more', async () => {
      const id = await group('anti-affinity');
      const uuid = (await join(id)).body.server.id as string;
      await api.world.settled();
      assert.equal((await api.request('DELETE', `/os-server-groups/${id}`, { as: 'member' })).status, 204);
      assert.deepEqual((await api.show(uuid, { version: '2.71' })).server_groups, []);
      assert.equal((await join(id)).status, 400);
    });

    it('broke no law', async () => {
      await api.world.settled();
      assert.deepEqual(await api.world.leftovers(), []);
    });
  });

  describe(`the quotas of server groups on ${engine}`, () => {
    let api: Servers;
    const { make, get, join, group } = requestsOf(() => api);
    before(async () => {
      const quota = { ...testConfig.quota, server_groups: 3, server_group_members: 2 };
      api = await startServers({ engine, hosts, config: { quota } });
    });
    after(() => api.close());

    it('hold also when many ask at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => make({ name: 'g', policy: 'affinity' }, { as: 'other' })),
      );
      assert.equal(answers.filter(({ status }) => status === 200).length, 3);
      const refused = answers.find(({ status }) => status !== 200);
      assert.equal(refused?.status, 403);
      assert.equal(refused?.body.forbidden.message, 'Quota exceeded, too many server groups.');
      const ruled = { name: 'g', policy: 'affinity', rules: { max_server_per_host: 2 } };
      assert.equal((await make(ruled, { as: 'other' })).status, 403);
    });

    it('count the servers of a group, all of a request or none', async () => {
      const id = await group('soft-affinity');
      const many = await join(id, { min_count: 3 });
      assert.equal(many.status, 403);
      assert.equal(many.body.forbidden.message, 'Quota exceeded, too many servers in group');
      const answers = await Promise.all(Array.from({ length: 5 }, () => join(id)));
      assert.deepEqual(
        answers.map(({ status }) => status).toSorted((a, b) => a - b),
        [202, 202, 403, 403, 403],
      );
      assert.equal((await get(`/${id}`)).body.server_group.members.length, 2);
      assert.equal((await api.request('GET', '/servers', { as: 'member' })).body.servers.length, 2);
    });
  });
}
