// os-migrations: the list of moves, by version, filtered, paged, and as far as each caller may see.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import type { RequestOptions } from '../support/api.ts';
import { PLAIN, type Servers, startServers } from '../support/servers.ts';

const HOSTS = [{ name: 'host-1' }, { name: 'host-2' }];
const PROJECT = callers.member.projectId as string;
const FIRST = [
  'created_at',
  'dest_compute',
  'dest_host',
  'dest_node',
  'id',
  'instance_uuid',
  'new_instance_type_id',
  'old_instance_type_id',
  'source_compute',
  'source_node',
  'status',
  'updated_at',
];

interface Shown {
  readonly id: number;
  readonly uuid: string;
  readonly status: string;
  readonly migration_type: string;
  readonly [key: string]: unknown;
}

for (const engine of engines) {
  describe(`migrations on ${engine}`, () => {
    let servers: Servers;
    let resized: string;
    let moved: string;
    let beganAt: string;
    before(async () => {
      servers = await startServers({ engine, hosts: HOSTS });
      await servers.world.flavor({ id: 'plain-2', vcpus: 2, memoryMb: 1024 });
      const act = async (id: string, body: object, as: 'admin' | 'member') => {
        const answer = await servers.act(id, body, { as });
        assert.ok(answer.status < 300, answer.text);
        await servers.world.settled();
      };
      resized = await servers.create();
      await act(resized, { resize: { flavorRef: 'plain-2' } }, 'member');
      await act(resized, { revertResize: null }, 'member');
      await act(resized, { resize: { flavorRef: 'plain-2' } }, 'member');
      moved = await servers.create();
      beganAt = new Date().toISOString();
      await act(moved, { migrate: null }, 'admin');
      await act(moved, { confirmResize: null }, 'member');
    });
    after(() => servers.close());

    const ask = (query = '', version = '2.80', options: RequestOptions = {}) =>
      servers.request('GET', `/os-migrations${query}`, { version, ...options });
    const list = async (query = '', version = '2.80'): Promise<Shown[]> => {
      const answer = await ask(query, version);
      assert.equal(answer.status, 200, answer.text);
      return answer.body.migrations;
    };
    const kinds = async (query: string, version?: string) =>
      (await list(query, version)).map((move) => `${move.migration_type} ${move.status}`);

    it('gain fields over the versions', async () => {
      for (const [version, more] of [
        ['2.1', []],
        ['2.22', []],
        ['2.23', ['migration_type']],
        ['2.59', ['migration_type', 'uuid']],
        ['2.79', ['migration_type', 'uuid']],
        ['2.80', ['migration_type', 'project_id', 'user_id', 'uuid']],
      ] as const) {
        const [move] = await list('', version);
        assert.deepEqual(Object.keys(move ?? {}).toSorted(), [...FIRST, ...more].toSorted(), version);
      }
    });

    it('say what moved, from where to where, and who asked', async () => {
      const [move] = await list(`?instance_uuid=${moved}`);
      assert.ok(move);
      assert.deepEqual([move.status, move.migration_type], ['confirmed', 'migration']);
      assert.notEqual(move['source_compute'], move['dest_compute']);
      assert.deepEqual([move['source_node'], move['dest_node']], [move['source_compute'], move['dest_compute']]);
      assert.deepEqual([move['dest_host'], move['user_id']], ['127.0.0.1', 'admin-user']);
      assert.equal(move['project_id'], callers.admin.projectId);
      assert.equal(move['old_instance_type_id'], move['new_instance_type_id']);
      const [resize] = await list(`?instance_uuid=${resized}`);
      assert.notEqual(resize?.['old_instance_type_id'], resize?.['new_instance_type_id']);
      assert.deepEqual([resize?.['user_id'], resize?.['project_id']], [callers.member.userId, PROJECT]);
    });

    it('come newest first from 2.59 on, before that in their order', async () => {
      const oldest = (await list('', '2.58')).map(({ id }) => id);
      assert.deepEqual(
        oldest,
        oldest.toSorted((a, b) => a - b),
      );
      assert.deepEqual(
        (await list('', '2.59')).map(({ id }) => id),
        oldest.toReversed(),
      );
    });

    it('are filtered', async () => {
      assert.deepEqual(await kinds(`?instance_uuid=${resized}`), ['resize finished', 'resize reverted']);
      assert.deepEqual(await kinds('?status=reverted'), ['resize reverted']);
      assert.deepEqual(await kinds('?migration_type=migration'), ['migration confirmed']);
      assert.deepEqual(await kinds('?migration_type=evacuation'), []);
      assert.equal((await list('?host=host-1')).length, 3);
      assert.equal((await list('?host=host-9')).length, 0);
      const from = async (host: string) => (await list(`?source_compute=${host}`)).length;
      assert.equal((await from('host-1')) + (await from('host-2')), 3);
      // `host` goes before it
      assert.equal((await list('?host=host-1&source_compute=host-9')).length, 3);
      assert.equal((await list('?hidden=true')).length, 0);
      assert.equal((await list('?hidden=0')).length, 3);
      assert.deepEqual(await kinds(`?user_id=${callers.member.userId}`), ['resize finished', 'resize reverted']);
      assert.deepEqual(await kinds(`?project_id=${callers.admin.projectId}`), ['migration confirmed']);
      // what a version does not know is dropped, and later refused
      assert.equal((await list(`?user_id=x&limit=1&changes-since=2099-01-01T00:00:00`, '2.58')).length, 3);
      assert.equal((await ask('?user_id=x', '2.79')).status, 400);
      assert.equal((await ask('?changes-before=2099-01-01T00:00:00', '2.65')).status, 400);
      assert.equal((await ask('?nothing=1', '2.59')).status, 400);
    });

    it('are found by the time of their last change', async () => {
      const at = encodeURIComponent(beganAt);
      assert.deepEqual(await kinds(`?changes-since=${at}`, '2.59'), ['migration confirmed']);
      assert.deepEqual(await kinds(`?changes-before=${at}`, '2.66'), ['resize finished', 'resize reverted']);
      const answer = await ask(`?changes-since=2030-01-01T00:00:00&changes-before=2029-01-01T00:00:00`, '2.66');
      assert.deepEqual(
        [answer.status, answer.body.badRequest?.message],
        [400, 'The value of changes-since must be less than or equal to changes-before.'],
      );
      assert.equal((await ask('?changes-since=yesterday', '2.59')).status, 400);
    });

    it('are paged from 2.59 on', async () => {
      const all = (await list('', '2.59')).map(({ uuid }) => uuid);
      const seen: string[] = [];
      let path = '/os-migrations?limit=2';
      for (;;) {
        const { body } = await servers.request('GET', path, { version: '2.59' });
        seen.push(...body.migrations.map(({ uuid }: Shown) => uuid));
        const [next] = body.migrations_links ?? [];
        if (next === undefined) break;
        assert.equal(next.rel, 'next');
        path = new URL(next.href).pathname.replace('/v2.1', '') + new URL(next.href).search;
      }
      assert.deepEqual(seen, all);
      assert.equal((await list('?limit=0', '2.59')).length, 0);
      const lost = await ask('?marker=00000000-0000-0000-0000-000000000000', '2.59');
      assert.equal(lost.body.badRequest.message, 'Marker 00000000-0000-0000-0000-000000000000 could not be found.');
      assert.equal((await ask('?limit=-1', '2.59')).status, 400);
      assert.equal((await ask('?limit=1&limit=2', '2.59')).status, 400);
    });

    it('of one project are for its manager, without hosts; of all for administrators', async () => {
      for (const as of ['reader', 'member'] as const) {
        const answer = await ask('', '2.80', { as });
        assert.match(answer.body.forbidden.message, /os_compute_api:os-migrations:index /);
      }
      const whole = await ask('', '2.80', { as: 'manager' });
      assert.equal(whole.status, 403);
      assert.match(whole.body.forbidden.message, /os_compute_api:os-migrations:index:all_projects /);
      const own = await ask(`?project_id=${PROJECT}`, '2.80', { as: 'manager' });
      assert.equal(own.body.migrations.length, 2);
      for (const move of own.body.migrations) {
        const hosts = ['source_compute', 'source_node', 'dest_compute', 'dest_node', 'dest_host'].map(
          (key) => move[key],
        );
        assert.deepEqual(hosts, [null, null, null, null, null]);
      }
      assert.equal((await ask(`?project_id=${PROJECT}`, '2.79', { as: 'manager' })).status, 400);
    });

    it('are each shown by uuid or number, and under their server, to those who see them in the list', async () => {
      const [move] = await list(`?instance_uuid=${moved}`);
      const show = (id: string, as: 'admin' | 'manager' | 'member') =>
        servers.request('GET', `/os-xloud-migrations/${id}`, { as });
      for (const id of [String(move?.['uuid']), String(move?.['id'])]) {
        const { body } = await show(id, 'admin');
        assert.deepEqual(
          [body.migration.id, body.migration.uuid, body.migration.status, body.migration.dest_compute],
          [move?.['id'], move?.['uuid'], 'confirmed', move?.['dest_compute']],
        );
      }
      assert.equal((await show(String(move?.['uuid']), 'member')).status, 403);
      const [own] = (await ask(`?project_id=${PROJECT}`, '2.80', { as: 'manager' })).body.migrations;
      const seen = (await show(own.uuid, 'manager')).body.migration;
      assert.deepEqual([seen.status, seen.source_compute], [own.status, null]);
      for (const id of ['0', 'none', '99999999999']) assert.equal((await show(id, 'admin')).status, 404);
      const under = (as: 'admin' | 'manager') =>
        servers.request('GET', `/servers/${resized}/os-xloud-migrations`, { as });
      const statuses = (await under('admin')).body.migrations.map((one: Shown) => one.status);
      assert.deepEqual(statuses, ['finished', 'reverted']);
      assert.equal((await under('manager')).body.migrations[0].dest_compute, null);
    });

    it('keep a service from being deleted that they need', async () => {
      const [move] = await list(`?instance_uuid=${resized}`);
      const source = move?.['source_compute'] as string;
      const { services } = (await servers.request('GET', `/os-services?host=${source}`, { version: '2.53' })).body;
      const gone = await servers.create({ flavorRef: PLAIN });
      await servers.request('DELETE', `/servers/${gone}`, { as: 'member' });
      await servers.world.settled();
      // no server is on it, but disks that are set aside
      await servers.world.database.write('servers').where({ host: source }).update({ host: null });
      const answer = await servers.request('DELETE', `/os-services/${services[0].id}`, { version: '2.53' });
      assert.deepEqual(
        [answer.status, answer.body.conflictingRequest?.message],
        [
          409,
          'Unable to delete compute service that has in-progress migrations. ' +
            'Complete the migrations or delete the instances first.',
        ],
      );
    });
  });
}
