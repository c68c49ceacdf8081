// Why: a quota is a promise to the operator. Every request that would use more than it is refused in Nova's words, however
// many come at once.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { newUuid } from '../../src/base/ids.ts';
import { insertServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import { defaultQuota } from '../../src/domain/placement/quota-sets.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { newServer } from '../support/rows.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const project = callers.member.projectId as string;
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
const config = {
  ...testConfig,
  allowResizeToSameHost: true,
  quota: { ...defaultQuota, instances: 1000, cores: 1000, ram: 1_000_000 },
};

for (const engine of engines) {
  describe(`quotas on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, config });
    });
    after(async () => {
      assert.deepEqual(await servers.world.leftovers(), []);
      await servers.close();
    });
    beforeEach(async () => {
      const { body } = await servers.request('GET', '/servers?all_tenants=1');
      for (const { id } of body.servers as { id: string }[]) await servers.request('DELETE', `/servers/${id}`);
      await servers.world.settled();
      assert.equal((await servers.request('DELETE', `/os-quota-sets/${project}`)).status, 202);
    });

    const allow = async (limits: Record<string, number>, user = '') => {
      const path = `/os-quota-sets/${project}${user === '' ? '' : `?user_id=${user}`}`;
      const { status, text } = await servers.request('PUT', path, { body: { quota_set: { ...limits, force: true } } });
      assert.equal(status, 200, text);
    };
    const used = async () => {
      const { absolute } = (await servers.request('GET', '/limits', { as: 'member' })).body.limits;
      return [absolute.totalInstancesUsed, absolute.totalCoresUsed, absolute.totalRAMUsed];
    };
    const refused = async (server: Record<string, unknown>, message: string, version = '2.1') => {
      const answer = await servers.post(server, { version });
      assert.equal(answer.status, 403, answer.text);
      assert.deepEqual(answer.body, { forbidden: { code: 403, message } });
    };

    it('bound instances, cores and ram, each named with what was asked and is used', async () => {
      await servers.create();
      await allow({ instances: 1 });
      await refused({}, 'Quota exceeded for instances: Requested 1, but already used 1 of 1 instances');
      await allow({ instances: 2, cores: 1, ram: 600 });
      await refused(
        {},
        'Quota exceeded for cores, ram: Requested 1, 512, but already used 1, 512 of 1, 600 cores, ram',
      );
      await allow({ instances: 3, cores: -1, ram: -1 });
      const several = { min_count: 3, max_count: 4 };
      await refused(several, 'Quota exceeded for instances: Requested 3-4, but already used 1 of 3 instances');
      const answer = await servers.post({ min_count: 1, max_count: 4 });
      assert.equal(answer.status, 202);
      await servers.world.settled();
      assert.deepEqual(await used(), [3, 3, 1536]);
    });

    it('bound a user for whom limits were set, whatever the project may', async () => {
      await allow({ instances: 1 }, 'member-user');
      await servers.create();
      await refused({}, 'Quota exceeded for instances: Requested 1, but already used 1 of 1 instances');
      await servers.create({}, { as: 'manager' });
      await allow({ instances: 2 });
      await refused({}, 'Quota exceeded for instances: Requested 1, but already used 2 of 2 instances');
    });

    it('count what is claimed: an elastic server its minimum, then its growth, until it gave it back', async () => {
      await allow({ cores: 3, ram: 1024 });
      const id = await servers.create({ flavorRef: ELASTIC });
      assert.deepEqual(await used(), [1, 1, 256]);
      const adjust = (body: object) => servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', body });
      const tooMuch = await adjust({ current_vcpus: 4, current_memory_mb: 2048 });
      assert.deepEqual(tooMuch.body, {
        forbidden: {
          code: 403,
          message: 'Quota exceeded for cores, ram: Requested 3, 1792, but already used 1, 256 of 3, 1024 cores, ram',
        },
      });
      assert.equal((await adjust({ current_vcpus: 3, current_memory_mb: 1024 })).status, 202);
      await servers.world.settled();
      assert.deepEqual(await used(), [1, 3, 1024]);
      await refused(
        {},
        'Quota exceeded for cores, ram: Requested 1, 512, but already used 3, 1024 of 3, 1024 cores, ram',
      );
      assert.equal((await adjust({ current_vcpus: 1, current_memory_mb: 256 })).status, 202);
      await servers.world.settled();
      assert.deepEqual(await used(), [1, 1, 256]);
      await servers.create();
    });

    it('count what is off and what is being built, and nothing of what is deleted', async () => {
      const id = await servers.create();
      await servers.act(id, { 'os-stop': null });
      await servers.world.settled();
      assert.deepEqual(await used(), [1, 1, 512]);
      assert.equal((await servers.post()).status, 202);
      assert.deepEqual(await used(), [2, 2, 1024], 'at once, not only when it runs');
      await servers.world.settled();
      await servers.request('DELETE', `/servers/${id}`, { as: 'member' });
      await servers.world.settled();
      assert.deepEqual(await used(), [1, 1, 512]);
    });

    it('count of a server that found no host only that it is there', async () => {
      await servers.world.flavor({ id: 'huge', vcpus: 900, memoryMb: 900_000 }).catch(() => undefined);
      const id = (await servers.post({ flavorRef: 'huge' })).body.server.id;
      await servers.world.settled();
      assert.equal((await servers.show(id)).status, 'ERROR');
      assert.deepEqual(await used(), [1, 0, 0]);
    });

    it('bound metadata and files of one server', async () => {
      await allow({ metadata_items: 1 });
      const metadata = { a: '1', b: '2' };
      await refused({ metadata }, 'Maximum number of metadata items exceeds 1');
      const file = { path: '/etc/motd', contents: Buffer.from('hello').toString('base64') };
      const personality = [file];
      await allow({ injected_files: 0 });
      await refused({ personality }, 'Personality file limit exceeded');
      await allow({ injected_files: 1, injected_file_path_bytes: 8, injected_file_content_bytes: 7 });
      await refused({ personality }, 'Personality file path exceeds maximum 8');
      await allow({ injected_file_path_bytes: 9 });
      await refused({ personality }, 'Personality file content exceeds maximum 7');
      await allow({ injected_file_content_bytes: 8 });
      const id = await servers.create({ personality });
      assert.equal((await servers.show(id)).config_drive, 'True', 'the files are on it');
      await allow({ injected_files: 5 });
      await allow({ injected_files: 0 }, 'member-user');
      await refused({ personality }, 'Personality file limit exceeded');
    });

    it('bound the key pairs of a user', async () => {
      const add = (name: string) =>
        servers.request('POST', '/os-keypairs', { as: 'member', body: { keypair: { name, public_key: KEY } } });
      await allow({ key_pairs: 1 });
      assert.equal((await add('one')).status, 200);
      const second = await add('two');
      assert.deepEqual(second.body, { forbidden: { code: 403, message: 'Quota exceeded, too many key pairs.' } });
      await allow({ key_pairs: 2 });
      await allow({ key_pairs: 1 }, 'member-user');
      assert.equal((await add('two')).status, 403);
    });

    it('count what a resize was promised from the moment at which it was let in', async () => {
      const ids = [await servers.create(), await servers.create()];
      await allow({ cores: 4, ram: 2048 });
      const flavorRef = 'middle';
      await servers.world.flavor({ id: flavorRef, vcpus: 3, memoryMb: 1024 });
      const answers = await Promise.all(ids.map((id) => servers.act(id, { resize: { flavorRef } })));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202, 403]));
      const refusal = answers.find(({ status }) => status === 403);
      const message = 'Quota exceeded for cores: Requested 2, but already used 4 of 4 cores';
      assert.equal(refusal?.body.forbidden.message, message);
      await servers.world.settled();
      assert.deepEqual(await used(), [2, 4, 1536]);
      const grown = ids[answers.findIndex(({ status }) => status === 202)] as string;
      assert.equal((await servers.act(grown, { revertResize: null })).status, 202);
      await servers.world.settled();
      assert.deepEqual(await used(), [2, 2, 1024]);
    });

    it('hold under a hundred creations and growths at once', async () => {
      const first = await servers.create({ flavorRef: ELASTIC });
      await allow({ instances: 12, cores: 12 });
      const creations = Array.from({ length: 100 }, () => servers.post({ flavorRef: PLAIN }));
      const growths = [2, 3, 4].map((current_vcpus) =>
        servers.request('POST', `/os-xloud-adjust/${first}`, { as: 'member', body: { current_vcpus } }),
      );
      const statuses = (await Promise.all(creations)).map(({ status }) => status);
      await Promise.all(growths);
      await servers.world.settled();
      const made = statuses.filter((status) => status === 202).length;
      assert.ok(statuses.every((status) => status === 202 || status === 403));
      const [instances, cores] = await used();
      assert.equal(instances, 1 + made);
      assert.ok(instances <= 12 && cores <= 12, `${instances} instances, ${cores} cores`);
      assert.ok(instances === 12 || cores === 12, 'what fits is let in');
    });
  });

  describe(`the use of a quota on ${engine}`, () => {
    it('is a sum that is kept, so that no request counts servers', async (t) => {
      // without a worker every query is the request's own
      const servers = await startServers({ engine, config, worker: false });
      t.after(() => servers.close());
      const { database } = servers.world;
      const row = { projectId: project, userId: 'member-user', host: null, vmState: 'error' } as const;
      await tx(database, async (inner) => {
        for (let n = 0; n < 50; n += 1) await insertServer(inner, newServer({ ...row, uuid: newUuid() }));
      });
      const texts: string[] = [];
      const note = ({ sql }: { sql: string }) => void texts.push(sql);
      for (const handle of new Set([database.read, database.write])) handle.on('query', note);
      assert.equal((await servers.post()).status, 202);
      const { absolute } = (await servers.request('GET', '/limits', { as: 'member' })).body.limits;
      for (const handle of new Set([database.read, database.write])) handle.removeListener('query', note);
      assert.equal(absolute.totalInstancesUsed, 51);
      assert.ok(texts.some((sql) => /sum\(.*quota_usages/s.test(sql)));
      const counting = /(count|sum)\s*\(.*(\bservers\b|\bclaims\b|\bserver_sizes\b)/s;
      assert.deepEqual(
        texts.filter((sql) => counting.test(sql)),
        [],
      );
    });
  });
}
