import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestOptions } from '../support/api.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`the list of elastic servers on ${engine}`, () => {
    let servers: Servers;
    const mine: string[] = [];
    let foreign = '';
    before(async () => {
      servers = await startServers({ engine });
      for (const name of ['a', 'b', 'c']) mine.push(await servers.create({ flavorRef: ELASTIC, name }));
      await servers.create({ name: 'of one size' });
      foreign = await servers.create({ flavorRef: ELASTIC }, { as: 'other' });
      const gone = await servers.create({ flavorRef: ELASTIC });
      await servers.request('DELETE', `/servers/${gone}`);
      await servers.world.settled();
    });
    after(() => servers.close());

    const list = async (query = '', options: RequestOptions = { as: 'reader' }) => {
      const answer = await servers.request('GET', `/os-xloud-adjust${query}`, options);
      assert.equal(answer.status, 200, answer.text);
      return answer.body as {
        adjustments: { server_id: string }[];
        adjustments_links?: { rel: string; href: string }[];
      };
    };
    const ids = async (query = '', options?: RequestOptions) =>
      (await list(query, options)).adjustments.map(({ server_id: id }) => id);

    it('has the project’s servers whose size may change, the newest first, as each shows itself', async () => {
      assert.deepEqual(await ids(), mine.toReversed());
      const one = (await servers.request('GET', `/os-xloud-adjust/${mine[0]}`, { as: 'reader' })).body;
      assert.deepEqual((await list('?sort_key=display_name&sort_dir=asc')).adjustments[0], one);
    });

    it('comes in pages', async () => {
      const seen: string[] = [];
      let url = '?limit=2';
      for (let pages = 0; url !== ''; pages += 1) {
        assert.ok(pages < 3);
        const { adjustments, adjustments_links: links } = await list(url);
        seen.push(...adjustments.map(({ server_id: id }) => id));
        url = links === undefined ? '' : new URL(links[0]?.href as string).search;
      }
      assert.deepEqual(seen, mine.toReversed());
      const unknown = await servers.request('GET', '/os-xloud-adjust?marker=nobody');
      assert.deepEqual([unknown.status, unknown.body.badRequest.message], [400, 'marker [nobody] not found']);
    });

    it('has those of all projects for administrators who ask', async () => {
      assert.deepEqual(await ids('?all_tenants=1', { as: 'admin' }), [foreign, ...mine.toReversed()]);
      assert.deepEqual(await ids('', { as: 'admin' }), []);
      const refused = await servers.request('GET', '/os-xloud-adjust?all_tenants=1', { as: 'manager' });
      assert.equal(refused.status, 403);
      assert.match(refused.body.forbidden.message, /os_compute_api:xloud:index:get_all_tenants/);
    });

    it('tells what changed since', async () => {
      await sleep(1_100);
      const since = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString();
      const body = { current_vcpus: 2 };
      await servers.request('POST', `/os-xloud-adjust/${mine[1]}`, { as: 'member', body });
      await servers.world.settled();
      assert.deepEqual(await ids(`?changes-since=${since}`), [mine[1]]);
      assert.deepEqual(await ids('?changes-since=2020-01-01T00:00:00Z'), mine.toReversed(), 'none that is deleted');
    });

    it('refuses what it does not know', async () => {
      for (const query of ['?x=1', '?changes-since=yesterday', '?sort_key=flavor', '?limit=-1']) {
        assert.equal((await servers.request('GET', `/os-xloud-adjust${query}`)).status, 400, query);
      }
    });

    it('is read by an index of its own', async () => {
      const { read } = servers.world.database;
      const sql = `${engine === 'sqlite' ? 'explain query plan' : 'explain'} select uuid from servers where
        project_id = '${callers.member.projectId}' and elastic = 1 and deleted = 0 order by created_at desc, id desc`;
      assert.match(JSON.stringify(await read.raw(sql)), /servers_elastic_of_project/);
    });
  });
}
