// What was done to a server: who sees which part of its history at which version, also after the server is gone.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Who } from '../support/callers.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const TURNS = [
  '2.1',
  '2.20',
  '2.21',
  '2.50',
  '2.51',
  '2.57',
  '2.58',
  '2.61',
  '2.62',
  '2.65',
  '2.66',
  '2.83',
  '2.84',
  '2.104',
];
const ACTION = ['action', 'instance_uuid', 'message', 'project_id', 'request_id', 'start_time', 'user_id'];
const EVENT = ['event', 'finish_time', 'result', 'start_time'];

const minorOf = (version: string): number => Number(version.slice(2));

/** The keys of one event; null: the events are not shown. */
function eventKeys(minor: number, admin: boolean): string[] | null {
  if (!admin && minor < 51) return null;
  return [
    ...EVENT,
    ...(admin ? ['traceback'] : []),
    ...(minor >= 62 ? ['hostId'] : []),
    ...(minor >= 62 && admin ? ['host'] : []),
    ...(minor >= 84 && admin ? ['details'] : []),
  ].toSorted();
}

for (const engine of engines) {
  describe(`instance actions on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    let gone: string;
    const times: number[] = [];

    const list = (query = '', version = '2.104', of = id, as: Who = 'member') =>
      servers.request('GET', `/servers/${of}/os-instance-actions${query}`, { as, version });
    const names = (answer: Awaited<ReturnType<typeof list>>) =>
      answer.body.instanceActions.map(({ action }: { action: string }) => action).join(' ');
    const requestOf = async (action: string) =>
      (await list()).body.instanceActions.find((one: { action: string }) => one.action === action).request_id as string;

    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create({ name: 'acted upon' });
      for (const action of [{ 'os-stop': null }, { 'os-start': null }, { reboot: { type: 'HARD' } }]) {
        await servers.act(id, action, action.reboot === undefined ? {} : { as: 'admin' });
        await servers.world.settled();
      }
      gone = await servers.create({ name: 'gone' });
      await servers.request('DELETE', `/servers/${gone}`, { as: 'member' });
      await servers.world.settled();
      const rows = await servers.world.database
        .read('instance_actions')
        .select('id')
        .where('server_uuid', id)
        .orderBy('id');
      for (const [index, row] of rows.entries()) {
        const at = Date.UTC(2026, 0, 1 + index);
        times.push(at);
        await servers.world.database
          .write('instance_actions')
          .where({ id: row.id })
          .update({ start_time: at, updated_at: at + 1000 });
      }
    });
    after(() => servers.close());

    it('are listed newest first, with their fields at every version', async () => {
      for (const version of TURNS) {
        for (const as of ['admin', 'member', 'reader'] as const) {
          const answer = await list('', version, id, as);
          assert.equal(names(answer), 'reboot start stop create');
          const keys = minorOf(version) >= 58 ? [...ACTION, 'updated_at'].toSorted() : ACTION;
          for (const action of answer.body.instanceActions) assert.deepEqual(Object.keys(action).toSorted(), keys);
        }
      }
      const [reboot, start] = (await list()).body.instanceActions;
      assert.deepEqual(
        [reboot.instance_uuid, reboot.message, start.user_id, start.project_id],
        [id, null, callers.member.userId, callers.member.projectId],
      );
      assert.deepEqual([reboot.user_id, reboot.project_id], [callers.admin.userId, callers.admin.projectId]);
      assert.deepEqual(
        [reboot.start_time, reboot.updated_at],
        ['2026-01-04T00:00:00.000000', '2026-01-04T00:00:01.000000'],
      );
    });

    it('show their events by version and right', async () => {
      const request = await requestOf('create');
      for (const version of TURNS) {
        for (const as of ['admin', 'member', 'reader'] as const) {
          const answer = await servers.request('GET', `/servers/${id}/os-instance-actions/${request}`, { as, version });
          assert.equal(answer.status, 200, answer.text);
          const { events, ...action } = answer.body.instanceAction;
          assert.deepEqual(action, (await list('', version)).body.instanceActions.at(-1));
          const keys = eventKeys(minorOf(version), as === 'admin');
          if (keys === null) {
            assert.equal(events, undefined);
            continue;
          }
          // the last step comes first
          assert.deepEqual(
            events.map(({ event }: { event: string }) => event),
            ['compute__do_build_and_run_instance', 'create_ports', 'conductor_schedule_and_build_instances'],
          );
          for (const event of events as { event: string; result: string }[]) {
            // a step before the server had a host names none
            const shownKeys: readonly string[] =
              event.event === 'conductor_schedule_and_build_instances' ? keys.filter((key) => key !== 'host') : keys;
            assert.deepEqual(Object.keys(event).toSorted(), shownKeys, `${version} ${as}`);
            assert.equal(event.result, 'Success');
          }
        }
      }
    });

    it('are paged and bounded in time from 2.58, and before 2.66 not by an end', async () => {
      assert.equal(names(await list('?limit=1&marker=x', '2.57')), 'reboot start stop create');
      const first = await list('?limit=2', '2.58');
      assert.equal(names(first), 'reboot start');
      const next = first.body.links[0].href as string;
      assert.equal(first.body.links[0].rel, 'next');
      const second = await servers.request('GET', next.slice(servers.url.length), { as: 'member', version: '2.58' });
      assert.equal(names(second), 'stop create');
      const third = second.body.links[0].href as string;
      const end = await servers.request('GET', third.slice(servers.url.length), { as: 'member', version: '2.58' });
      assert.deepEqual(end.body, { instanceActions: [] });
      assert.deepEqual((await list('?limit=0')).body, { instanceActions: [] });

      const at = (index: number) => encodeURIComponent(new Date((times[index] as number) + 1000).toISOString());
      assert.equal(names(await list(`?changes-since=${at(2)}`, '2.58')), 'reboot start');
      assert.equal(names(await list(`?changes-before=${at(1)}`, '2.66')), 'stop create');
      assert.equal(names(await list(`?changes-since=${at(1)}&changes-before=${at(2)}`)), 'start stop');
      const wrong = await list(`?changes-since=${at(2)}&changes-before=${at(1)}`);
      assert.equal(wrong.status, 400);
      assert.equal(
        wrong.body.badRequest.message,
        'The value of changes-since must be less than or equal to changes-before.',
      );
      for (const [query, version] of [
        ['?marker=req-none', '2.58'],
        ['?limit=x', '2.58'],
        ['?changes-since=x', '2.58'],
        [`?changes-before=${at(1)}`, '2.65'],
        ['?nonsense=1', '2.58'],
        ['?limit=1&limit=2', '2.58'],
      ] as const) {
        assert.equal((await list(query, version)).status, 400, query);
      }
      const missing = await list('?marker=req-none');
      assert.equal(missing.body.badRequest.message, 'Marker req-none could not be found.');
    });

    it('of a deleted server are shown from 2.21 on', async () => {
      assert.equal((await list('', '2.20', gone)).status, 404);
      const answer = await list('', '2.21', gone);
      assert.equal(names(answer), 'delete create');
      const [last] = answer.body.instanceActions;
      const one = (version: string) =>
        servers.request('GET', `/servers/${gone}/os-instance-actions/${last.request_id}`, { as: 'member', version });
      assert.equal((await one('2.20')).body.itemNotFound.message, `Instance ${gone} could not be found.`);
      assert.deepEqual(
        (await one('2.51')).body.instanceAction.events.map(({ event }: { event: string }) => event).toSorted(),
        ['compute_terminate_instance', 'delete_image', 'delete_ports'],
      );
      assert.equal((await list('', '2.21', gone, 'other')).status, 404);
    });

    it('that are not there are 404', async () => {
      const answer = await servers.request('GET', `/servers/${id}/os-instance-actions/req-none`, { as: 'member' });
      assert.equal(answer.status, 404);
      assert.equal(answer.body.itemNotFound.message, 'Action req-none not found');
      const strict = (version: string) =>
        servers.request('GET', `/servers/${id}/os-instance-actions/req-none?x=1`, { as: 'member', version });
      assert.equal((await strict('2.101')).status, 404);
      assert.equal((await strict('2.102')).status, 400);
    });

    it('of a failed creation tell administrators where and why', async () => {
      const broken = await servers.create({ metadata: { xloud_fake: 'fail:spawn' } });
      const [action] = (await list('', '2.104', broken)).body.instanceActions;
      assert.deepEqual([action.action, action.message], ['create', 'Error']);
      const path = `/servers/${broken}/os-instance-actions/${action.request_id}`;
      const events = async (as: Who) =>
        (await servers.request('GET', path, { as, version: '2.104' })).body.instanceAction.events as {
          event: string;
          result: string;
          host?: string;
          hostId: string;
          details?: string;
        }[];
      const failed = (await events('admin')).find(
        ({ event, result }) => event === 'compute__do_build_and_run_instance' && result === 'Error',
      );
      assert.deepEqual([failed?.event, failed?.host], ['compute__do_build_and_run_instance', 'host-1']);
      assert.match(failed?.details ?? '', /fails at spawn/);
      assert.match(failed?.hostId ?? '', /^[0-9a-f]{56}$/);
      const seen = (await events('member')).find(
        ({ event, result }) => event === 'compute__do_build_and_run_instance' && result === 'Error',
      );
      assert.deepEqual([seen?.host, seen?.details], [undefined, undefined]);
      assert.match(seen?.hostId ?? '', /^[0-9a-f]{56}$/);
    });

    it('carry the request id of the answer that began them', async () => {
      const answer = await servers.act(id, { reboot: { type: 'SOFT' } });
      const request = answer.headers['x-openstack-request-id'] as string;
      await servers.world.settled();
      const [latest] = (await list()).body.instanceActions;
      assert.equal(latest.request_id, request);
    });
  });
}
