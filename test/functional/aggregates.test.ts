import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RequestOptions } from '../support/api.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitingNotifications } from '../../src/db/notifications.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import { engines } from '../support/database.ts';
import { testImage } from '../support/neighbours.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { adminOp } from '../support/world.ts';

/** What hosts were asked to fetch: `host image` with what came of it. */
const brought: string[] = [];

const hosts = ['alpha', 'beta', 'gamma', 'delta'].map((name) => ({
  name,
  wrap: (driver: FakeDriver): FakeDriver => ({
    ...driver,
    async cacheImage({ image }) {
      const fetched = (await driver.cacheImage?.({ image })) === true;
      brought.push(`${name} ${image.id} ${fetched ? 'fetched' : 'was there'}`);
      return fetched;
    },
  }),
}));

async function until(isThere: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 6_000 && !isThere(); attempt += 1) await sleep(10);
  assert.ok(isThere(), brought.join());
}

for (const engine of engines) {
  describe(`aggregates on ${engine}`, () => {
    let api: Servers;
    before(async () => {
      api = await startServers({ engine, hosts });
    });
    after(() => api.close());

    const make = (aggregate: object, options: RequestOptions = {}) =>
      api.request('POST', '/os-aggregates', { ...options, body: { aggregate } });
    const made = async (name: string, zone?: string): Promise<number> => {
      const answer = await make({ name, ...(zone === undefined ? {} : { availability_zone: zone }) });
      assert.equal(answer.status, 200, answer.text);
      return answer.body.aggregate.id as number;
    };
    const get = (path: string | number = '', options: RequestOptions = {}) =>
      api.request('GET', `/os-aggregates${path === '' ? '' : `/${path}`}`, options);
    const put = (id: number | string, aggregate: object) =>
      api.request('PUT', `/os-aggregates/${id}`, { body: { aggregate } });
    const act = (id: number | string, action: string, value: object) =>
      api.request('POST', `/os-aggregates/${id}/action`, { body: { [action]: value } });
    const add = (id: number | string, host: string) => act(id, 'add_host', { host });
    const remove = (id: number | string, host: string) => act(id, 'remove_host', { host });
    const added = async (id: number, host: string) => assert.equal((await add(id, host)).status, 200);
    const removed = async (id: number, host: string) => assert.equal((await remove(id, host)).status, 200);
    const zoneOfHost = async (host: string) => {
      const { body } = await api.request('GET', `/os-services?host=${host}`);
      return body.services[0].zone as string;
    };
    const messageOf = ({ body }: { body: Record<string, { message: string }> }) => Object.values(body)[0]?.message;

    it('look as their version has them; a new one without hosts and metadata', async () => {
      const created = await make({ name: 'plain' });
      assert.equal(created.status, 200);
      const { aggregate } = created.body;
      assert.match(aggregate.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
      const first = { ...aggregate, id: 0, created_at: '' };
      const none = { availability_zone: null, updated_at: null, deleted: false, deleted_at: null };
      assert.deepEqual(first, { id: 0, name: 'plain', created_at: '', ...none });
      const shown = (await get(aggregate.id)).body.aggregate;
      assert.deepEqual(shown, { ...aggregate, hosts: [], metadata: {} });
      const newer = (await get(aggregate.id, { version: '2.41' })).body.aggregate;
      assert.match(newer.uuid, /^[0-9a-f-]{36}$/);
      assert.deepEqual({ ...newer, uuid: undefined }, { ...shown, uuid: undefined });
      assert.equal((await make({ name: 'newer' }, { version: '2.41' })).body.aggregate.hosts, undefined);
      const listed = (await get('', { version: '2.41' })).body.aggregates as { name: string }[];
      assert.deepEqual(
        listed.map(({ name }) => name),
        ['plain', 'newer'],
      );
    });

    it('have names of their own', async () => {
      await made('mine');
      const again = await make({ name: 'mine' });
      assert.deepEqual([again.status, messageOf(again)], [409, 'Aggregate mine already exists.']);
      const other = await made('other');
      const taken = await put(other, { name: 'mine' });
      assert.deepEqual([taken.status, messageOf(taken)], [409, 'Aggregate mine already exists.']);
      const renamed = await put(other, { name: '  theirs ' });
      assert.equal(renamed.body.aggregate.name, 'theirs');
      assert.match(renamed.body.aggregate.updated_at, /^\d{4}-/);
      for (const bad of [{}, { name: '' }, { name: ' x' }, { name: 'x', availability_zone: 'a:b' }]) {
        assert.equal((await make(bad)).status, 400, JSON.stringify(bad));
      }
      assert.equal((await put(other, {})).status, 400);
    });

    it('that are not there are not found, and what is no number is refused', async () => {
      for (const [method, path, body] of [
        ['GET', '', undefined],
        ['PUT', '', { aggregate: { name: 'x' } }],
        ['DELETE', '', undefined],
        ['POST', '/action', { set_metadata: { metadata: {} } }],
        ['POST', '/action', { add_host: { host: 'alpha' } }],
      ] as const) {
        const ask = (id: string) => api.request(method, `/os-aggregates/${id}${path}`, { body });
        const none = await ask('4711');
        assert.deepEqual([none.status, messageOf(none)], [404, 'Aggregate 4711 could not be found.'], method);
        assert.equal((await ask('99999999999')).status, 404);
        const odd = await ask('x');
        assert.deepEqual([odd.status, messageOf(odd)], [400, 'Invalid input received: id must be an integer']);
      }
      assert.equal((await api.request('GET', '/os-aggregates?x=1', { version: '2.101' })).status, 200);
      assert.equal((await api.request('GET', '/os-aggregates?x=1', { version: '2.102' })).status, 400);
      assert.equal((await get('', { as: 'member' })).status, 403);
    });

    it('take hosts in and let them go', async () => {
      const id = await made('with-hosts');
      const joined = await add(id, 'alpha');
      assert.equal(joined.status, 200);
      assert.deepEqual(joined.body.aggregate.hosts, ['alpha']);
      await added(id, 'beta');
      assert.deepEqual((await get(id)).body.aggregate.hosts, ['alpha', 'beta']);
      const again = await add(id, 'alpha');
      assert.deepEqual([again.status, messageOf(again)], [409, `Aggregate ${id} already has host alpha.`]);
      const nobody = await add(id, 'nobody');
      assert.deepEqual([nobody.status, messageOf(nobody)], [404, 'Compute host nobody could not be found.']);
      const full = await api.request('DELETE', `/os-aggregates/${id}`);
      assert.equal(full.status, 400);
      assert.equal(messageOf(full), `Cannot remove host from aggregate ${id}. Reason: Host aggregate is not empty.`);
      assert.deepEqual((await remove(id, 'alpha')).body.aggregate.hosts, ['beta']);
      for (const [where, host] of [
        [id, 'alpha'],
        [id, 'nobody'],
        [4711, 'beta'],
      ] as const) {
        const gone = await remove(where, host);
        assert.deepEqual([gone.status, messageOf(gone)], [404, `Cannot remove host ${host} in aggregate ${where}`]);
      }
      await removed(id, 'beta');
      const deleted = await api.request('DELETE', `/os-aggregates/${id}`);
      assert.deepEqual([deleted.status, deleted.text], [200, '']);
      assert.equal((await get(id)).status, 404);
    });

    it('merge metadata; null takes a pair away', async () => {
      const id = await made('labelled');
      const set = (metadata: object) => act(id, 'set_metadata', { metadata });
      assert.deepEqual((await set({ ssd: 'true', rack: '1' })).body.aggregate.metadata, { ssd: 'true', rack: '1' });
      const { aggregate } = (await set({ rack: null, row: '7' })).body;
      assert.deepEqual(aggregate.metadata, { row: '7', ssd: 'true' });
      assert.match(aggregate.updated_at, /^\d{4}-/);
      assert.equal((await set({ 'a/b': 'x' })).status, 400);
      assert.equal((await set({ a: 1 })).status, 400);
    });

    it('make zones: of services, of hosts, of new servers', async () => {
      assert.equal(await zoneOfHost('beta'), 'nova');
      await added(await made('east-hosts', 'east'), 'beta');
      assert.equal(await zoneOfHost('beta'), 'east');
      // what an agent says of its host does not move it
      await api.world.agents.get('beta')?.reportNow();
      assert.equal(await zoneOfHost('beta'), 'east');
      const zones = await api.request('GET', '/os-availability-zone', { as: 'member' });
      assert.deepEqual(
        zones.body.availabilityZoneInfo.map(({ zoneName }: { zoneName: string }) => zoneName),
        ['east', 'nova'],
      );
      const uuid = await api.create({ availability_zone: 'east' });
      const server = await api.show(uuid, { as: 'admin', version: '2.96' });
      assert.equal(server['OS-EXT-SRV-ATTR:host'], 'beta');
      assert.equal(server['OS-EXT-AZ:availability_zone'], 'east');
      assert.equal(server.pinned_availability_zone, 'east');
      for (let index = 0; index < 4; index += 1) {
        const id = await api.create({ availability_zone: 'nova' });
        const elsewhere = await api.show(id, { as: 'admin' });
        assert.notEqual(elsewhere['OS-EXT-SRV-ATTR:host'], 'beta');
        await api.request('DELETE', `/servers/${id}`);
      }
      await api.world.settled();
      const west = await api.post({ availability_zone: 'west' });
      assert.equal(messageOf(west), 'The requested availability zone is not available');
    });

    it('a server that waits for a host shows the zone it asked for', async () => {
      const id = await made('attic-hosts', 'attic');
      await added(id, 'delta');
      await api.world.ops.setServiceStatus(adminOp(), { host: 'delta', binary: 'nova-compute' }, { forcedDown: true });
      const answer = await api.post({ availability_zone: 'attic' });
      assert.equal(answer.status, 202);
      await api.world.settled();
      const server = await api.show(answer.body.server.id);
      assert.deepEqual([server.status, server['OS-EXT-AZ:availability_zone']], ['ERROR', 'attic']);
      await removed(id, 'delta');
      await api.world.ops.setServiceStatus(adminOp(), { host: 'delta', binary: 'nova-compute' }, { forcedDown: false });
    });

    it('a host is in one zone at a time', async () => {
      const [one, two, none] = [await made('one', 'z1'), await made('two', 'z2'), await made('none')];
      await added(one, 'delta');
      await added(none, 'delta');
      const other = await add(two, 'delta');
      assert.equal(other.status, 409);
      assert.equal(
        messageOf(other),
        `Cannot add host to aggregate ${two}. Reason: One or more hosts already in availability zone(s) ['z1'].`,
      );
      const set = await act(none, 'set_metadata', { metadata: { availability_zone: 'z2' } });
      assert.equal(set.status, 400);
      assert.equal(
        messageOf(set),
        `Cannot update metadata of aggregate ${none}. Reason: One or more hosts already in availability zone(s) ['z1'].`,
      );
      const updated = await put(none, { availability_zone: 'z2' });
      assert.equal(updated.status, 400);
      assert.equal(
        messageOf(updated),
        `Cannot update aggregate ${none}. Reason: One or more hosts already in availability zone(s) ['z1'].`,
      );
      assert.equal((await put(none, { availability_zone: 'z1' })).body.aggregate.availability_zone, 'z1');
      assert.equal((await put(one, { availability_zone: 'z3' })).status, 400);
      assert.equal(await zoneOfHost('delta'), 'z1');
      for (const zone of [null, '']) {
        const empty = await act(one, 'set_metadata', { metadata: { availability_zone: zone } });
        assert.equal(empty.status, 400);
        assert.equal(
          messageOf(empty),
          `Cannot update metadata of aggregate ${one}. Reason: Aggregate one does not support empty named availability zone.`,
        );
      }
      await removed(one, 'delta');
      assert.equal(await zoneOfHost('delta'), 'z1');
      await removed(none, 'delta');
      assert.equal(await zoneOfHost('delta'), 'nova');
    });

    it('a host with servers stays in its zone', async () => {
      await api.create({ availability_zone: 'nova:gamma' }, { as: 'admin' });
      const [id, plain] = [await made('moving', 'moved'), await made('not-moving')];
      const adding = await add(id, 'gamma');
      assert.equal(adding.status, 409);
      assert.match(
        messageOf(adding) as string,
        /^Cannot add host to aggregate \d+\. Reason: The host cannot be added to the aggregate as the availability zone of the host would change from 'None' to 'moved' but the host already has \d+ instance\(s\)\. Changing the AZ .* to achieve this\.\.$/,
      );
      await added(plain, 'gamma');
      const naming = await put(plain, { availability_zone: 'moved' });
      assert.equal(naming.status, 400);
      assert.equal(
        messageOf(naming),
        `Cannot update aggregate ${plain}. Reason: One or more hosts contain instances in this zone.`,
      );
      await removed(plain, 'gamma');
      const { aggregates } = (await get()).body as { aggregates: { id: number; name: string }[] };
      const east = aggregates.find(({ name }) => name === 'east-hosts')?.id as number;
      const leaving = await remove(east, 'beta');
      assert.equal(leaving.status, 409);
      assert.match(
        messageOf(leaving) as string,
        /^Cannot remove host from aggregate \d+\. Reason: The host cannot be removed from the aggregate as the availability zone of the host would change from 'east' to 'None'/,
      );
      assert.equal((await put(east, { availability_zone: 'west' })).status, 400);
      assert.equal((await put(east, { availability_zone: 'east', name: 'east-again' })).status, 200);
      const also = await made('also-east', 'east');
      await added(also, 'beta');
      await removed(also, 'beta');
    });

    it('have images brought to their hosts before servers need them', async () => {
      const id = await made('cached');
      await added(id, 'alpha');
      await added(id, 'delta');
      const cache = (path: string, ids: readonly string[], options: RequestOptions = {}) =>
        api.request('POST', `/os-aggregates/${path}/images`, {
          version: '2.81',
          ...options,
          body: { cache: ids.map((image) => ({ id: image })) },
        });
      const image = { ...testImage(), id: '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec1aa' };
      await api.world.images.add(image);
      const unknown = '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec1ab';
      const answer = await cache(`${id}`, [unknown, image.id]);
      assert.deepEqual([answer.status, answer.text], [202, '']);
      await until(() => brought.length === 2);
      assert.deepEqual(brought.splice(0).toSorted(), [`alpha ${image.id} fetched`, `delta ${image.id} fetched`]);
      await api.world.ops.setServiceStatus(adminOp(), { host: 'delta', binary: 'nova-compute' }, { forcedDown: true });
      assert.equal((await cache(`${id}`, [image.id])).status, 202);
      await until(() => brought.length === 1);
      assert.deepEqual(brought.splice(0), [`alpha ${image.id} was there`]);
      await api.world.ops.setServiceStatus(adminOp(), { host: 'delta', binary: 'nova-compute' }, { forcedDown: false });
      const twice = await cache(`${id}`, [image.id, image.id]);
      assert.deepEqual([twice.status, messageOf(twice)], [400, 'Duplicate images in request']);
      const none = await cache('4711', [image.id]);
      assert.deepEqual([none.status, messageOf(none)], [404, 'Aggregate 4711 could not be found.']);
      assert.equal((await cache('x', [image.id])).status, 400);
      assert.equal((await cache(`${id}`, [])).status, 400);
      assert.equal((await cache(`${id}`, ['no-uuid'])).status, 400);
      assert.equal((await cache(`${id}`, [image.id], { version: '2.80' })).status, 404);
      assert.equal((await cache(`${id}`, [image.id], { as: 'member' })).status, 403);
      await removed(id, 'alpha');
      await removed(id, 'delta');
    });

    it('no server lands on a host that was moved to another zone while it was placed', async () => {
      const id = await made('racing', 'racing');
      const creating = Array.from({ length: 12 }, () => api.post({ availability_zone: 'nova' }));
      const [moved] = await Promise.all([add(id, 'delta'), ...creating]);
      await api.world.settled();
      const rows = await api.world.database.read('servers').select('host', 'availability_zone').where({ deleted: 0 });
      for (const { host, availability_zone } of rows as { host: string | null; availability_zone: string }[]) {
        if (host !== null) assert.equal(availability_zone, await zoneOfHost(host), host);
      }
      assert.equal(await zoneOfHost('delta'), moved.status === 200 ? 'racing' : 'nova');
      assert.deepEqual(await api.world.leftovers(), []);
    });
  });

  describe(`what is told of aggregates on ${engine}`, () => {
    it('is what changed, before and after, and how far images came', async () => {
      const api = await startServers({ engine, hosts: hosts.slice(0, 2), config: { notifications: true } });
      try {
        const { ops, database } = api.world;
        const op = adminOp();
        const { id, uuid } = await ops.createAggregate(op, { name: 'mine', zone: 'east' });
        await ops.updateAggregate(op, id, { name: 'ours' });
        await ops.setAggregateMetadata(op, id, { ssd: 'true' });
        await ops.addHostToAggregate(op, id, 'alpha');
        await ops.addHostToAggregate(op, id, 'beta');
        await assert.rejects(ops.addHostToAggregate(op, id, 'beta'));
        await ops.cacheImages(op, id, [api.imageId, uuid]);
        const heard = async () =>
          (await waitingNotifications(database.read, 100))
            .map(({ notification }) => notification)
            .filter(({ eventType }) => eventType.startsWith('aggregate.'));
        for (let attempt = 0; attempt < 6_000; attempt += 1) {
          if ((await heard()).some(({ eventType }) => eventType === 'aggregate.cache_images.end')) break;
          await sleep(10);
        }
        await ops.removeHostFromAggregate(op, id, 'alpha');
        const all = await heard();
        const phases = ['create', 'update_prop', 'update_metadata', 'add_host', 'add_host'].flatMap((name) => [
          `aggregate.${name}.start`,
          `aggregate.${name}.end`,
        ]);
        assert.deepEqual(
          all.map(({ eventType }) => eventType),
          [
            ...phases,
            ...['start', 'progress', 'progress', 'end'].map((phase) => `aggregate.cache_images.${phase}`),
            ...['start', 'end'].map((phase) => `aggregate.remove_host.${phase}`),
          ],
        );
        const data = (index: number) => all[index]?.payload['nova_object.data'];
        const payload = { uuid, name: 'mine', metadata: { availability_zone: 'east' } };
        assert.deepEqual(data(0), { ...payload, id: null, hosts: null });
        assert.deepEqual(data(1), { ...payload, id, hosts: [] });
        assert.deepEqual(data(2), { ...payload, id, hosts: [], name: 'ours' });
        const metadata = { availability_zone: 'east', ssd: 'true' };
        assert.deepEqual(data(9), { uuid, id, name: 'ours', hosts: ['alpha', 'beta'], metadata });
        const { host, ...progress } = data(12) as Record<string, unknown>;
        assert.ok(host === 'alpha' || host === 'beta');
        assert.deepEqual(progress, {
          ...{ uuid, id, name: 'ours', index: 2, total: 2 },
          ...{ images_cached: [api.imageId], images_failed: [uuid] },
        });
      } finally {
        brought.splice(0);
        await api.close();
      }
    });
  });
}
