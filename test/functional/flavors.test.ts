import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Api, startApi } from '../support/api.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';

for (const engine of engines) {
  describe(`flavors on ${engine}`, () => {
    let api: Api;
    before(async () => {
      api = await startApi({ engine, pageSize: 3 });
    });
    after(() => api.close());

    const create = (flavor: object, version?: string) =>
      api.request('POST', '/flavors', { body: { flavor }, ...(version === undefined ? {} : { version }) });
    const list = async (query: string, options: Parameters<Api['request']>[2] = {}) => {
      const { status, body } = await api.request('GET', `/flavors${query}`, options);
      assert.equal(status, 200);
      return (body.flavors as { id: string }[]).map(({ id }) => id);
    };

    it('are created with what was given and defaults for the rest, numbers as text too', async () => {
      const { status, body } = await create({ name: 'small', id: 's', ram: '512', vcpus: 1, disk: 0 });
      assert.equal(status, 200);
      const { links, ...rest } = body.flavor;
      assert.deepEqual(rest, {
        id: 's',
        name: 'small',
        ram: 512,
        vcpus: 1,
        disk: 0,
        swap: '',
        'OS-FLV-EXT-DATA:ephemeral': 0,
        'OS-FLV-DISABLED:disabled': false,
        'os-flavor-access:is_public': true,
        rxtx_factor: 1,
      });
      assert.deepEqual(links, [
        { rel: 'self', href: `${api.url}/v2.1/flavors/s` },
        { rel: 'bookmark', href: `${api.url}/flavors/s` },
      ]);
    });

    it('get an id where none is given, and keep a number as text', async () => {
      const zero = await create({ name: 'zero', id: 0, ram: 64, vcpus: 1, disk: 0 });
      assert.match(zero.body.flavor.id, /^[0-9a-f-]{36}$/);
      await api.request('DELETE', `/flavors/${zero.body.flavor.id}`);
      const made = await create({ name: 'auto', id: null, ram: 64, vcpus: 1, disk: 0 });
      assert.match(made.body.flavor.id, /^[0-9a-f-]{36}$/);
      const numbered = await create({ name: 'seven', id: 7, ram: 64, vcpus: 1, disk: 0 });
      assert.equal(numbered.body.flavor.id, '7');
      await api.request('DELETE', `/flavors/${made.body.flavor.id}`);
      await api.request('DELETE', '/flavors/7');
    });

    it('look as they did at each version', async () => {
      await create(
        { name: 'large', id: 'l', ram: 4096, vcpus: 4, disk: 20, swap: 16, rxtx_factor: '1.5', description: 'big' },
        '2.55',
      );
      const shown = async (version: string) => (await api.request('GET', '/flavors/l', { version })).body.flavor;
      const first = await shown('2.1');
      assert.deepEqual(
        [first.swap, first.rxtx_factor, first.description, first.extra_specs],
        [16, 1.5, undefined, undefined],
      );
      assert.equal((await shown('2.55')).description, 'big');
      assert.deepEqual((await shown('2.61')).extra_specs, {});
      assert.equal((await api.request('GET', '/flavors/s', { version: '2.74' })).body.flavor.swap, '');
      assert.equal((await api.request('GET', '/flavors/s', { version: '2.75' })).body.flavor.swap, 0);
      const last = await shown('2.102');
      assert.ok(!('rxtx_factor' in last) && !('OS-FLV-DISABLED:disabled' in last));
      const [brief] = (await api.request('GET', '/flavors', { version: '2.55' })).body.flavors;
      assert.deepEqual(Object.keys(brief).toSorted(), ['description', 'id', 'links', 'name']);
    });

    it('names and ids are taken once', async () => {
      const named = await create({ name: 'small', id: 'other', ram: 1, vcpus: 1, disk: 0 });
      assert.equal(named.status, 409);
      assert.equal(named.body.conflictingRequest.message, 'Flavor with name small already exists.');
      const same = await create({ name: 'other', id: 's', ram: 1, vcpus: 1, disk: 0 });
      assert.equal(same.status, 409);
      assert.equal(same.body.conflictingRequest.message, 'Flavor with ID s already exists.');
    });

    it('a description may be changed from 2.55 on', async () => {
      const put = (version: string, description: unknown) =>
        api.request('PUT', '/flavors/s', { body: { flavor: { description } }, version });
      assert.equal((await put('2.54', 'x')).status, 404);
      assert.equal((await put('2.55', 'new')).body.flavor.description, 'new');
      assert.equal((await put('2.104', null)).body.flavor.description, null);
      assert.equal((await put('2.104', 'é'.repeat(40_000))).status, 200);
      assert.equal(
        (await api.request('PUT', '/flavors/none', { body: { flavor: { description: 'x' } }, version: '2.55' })).status,
        404,
      );
    });

    it('are filtered by size and name', async () => {
      assert.deepEqual(await list('?minRam=1000'), ['l']);
      assert.deepEqual(await list('?minDisk=1'), ['l']);
      assert.deepEqual(await list('?minRam=-5'), ['l', 's']);
      assert.deepEqual(await list('?minRam=99999999999999999999'), []);
      assert.deepEqual(await list('?name=small', { version: '2.102' }), ['s']);
      assert.deepEqual(await list('?name=small', { version: '2.74' }), ['l', 's']);
      const bad = await api.request('GET', '/flavors?minRam=much');
      assert.equal(bad.status, 400);
      assert.equal(bad.body.badRequest.message, 'Invalid minRam filter [much]');
      assert.equal((await api.request('GET', '/flavors?name=x', { version: '2.75' })).status, 400);
    });

    it('are sorted and paged, with a link to the next page', async () => {
      await create({ name: 'medium', id: 'm', ram: 2048, vcpus: 2, disk: 10 });
      assert.deepEqual(await list(''), ['l', 'm', 's']);
      assert.deepEqual(await list('?sort_key=memory_mb&sort_dir=desc'), ['l', 'm', 's']);
      assert.deepEqual(await list('?sort_key=vcpus'), ['s', 'm', 'l']);
      assert.deepEqual(await list('?sort_key=vcpu_weight'), ['s', 'l', 'm']);
      const page = await api.request('GET', '/flavors/detail?sort_key=name&limit=2', { version: '2.75' });
      assert.deepEqual(
        page.body.flavors.map(({ name }: { name: string }) => name),
        ['large', 'medium'],
      );
      const [next] = page.body.flavors_links;
      assert.equal(next.href, `${api.url}/v2.1/flavors/detail?sort_key=name&limit=2&marker=m`);
      const rest = await api.request('GET', next.href.slice(api.url.length), { version: '2.75' });
      assert.deepEqual(
        rest.body.flavors.map(({ name }: { name: string }) => name),
        ['small'],
      );
      assert.equal(rest.body.flavors_links, undefined);
      await create({ name: 'tiny', id: 't', ram: 64, vcpus: 1, disk: 0 });
      const cut = await api.request('GET', '/flavors?limit=1000');
      assert.equal(cut.body.flavors.length, 3);
      assert.match(cut.body.flavors_links[0].href, /limit=1000&marker=s$/);
      assert.deepEqual(await list('?limit=0'), []);
      const lost = await api.request('GET', '/flavors?marker=nothing');
      assert.equal(lost.status, 400);
      assert.equal(lost.body.badRequest.message, 'marker [nothing] not found');
    });

    it('that are private are for administrators and chosen projects', async () => {
      await create({ name: 'private', id: 'p', ram: 64, vcpus: 1, disk: 0, 'os-flavor-access:is_public': 'no' });
      const project = callers.member.projectId as string;
      assert.ok(!(await list('?limit=9&minDisk=0&marker=l', { as: 'member' })).includes('p'));
      assert.equal((await api.request('GET', '/flavors/p', { as: 'member' })).status, 404);
      assert.equal((await api.request('GET', '/flavors/p')).status, 200);
      assert.deepEqual(await list('?is_public=False'), ['p']);
      assert.deepEqual(await list('?is_public=None&marker=m'), ['p', 's', 't']);
      assert.deepEqual(await list('?is_public=true&marker=m'), ['s', 't']);
      assert.equal((await api.request('GET', '/flavors?is_public=maybe')).status, 400);
      assert.deepEqual(await list('?is_public=False&marker=m', { as: 'member' }), ['s', 't']);
      const add = (version: string, tenant = project, id = 'p') =>
        api.request('POST', `/flavors/${id}/action`, { body: { addTenantAccess: { tenant } }, version });
      const added = await add('2.1');
      assert.deepEqual(added.body, { flavor_access: [{ flavor_id: 'p', tenant_id: project }] });
      assert.deepEqual(await list('?marker=m', { as: 'member' }), ['p', 's', 't']);
      assert.deepEqual(await list('?marker=m', { as: 'other' }), ['s', 't']);
      assert.equal((await api.request('GET', '/flavors/p', { as: 'reader' })).status, 200);
      assert.equal((await add('2.7')).status, 409);
      assert.equal(
        (await add('2.7', project, 's')).body.conflictingRequest.message,
        'Can not add access to a public flavor.',
      );
      assert.equal((await add('2.6', project, 's')).status, 200);
      assert.equal((await add('2.1', 'no such project!')).status, 400);
      assert.equal((await add('2.1', project, 'nothing')).status, 404);
      assert.equal((await add('2.1', 'no such project!', 'nothing')).status, 400);
      const who = (id: string) => api.request('GET', `/flavors/${id}/os-flavor-access`);
      assert.deepEqual((await who('p')).body, added.body);
      assert.equal((await who('s')).body.itemNotFound.message, 'Access list not available for public flavors.');
      const remove = (tenant = project) =>
        api.request('POST', '/flavors/p/action', { body: { removeTenantAccess: { tenant } } });
      // what identity forgot may still be on a list
      const unknown = await remove('no such project!');
      assert.equal(unknown.body.itemNotFound.message, 'Flavor access not found for p / no such project! combination.');
      assert.deepEqual((await remove()).body, { flavor_access: [] });
      assert.equal((await remove()).status, 404);
      // a hidden flavor tells a member that it may not be changed, not whether it is there
      const asMember = await api.request('POST', '/flavors/p/action', {
        body: { addTenantAccess: { tenant: project } },
        as: 'member',
      });
      assert.equal(asMember.status, 403);
    });

    it('are deleted once', async () => {
      const gone = await api.request('DELETE', '/flavors/t');
      assert.deepEqual([gone.status, gone.text], [202, '']);
      const again = await api.request('DELETE', '/flavors/t');
      assert.equal(again.status, 404);
      assert.equal(again.body.itemNotFound.message, 'Flavor t could not be found.');
      assert.equal((await api.request('DELETE', '/flavors/s', { as: 'member' })).status, 403);
    });

    describe('extra specs', () => {
      const specs = '/flavors/l/os-extra_specs';
      const post = (extra_specs: object, version?: string) =>
        api.request('POST', specs, { body: { extra_specs }, ...(version === undefined ? {} : { version }) });

      it('are set, shown, changed and removed one by one', async () => {
        assert.deepEqual((await post({ 'hw:cpu_policy': 'shared', number: 7 })).body, {
          extra_specs: { 'hw:cpu_policy': 'shared', number: 7 },
        });
        assert.equal((await post({ other: 'x' })).status, 200);
        assert.deepEqual((await api.request('GET', specs, { as: 'reader' })).body.extra_specs, {
          'hw:cpu_policy': 'shared',
          number: '7',
          other: 'x',
        });
        assert.deepEqual((await api.request('GET', `${specs}/hw:cpu_policy`)).body, { 'hw:cpu_policy': 'shared' });
        const put = await api.request('PUT', `${specs}/other`, { body: { other: 'y' } });
        assert.deepEqual(put.body, { other: 'y' });
        const wrong = await api.request('PUT', `${specs}/other`, { body: { another: 'y' } });
        assert.equal(wrong.body.badRequest.message, 'Request body and URI mismatch');
        const nowhere = '/flavors/nothing/os-extra_specs';
        assert.equal((await api.request('PUT', `${nowhere}/other`, { body: { another: 'y' } })).status, 400);
        assert.equal((await api.request('PUT', `${nowhere}/other`, { body: { other: 'y' } })).status, 404);
        const bad = { extra_specs: { 'hw:cpu_policy': 'mine' } };
        assert.equal((await api.request('POST', nowhere, { body: bad, version: '2.86' })).status, 400);
        const gone = await api.request('DELETE', `${specs}/other`);
        assert.deepEqual([gone.status, gone.text], [200, '']);
        for (const method of ['GET', 'DELETE']) {
          const missing = await api.request(method, `${specs}/other`);
          assert.equal(missing.status, 404);
          assert.equal(missing.body.itemNotFound.message, 'Flavor l has no extra specs with key other.');
        }
        assert.deepEqual((await api.request('GET', '/flavors/l', { version: '2.61' })).body.flavor.extra_specs, {
          'hw:cpu_policy': 'shared',
          number: '7',
        });
      });

      it("are held against Nova's validators from 2.86 on, and not before", async () => {
        assert.equal((await post({ 'hw:cpu_policy': 'mine' }, '2.85')).status, 200);
        const refused = await post({ 'hw:cpu_policy': 'mine' }, '2.86');
        assert.equal(refused.status, 400);
        assert.equal(
          refused.body.badRequest.message,
          "Validation failed; 'mine' is not one of: dedicated, shared, mixed.",
        );
        const put = await api.request('PUT', `${specs}/hw:numa_nodes`, {
          body: { 'hw:numa_nodes': '0' },
          version: 'latest',
        });
        assert.equal(put.status, 400);
        assert.equal((await post({ 'mine:own': 'x' }, '2.86')).status, 200);
      });

      it('minimum_cpu and minimum_memory fit the flavor, at every version', async () => {
        for (const version of ['2.1', '2.61', '2.86', '2.104']) {
          for (const wrong of [
            { minimum_cpu: '0' },
            { minimum_cpu: '5' },
            { minimum_cpu: 'two' },
            { minimum_cpu: '²' },
            { minimum_memory: '4097' },
            { minimum_memory: 1.5 },
          ]) {
            const answer = await post(wrong, version);
            assert.equal(answer.status, 400, JSON.stringify(wrong));
            assert.match(answer.body.badRequest.message, /^Validation failed; /);
          }
        }
        const put = await api.request('PUT', `${specs}/minimum_cpu`, { body: { minimum_cpu: '9' } });
        assert.equal(put.status, 400);
        assert.equal((await post({ minimum_cpu: '1', minimum_memory: 256 })).status, 200);
      });

      it('have keys and values of the right form', async () => {
        assert.equal((await post({ 'a/b': 'x' })).status, 400);
        assert.equal((await post({ a: true })).status, 400);
        assert.equal((await post({ a: 'x'.repeat(256) })).status, 400);
        assert.equal((await api.request('PUT', `${specs}/a`, { body: {} })).status, 400);
        assert.equal((await api.request('PUT', `${specs}/a`, { body: { a: '1', b: '2' } })).status, 400);
        assert.equal((await api.request('GET', '/flavors/nothing/os-extra_specs')).status, 404);
      });
    });
  });
}
