import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Api, startApi } from '../support/api.ts';
import { engines } from '../support/database.ts';
import { adminOp } from '../support/world.ts';

for (const engine of engines) {
  describe(`services on ${engine}`, () => {
    let api: Api;
    before(async () => {
      api = await startApi({ engine, hosts: [{ name: 'alpha' }, { name: 'beta' }] });
      await api.world.create({ forcedHost: 'alpha' });
      const now = Date.now();
      const row = { uuid: '', zone: 'internal', created_at: now, last_seen_at: now };
      const other = (binary: string, uuid: string) =>
        api.world.database.write('services').insert({ ...row, binary, uuid, host: 'control' });
      await other('nova-scheduler', '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111');
      await other('nova-osapi_compute', '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec112');
    });
    after(() => api.close());

    interface Row {
      readonly id: number | string;
      readonly host: string;
      readonly binary: string;
    }
    const list = async (query = '', version = '2.1') => {
      const { status, body } = await api.request('GET', `/os-services${query}`, { version });
      assert.equal(status, 200);
      return body.services as (Row & Record<string, unknown>)[];
    };
    const put = (path: string, body: unknown, version: string) =>
      api.request('PUT', `/os-services/${path}`, { body, version });
    const beta = { host: 'beta', binary: 'nova-compute' };

    it('are listed with their states; what serves HTTP is not among them', async () => {
      const [alpha, , scheduler] = await list();
      assert.deepEqual(
        { ...alpha, updated_at: typeof alpha?.['updated_at'] },
        {
          id: alpha?.id,
          host: 'alpha',
          binary: 'nova-compute',
          zone: 'nova',
          status: 'enabled',
          state: 'up',
          updated_at: 'string',
          disabled_reason: null,
        },
      );
      assert.deepEqual(
        [typeof alpha?.id, scheduler?.binary, scheduler?.['zone']],
        ['number', 'nova-scheduler', 'internal'],
      );
      assert.equal((await list()).length, 3);
      assert.equal((await list('', '2.11'))[0]?.['forced_down'], false);
      assert.match((await list('', '2.53'))[0]?.id as string, /^[0-9a-f-]{36}$/);
    });

    it('are filtered by host and binary; other parameters are refused from 2.75 on', async () => {
      assert.deepEqual(
        (await list('?host=beta')).map(({ host }) => host),
        ['beta'],
      );
      assert.deepEqual(
        (await list('?binary=nova-compute&host=alpha')).map(({ host }) => host),
        ['alpha'],
      );
      assert.deepEqual(await list('?binary=nova-osapi_compute'), []);
      assert.equal((await list('?x=1', '2.74')).length, 3);
      assert.equal((await api.request('GET', '/os-services?x=1', { version: '2.75' })).status, 400);
    });

    it('up to 2.52 the path says what to do', async () => {
      assert.deepEqual((await put('disable', beta, '2.1')).body, { service: { ...beta, status: 'disabled' } });
      assert.equal((await list('?host=beta'))[0]?.['status'], 'disabled');
      const reason = { ...beta, disabled_reason: 'repair' };
      assert.deepEqual((await put('disable-log-reason', reason, '2.1')).body, {
        service: { ...reason, status: 'disabled' },
      });
      assert.equal((await list('?host=beta'))[0]?.['disabled_reason'], 'repair');
      assert.equal(
        (await put('disable-log-reason', beta, '2.1')).body.badRequest.message,
        'Missing disabled reason field',
      );
      assert.deepEqual((await put('enable', beta, '2.52')).body, { service: { ...beta, status: 'enabled' } });
      assert.equal((await list('?host=beta'))[0]?.['disabled_reason'], null);
      assert.equal((await put('force-down', { ...beta }, '2.11')).body.badRequest.message, 'Missing forced_down field');
      assert.deepEqual((await put('force-down', { ...beta, forced_down: 'on' }, '2.11')).body, {
        service: { ...beta, forced_down: true },
      });
      assert.equal((await list('?host=beta'))[0]?.['state'], 'down');
      assert.equal((await put('force-down', { ...beta, forced_down: false }, '2.52')).status, 200);
      assert.equal((await list('?host=beta'))[0]?.['state'], 'up');
    });

    it('and refuses what it does not know', async () => {
      assert.equal((await put('force-down', beta, '2.10')).body.itemNotFound.message, 'Unknown action');
      assert.equal((await put('force-down', { ...beta, forced_down: true }, '2.10')).status, 400);
      assert.equal((await put('explode', beta, '2.1')).status, 404);
      assert.equal((await put('enable', { host: 'beta' }, '2.1')).status, 400);
      const missing = await put('enable', { ...beta, host: 'nowhere' }, '2.1');
      assert.equal(missing.status, 404);
      assert.equal(missing.body.itemNotFound.message, "Host 'nowhere' is not mapped to any cell");
      const scheduler = await put('disable', { host: 'nowhere', binary: 'nova-scheduler' }, '2.1');
      assert.match(scheduler.body.badRequest.message, /^Updating a nova-scheduler service is not supported/);
    });

    it('from 2.53 on the body says what a service becomes', async () => {
      const [service] = await list('?host=beta', '2.53');
      const id = service?.id as string;
      const disabled = await put(id, { status: 'disabled', disabled_reason: 'repair', forced_down: true }, '2.53');
      assert.equal(disabled.status, 200);
      const { status, state, disabled_reason, forced_down } = disabled.body.service;
      assert.deepEqual([status, state, disabled_reason, forced_down], ['disabled', 'down', 'repair', true]);
      assert.deepEqual(Object.keys(disabled.body.service).toSorted(), Object.keys(service ?? {}).toSorted());
      const enabled = (await put(id, { status: 'enabled', forced_down: 'no' }, '2.69')).body.service;
      assert.deepEqual([enabled.status, enabled.disabled_reason, enabled.state], ['enabled', null, 'up']);
      const both = await put(id, { status: 'enabled', disabled_reason: 'x' }, '2.53');
      assert.equal(both.body.badRequest.message, "Specifying 'disabled_reason' with status 'enabled' is invalid.");
      assert.match((await put(id, {}, '2.53')).body.badRequest.message, /^No updates were requested/);
      assert.equal((await put('enable', beta, '2.53')).status, 400);
      assert.equal((await put('enable', { status: 'enabled' }, '2.53')).body.badRequest.message, 'Invalid uuid enable');
      const nobody = '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec119';
      assert.equal((await put(nobody, { status: 'enabled' }, '2.53')).status, 404);
      const scheduler = await put('7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111', { status: 'disabled' }, '2.53');
      assert.match(scheduler.body.badRequest.message, /Only nova-compute services can be updated/);
    });

    it('an ill-formed id is refused before the rule where something changes, after it where a record goes', async () => {
      const as = 'member';
      const ask = (method: string, version: string, body?: object) =>
        api.request(method, '/os-services/none', { as, version, ...(body === undefined ? {} : { body }) });
      assert.equal((await ask('PUT', '2.53', { status: 'enabled' })).body.badRequest.message, 'Invalid uuid none');
      assert.equal((await ask('PUT', '2.53', { status: 'on' })).status, 400);
      assert.equal((await ask('PUT', '2.52', beta)).status, 403);
      assert.equal((await ask('DELETE', '2.53')).status, 403);
      const unread = await api.request('DELETE', '/os-services/none');
      assert.equal(unread.body.badRequest.message, 'Invalid input received: id must be an integer');
      assert.equal((await api.request('DELETE', '/os-services/-1')).status, 404);
      assert.equal((await api.request('DELETE', '/os-services/99999999999')).status, 404);
    });

    it('a disabled host gets no more servers', async () => {
      const [service] = await list('?host=beta', '2.53');
      await put(service?.id as string, { status: 'disabled' }, '2.53');
      const servers = await api.world.create({ minCount: 3, maxCount: 3 });
      assert.deepEqual(new Set(servers.map(({ host }) => host)), new Set(['alpha']));
    });

    it('are deleted when nothing runs there any more', async () => {
      const [alpha] = await list('?host=alpha', '2.53');
      const busy = await api.request('DELETE', `/os-services/${alpha?.id}`, { version: '2.53' });
      assert.equal(busy.status, 409);
      assert.match(busy.body.conflictingRequest.message, /hosting instances/);
      const [idle] = await list('?host=beta');
      assert.equal((await api.request('DELETE', `/os-services/${idle?.id}`, { version: '2.53' })).status, 400);
      assert.equal((await api.request('DELETE', '/os-services/beta')).status, 400);
      const aggregate = await api.world.ops.createAggregate(adminOp(), { name: 'of beta', zone: 'east' });
      await api.world.ops.addHostToAggregate(adminOp(), aggregate.id, 'beta');
      await api.world.killHost('beta');
      const gone = await api.request('DELETE', `/os-services/${idle?.id}`);
      assert.deepEqual([gone.status, gone.text], [204, '']);
      assert.equal((await api.request('DELETE', `/os-services/${idle?.id}`)).status, 404);
      assert.equal((await api.request('GET', '/os-hypervisors')).body.hypervisors.length, 1);
      assert.deepEqual(await list('?host=beta'), []);
      const left = await api.request('GET', `/os-aggregates/${aggregate.id}`);
      assert.deepEqual(left.body.aggregate.hosts, []);
    });
  });
}
