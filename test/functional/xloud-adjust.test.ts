// Growing and shrinking a running server over HTTP. One suite for each row of what is done right here and was wrong in XLoud's
// Nova; each test fails on that behaviour.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DOMParser } from '@xmldom/xmldom';
import { findClaim } from '../../src/db/claims.ts';
import { listHosts } from '../../src/db/hosts.ts';
import { domainXml } from '../../src/virt/libvirt/config.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import type { Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const MANY = 20;
const SLOW_MS = 300;
const place = {
  ...({ virtType: 'kvm', arch: 'x86_64', cpuModel: null, kernel: null, ramdisk: null } as const),
  ...{ disks: [], consolePath: '/console.log' },
};

for (const engine of engines) {
  describe(`os-xloud-adjust on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      const roomy = { vcpus: 16, memoryMb: 32_768, diskGb: 400 };
      const ratios = { cpu: 1, ram: 1, disk: 1 };
      servers = await startServers({
        engine,
        hosts: [{ name: 'host-1', inventory: roomy }],
        config: { ...testConfig, ratios },
      });
    });
    after(() => servers.close());

    const elastic = (behaviour = '', more: Readonly<Record<string, unknown>> = {}) =>
      servers.create({
        flavorRef: ELASTIC,
        ...(behaviour === '' ? {} : { metadata: { xloud_fake: behaviour } }),
        ...more,
      });
    const driver = () => servers.world.drivers.get('host-1') as FakeDriver;
    /** From now on the guest takes its time. */
    const slow = (id: string): string => {
      driver().behave(id, `slow:${SLOW_MS}`);
      return id;
    };
    const adjust = (id: string, body: unknown, as: Who = 'member') =>
      servers.request('POST', `/os-xloud-adjust/${id}`, { as, body });
    // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
    const look = async (id: string, as: Who = 'member'): Promise<any> => {
      const answer = await servers.request('GET', `/os-xloud-adjust/${id}`, { as });
      assert.equal(answer.status, 200, answer.text);
      return answer.body;
    };
    /** Adjusts, waits for the end, and shows the resource. */
    const settled = async (id: string, body: object) => {
      const answer = await adjust(id, body);
      assert.equal(answer.status, 202, answer.text);
      await servers.world.settled();
      return look(id);
    };
    const sizes = ({ vcpus, memory_mb }: Awaited<ReturnType<typeof look>>) => [vcpus.current, memory_mb.current];
    const refused = (answer: Answer, status: number, message: string | RegExp) => {
      assert.equal(answer.status, status, answer.text);
      const text = (Object.values(answer.body)[0] as { message: string }).message;
      if (typeof message === 'string') assert.equal(text, message);
      else assert.match(text, message);
    };
    const guest = (id: string) => {
      const found = driver().store.get(id);
      assert.ok(found !== undefined);
      return found;
    };
    const claimOf = async (id: string) => {
      const { id: number } = await servers.world.server(id);
      const claim = await findClaim(servers.world.database.read, number);
      return [claim?.vcpus, claim?.memoryMb];
    };
    const claimedOnHost = async () => {
      const [host] = await listHosts(servers.world.database.read);
      return host?.claimed as { vcpus: number; memoryMb: number; diskGb: number };
    };
    const remove = async (...ids: readonly string[]) => {
      for (const id of ids) if (driver().store.get(id) !== undefined) driver().behave(id, null);
      for (const id of ids) await servers.request('DELETE', `/servers/${id}`);
      await servers.world.settled();
      assert.deepEqual(await servers.world.leftovers(), []);
    };

    it('shows the resource, before and after', async () => {
      const id = await elastic();
      const before = await look(id, 'reader');
      assert.deepEqual(before, {
        server_id: id,
        status: 'idle',
        vcpus: { current: 1, target: 1, minimum: 1, maximum: 4, claimed: 1, guest_online: 1 },
        memory_mb: { current: 256, target: 256, minimum: 256, maximum: 4096, claimed: 256, guest_available: 230 },
        persist: true,
        request_id: null,
        updated_at: null,
        message: null,
      });
      const after = await settled(id, { current_vcpus: 3, current_memory_mb: 1024 });
      const { request_id, updated_at, ...rest } = after;
      assert.deepEqual(rest, {
        server_id: id,
        status: 'idle',
        vcpus: { current: 3, target: 3, minimum: 1, maximum: 4, claimed: 3, guest_online: 3 },
        memory_mb: { current: 1024, target: 1024, minimum: 256, maximum: 4096, claimed: 1024, guest_available: 921 },
        persist: true,
        message: null,
      });
      assert.match(request_id, /^req-/);
      assert.match(updated_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.deepEqual(guest(id).size, { vcpus: 3, memoryMb: 1024 });
      const plain = await servers.create({ flavorRef: PLAIN });
      const fixed = await look(plain);
      assert.deepEqual([fixed.vcpus.minimum, fixed.vcpus.maximum, fixed.memory_mb.minimum], [1, 1, 512]);
      await remove(id, plain);
    });

    describe('row 1: an action with events, a status, and the state to read', () => {
      it('leaves an action under the id of the answer', async () => {
        const id = await elastic();
        const answer = await adjust(id, { current_vcpus: 2 });
        assert.equal(answer.status, 202);
        const request = answer.headers['x-openstack-request-id'] as string;
        assert.deepEqual(
          [answer.body.request_id, answer.body.status, answer.body.vcpus.target],
          [request, 'adjusting', 2],
        );
        await servers.world.settled();
        const path = `/servers/${id}/os-instance-actions/${request}`;
        const { instanceAction } = (await servers.request('GET', path, { as: 'member', version: '2.84' })).body;
        assert.deepEqual([instanceAction.action, instanceAction.message], ['adjust', null]);
        assert.deepEqual(
          instanceAction.events.map(({ event, result }: { event: string; result: string }) => [event, result]),
          [['adjust_guest', 'Success']],
        );
        await remove(id);
      });
    });

    describe('row 2: states, locks and tasks', () => {
      it('is 409 in a state that does not allow it', async () => {
        const id = await elastic();
        const grow = { current_vcpus: 2 };
        for (const state of ['building', 'suspended', 'error', 'rescued', 'shelved']) {
          await servers.set(id, { vm_state: state });
          refused(await adjust(id, grow), 409, `Cannot 'adjust' instance ${id} while it is in vm_state ${state}`);
        }
        for (const task of ['rebooting', 'powering-off', 'adjusting', 'deleting']) {
          await servers.set(id, { vm_state: 'active', task_state: task });
          refused(await adjust(id, grow), 409, `Cannot 'adjust' instance ${id} while it is in task_state ${task}`);
        }
        await servers.set(id, { task_state: null, host: null });
        refused(await adjust(id, grow), 409, `Instance ${id} is not ready`);
        await servers.set(id, { host: 'host-1', locked_by: 'owner' });
        refused(await adjust(id, grow), 409, `Instance ${id} is locked`);
        assert.equal((await adjust(id, grow, 'admin')).status, 202);
        await servers.world.settled();
        await servers.set(id, { locked_by: null });
        await remove(id);
      });

      it('is 409 for a server without a host, not 500', async () => {
        const id = await elastic('', { availability_zone: 'nova' });
        const broken = await servers.create({ metadata: { xloud_fake: 'fail:spawn' } });
        refused(await adjust(broken, { current_vcpus: 1 }), 409, `Instance ${broken} is not ready`);
        const shown = await look(broken);
        assert.deepEqual([shown.vcpus.claimed, shown.status], [0, 'idle']);
        await remove(id, broken);
      });

      it('shows a task while it runs, and stays ACTIVE', async () => {
        const id = slow(await elastic());
        assert.equal((await adjust(id, { current_vcpus: 4, current_memory_mb: 512 })).status, 202);
        const during = await servers.show(id, { version: 'latest' });
        assert.deepEqual([during.status, during['OS-EXT-STS:task_state']], ['ACTIVE', 'adjusting']);
        const under = await look(id);
        assert.deepEqual([under.status, under.vcpus.current, under.vcpus.target], ['adjusting', 1, 4]);
        await servers.world.settled();
        const after = await servers.show(id, { version: 'latest' });
        assert.deepEqual([after.status, after['OS-EXT-STS:task_state']], ['ACTIVE', null]);
        await remove(id);
      });

      it('needs a member to change it, a reader to look', async () => {
        const id = await elastic();
        refused(await adjust(id, { current_vcpus: 2 }, 'reader'), 403, /os_compute_api:xloud:adjust/);
        refused(await adjust(id, { current_vcpus: 2 }, 'other'), 404, `Instance ${id} could not be found.`);
        assert.equal((await servers.request('GET', `/os-xloud-adjust/${id}`, { as: 'other' })).status, 404);
        assert.equal((await servers.request('GET', `/os-xloud-adjust/${id}`, { as: 'none' })).status, 401);
        await remove(id);
      });

      it('lets one of many win at a time', async () => {
        const id = slow(await elastic());
        const answers = await Promise.all(
          Array.from({ length: MANY }, (_, index) => adjust(id, { current_vcpus: 2 + (index % 3) })),
        );
        const won = answers.filter(({ status }) => status === 202);
        assert.equal(won.length, 1);
        for (const answer of answers.filter(({ status }) => status !== 202)) {
          refused(answer, 409, `Cannot 'adjust' instance ${id} while it is in task_state adjusting`);
        }
        await servers.world.settled();
        const after = await look(id);
        assert.deepEqual([after.vcpus.current, after.vcpus.claimed], [won[0]?.body.vcpus.target, after.vcpus.target]);
        await remove(id);
      });
    });

    describe('row 3: above the maximum', () => {
      it('is 400 that names minimum and maximum, for either part', async () => {
        const id = await elastic();
        refused(
          await adjust(id, { current_vcpus: 5 }),
          400,
          'Invalid current_vcpus 5: this server may have at least 1 and at most 4 vCPUs.',
        );
        refused(
          await adjust(id, { current_memory_mb: 4097 }),
          400,
          'Invalid current_memory_mb 4097: this server may have at least 256 and at most 4096 MiB of memory.',
        );
        refused(await adjust(id, { current_vcpus: 2, current_memory_mb: 99_999 }), 400, /at most 4096 MiB/);
        assert.deepEqual(sizes(await look(id)), [1, 256]);
        assert.deepEqual(guest(id).size, { vcpus: 1, memoryMb: 256 });
        assert.deepEqual(await claimOf(id), [1, 256]);
        await remove(id);
      });
    });

    describe('row 4: below the minimum', () => {
      it('is 400 too', async () => {
        const id = await elastic();
        refused(await adjust(id, { current_memory_mb: 1 }), 400, /at least 256 and at most 4096 MiB/);
        refused(await adjust(id, { current_vcpus: 0 }), 400, 'current_vcpus must be >= 1');
        const plain = await servers.create({ flavorRef: PLAIN });
        refused(await adjust(plain, { current_memory_mb: 511 }), 400, /at least 512 and at most 512 MiB/);
        assert.equal((await adjust(plain, { current_memory_mb: 512 })).status, 202);
        await servers.world.settled();
        await remove(id, plain);
      });
    });

    describe('row 5: growth is claimed', () => {
      it('before the guest gets it, and given back when the guest let go', async () => {
        const id = slow(await elastic());
        await adjust(id, { current_vcpus: 4, current_memory_mb: 2048 });
        assert.deepEqual(await claimOf(id), [4, 2048]);
        assert.deepEqual(guest(id).size, { vcpus: 1, memoryMb: 256 });
        await servers.world.settled();
        await adjust(id, { current_vcpus: 2, current_memory_mb: 512 });
        assert.deepEqual(await claimOf(id), [4, 2048]);
        await servers.world.settled();
        assert.deepEqual(await claimOf(id), [2, 512]);
        const host = await claimedOnHost();
        assert.deepEqual([host.vcpus, host.memoryMb], [2, 512]);
        await remove(id);
      });

      it('is 409 with the free amounts where the host is full, and nothing changes', async () => {
        const ids: string[] = [];
        for (let index = 0; index < 4; index += 1) ids.push(await elastic());
        for (const id of ids.slice(0, 3)) await settled(id, { current_vcpus: 4 });
        const last = ids[3] as string;
        const more = await elastic();
        await settled(more, { current_vcpus: 2 });
        // 12 + 2 + 1 of 16 are claimed
        refused(await adjust(last, { current_vcpus: 4 }), 409, 'The host has no room for 3 more vCPUs (1 free).');
        assert.deepEqual(sizes(await look(last)), [1, 256]);
        assert.equal((await servers.show(last)).status, 'ACTIVE');
        assert.deepEqual(sizes(await settled(last, { current_vcpus: 2 })), [2, 256]);
        assert.deepEqual(sizes(await settled(ids[0] as string, { current_vcpus: 1 })), [1, 256]);
        assert.deepEqual(sizes(await settled(last, { current_vcpus: 4 })), [4, 256]);
        await remove(...ids, more);
      });

      it('never exceeds what the host has, however many ask at once', async () => {
        const made = await servers.post({ name: 'herd', flavorRef: ELASTIC, min_count: 10, max_count: 10 });
        assert.equal(made.status, 202);
        await servers.world.settled();
        const listed = await servers.request('GET', '/servers?name=herd', { as: 'member' });
        const ids = listed.body.servers.map(({ id }: { id: string }) => id) as string[];
        const asks = [...ids, ...ids].map((id, index) => adjust(id, { current_vcpus: 2 + (index % 3) }));
        assert.equal(asks.length, MANY);
        let most = 0;
        const watching = (async () => {
          for (let looks = 0; looks < 20; looks += 1) {
            most = Math.max(most, (await claimedOnHost()).vcpus);
            await servers.world.deps.clock.sleep(3);
          }
        })();
        const answers = await Promise.all(asks);
        await watching;
        await servers.world.settled();
        const statuses = new Set(answers.map(({ status }) => status));
        assert.ok(
          [...statuses].every((status) => status === 202 || status === 409),
          [...statuses].join(),
        );
        assert.ok(statuses.has(202) && statuses.has(409));
        for (const answer of answers.filter(({ status }) => status === 409)) {
          refused(answer, 409, /^(The host has no room for|Cannot 'adjust' instance)/);
        }
        const host = await claimedOnHost();
        assert.ok(Math.max(most, host.vcpus) <= 16, `${most} ${host.vcpus}`);
        const vcpus = ids.map((id) => guest(id).size.vcpus).reduce((sum, one) => sum + one, 0);
        assert.equal(vcpus, host.vcpus);
        await remove(...ids);
      });

      it('counts in the quota: 403', async () => {
        const small = await startServers({ engine, config: { quota: { ...testConfig.quota, cores: 3 } } });
        try {
          const id = await small.create({ flavorRef: ELASTIC });
          const answer = await small.request('POST', `/os-xloud-adjust/${id}`, {
            as: 'member',
            body: { current_vcpus: 4 },
          });
          refused(answer, 403, 'Quota exceeded for cores: Requested 3, but already used 1 of 3 cores');
        } finally {
          await small.close();
        }
      });
    });

    describe('row 7: a size that was kept', () => {
      it('survives soft and hard reboot, stop and start', async () => {
        const id = await elastic();
        await settled(id, { current_vcpus: 3, current_memory_mb: 768 });
        for (const action of [
          { reboot: { type: 'HARD' } },
          { reboot: { type: 'SOFT' } },
          { 'os-stop': null },
          { 'os-start': null },
        ]) {
          assert.equal((await servers.act(id, action)).status, 202);
          await servers.world.settled();
        }
        assert.deepEqual(sizes(await look(id)), [3, 768]);
        assert.deepEqual(guest(id).size, { vcpus: 3, memoryMb: 768 });
        assert.deepEqual(await claimOf(id), [3, 768]);
        await remove(id);
      });

      it('with persist false ends with the next power cycle, and not before', async () => {
        const id = await elastic();
        const grown = await settled(id, { current_vcpus: 3, persist: false });
        assert.deepEqual([...sizes(grown), grown.persist], [3, 256, false]);
        await servers.act(id, { reboot: { type: 'SOFT' } });
        await servers.world.settled();
        assert.deepEqual(sizes(await look(id)), [3, 256]);
        await servers.act(id, { reboot: { type: 'HARD' } });
        await servers.world.settled();
        const after = await look(id);
        assert.deepEqual([...sizes(after), after.vcpus.claimed, after.persist], [1, 256, 1, true]);
        await remove(id);
      });
    });

    describe('row 8: the tenant cannot move the bounds', () => {
      it('whatever metadata says', async () => {
        const id = await servers.create({
          flavorRef: ELASTIC,
          metadata: { minimum_cpu: '4', minimum_memory: '4096', vcpus: '99' },
        });
        const { vcpus, memory_mb } = await look(id);
        assert.deepEqual([vcpus.minimum, vcpus.maximum, vcpus.claimed], [1, 4, 1]);
        assert.deepEqual([memory_mb.minimum, memory_mb.maximum, memory_mb.current], [256, 4096, 256]);
        const plain = await servers.create({ flavorRef: PLAIN, metadata: { minimum_cpu: '1', minimum_memory: '64' } });
        refused(await adjust(plain, { current_memory_mb: 256 }), 400, /at least 512/);
        // nor does a later change of the flavor reach a server that is there
        const specs = { extra_specs: { minimum_memory: '512' } };
        await servers.request('POST', `/flavors/${ELASTIC}/os-extra_specs`, { body: specs });
        assert.equal((await look(id)).memory_mb.minimum, 256);
        const back = { extra_specs: { minimum_memory: '256' } };
        await servers.request('POST', `/flavors/${ELASTIC}/os-extra_specs`, { body: back });
        await remove(id, plain);
      });
    });

    describe('row 9: a server that is off', () => {
      it('keeps the size for its next boot, which claims it already', async () => {
        const id = await elastic();
        await servers.act(id, { 'os-stop': null });
        await servers.world.settled();
        const stored = await settled(id, { current_vcpus: 2, current_memory_mb: 1024 });
        assert.equal(stored.status, 'pending_reboot');
        assert.deepEqual([stored.vcpus.target, stored.memory_mb.target], [2, 1024]);
        assert.deepEqual([stored.vcpus.claimed, stored.memory_mb.claimed], [2, 1024]);
        assert.equal((await servers.show(id)).status, 'SHUTOFF');
        const actions = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' });
        assert.equal(actions.body.instanceActions[0].action, 'adjust');
        refused(await adjust(id, { current_vcpus: 3, persist: false }), 409, /needs a running server/);
        await servers.act(id, { 'os-start': null });
        await servers.world.settled();
        const after = await look(id);
        assert.deepEqual([...sizes(after), after.status], [2, 1024, 'idle']);
        assert.deepEqual(guest(id).size, { vcpus: 2, memoryMb: 1024 });
        await remove(id);
      });

      it('is refused at once when its host has no room for that', async () => {
        const [a, b, c, d] = [await elastic(), await elastic(), await elastic(), await elastic()];
        await servers.act(d, { 'os-stop': null });
        await servers.world.settled();
        for (const id of [a, b, c]) await settled(id, { current_vcpus: 4 });
        const e = await elastic();
        refused(await adjust(d, { current_vcpus: 4 }), 409, 'The host has no room for 3 more vCPUs (2 free).');
        await remove(a, b, c, d, e);
      });
    });

    describe('row 10: the guest confirms', () => {
      const end = async (id: string) => {
        const { request_id } = await look(id);
        const path = `/servers/${id}/os-instance-actions/${request_id}`;
        const { instanceAction } = (await servers.request('GET', path, { as: 'admin', version: '2.84' })).body;
        return [instanceAction.message, instanceAction.events[0].result, instanceAction.events[0].details];
      };

      it('a part of the way is partial, with both numbers, and claims what is had', async () => {
        const id = await elastic('partial:50');
        const after = await settled(id, { current_memory_mb: 1256 });
        assert.deepEqual([after.status, ...sizes(after)], ['partial', 1, 756]);
        assert.equal(after.memory_mb.target, 1256);
        assert.equal(after.memory_mb.claimed, 756);
        assert.equal(after.message, 'memory: 756 MiB of 1256 MiB reached: the guest went only a part of the way');
        assert.deepEqual(await end(id), ['Error', 'Error', after.message]);
        await remove(id);
      });

      it('a refusal is an error, and gives the claim back', async () => {
        const id = await elastic('refuse');
        const after = await settled(id, { current_vcpus: 3 });
        assert.deepEqual([after.status, ...sizes(after), after.vcpus.claimed], ['error', 1, 256, 1]);
        assert.equal(after.message, 'vCPUs: 1 of 3 reached: the guest refused to change its vCPUs');
        assert.deepEqual(await end(id), ['Error', 'Error', after.message]);
        assert.equal((await servers.show(id)).status, 'ACTIVE');
        await remove(id);
      });

      it('vCPUs that are only offline in the guest stay claimed', async () => {
        const id = await elastic('offline');
        await settled(id, { current_vcpus: 4 });
        const after = await settled(id, { current_vcpus: 2 });
        assert.deepEqual([after.status, after.vcpus.current, after.vcpus.claimed], ['idle', 2, 4]);
        await remove(id);
      });

      it('a host that fails leaves the truth and a free server', async () => {
        const id = await elastic('fail:adjust');
        const after = await settled(id, { current_vcpus: 3 });
        assert.deepEqual([after.status, ...sizes(after), after.vcpus.claimed], ['error', 1, 256, 1]);
        assert.match(after.message, /fails at adjust/);
        driver().behave(id, '');
        const again = await settled(id, { current_vcpus: 3 });
        assert.deepEqual([again.status, again.message, ...sizes(again)], ['idle', null, 3, 256]);
        await remove(id);
      });
    });

    describe('row 11: a pair is one change', () => {
      it('grows memory before vCPUs and shrinks vCPUs before memory', async () => {
        const id = await elastic();
        await settled(id, { current_vcpus: 4, current_memory_mb: 4096 });
        assert.deepEqual(sizes(await settled(id, { current_vcpus: 1, current_memory_mb: 256 })), [1, 256]);
        await remove(id);
      });

      it('undoes the first part when the second fails', async () => {
        const id = await elastic('refuse:vcpus');
        const after = await settled(id, { current_vcpus: 3, current_memory_mb: 1024 });
        assert.deepEqual([after.status, ...sizes(after)], ['error', 1, 256]);
        assert.deepEqual([after.vcpus.claimed, after.memory_mb.claimed], [1, 256]);
        assert.match(after.message, /memory: 256 MiB of 1024 MiB reached: put back, because the vCPUs could not/);
        assert.deepEqual(guest(id).size, { vcpus: 1, memoryMb: 256 });
        const alone = await settled(id, { current_memory_mb: 1024 });
        assert.deepEqual([alone.status, ...sizes(alone)], ['idle', 1, 1024]);
        await remove(id);
      });
    });

    describe('row 12: what is no number is 400', () => {
      it('in XLoud’s words', async () => {
        const id = await elastic();
        for (const [body, message] of [
          ['', 'Body must be JSON object'],
          [[], 'Body must be JSON object'],
          ['"x"', 'Body must be JSON object'],
          [{}, 'Provide current_vcpus and/or current_memory_mb'],
          [{ current_vcpus: null, persist: true }, 'Provide current_vcpus and/or current_memory_mb'],
          [{ current_vcpus: '²' }, 'current_vcpus must be int'],
          [{ current_vcpus: '２' }, 'current_vcpus must be int'],
          [{ current_vcpus: '' }, 'current_vcpus must be int'],
          [{ current_vcpus: ' 2' }, 'current_vcpus must be int'],
          [{ current_vcpus: '+2' }, 'current_vcpus must be int'],
          [{ current_vcpus: 1.5 }, 'current_vcpus must be int'],
          [{ current_vcpus: true }, 'current_vcpus must be int'],
          [{ current_vcpus: [2] }, 'current_vcpus must be int'],
          [{ current_vcpus: -1 }, 'current_vcpus must be >= 1'],
          [{ current_memory_mb: '0' }, 'current_memory_mb must be >= 1'],
          [{ current_memory_mb: 1e300 }, 'current_memory_mb must be <= 2147483647'],
          [{ current_vcpus: 2, persist: 'false' }, 'persist must be boolean'],
          [{ current_vcpus: 2, persist: 0 }, 'persist must be boolean'],
          [{ current_vcpus: 2, vcpus: 3 }, "Additional properties are not allowed ('vcpus' was unexpected)"],
        ] as const) {
          refused(await adjust(id, body), 400, message);
        }
        refused(await adjust(id, '{"current_vcpus": '), 400, 'Malformed request body');
        assert.deepEqual(sizes(await settled(id, { current_vcpus: '2', current_memory_mb: null })), [2, 256]);
        await remove(id);
      });

      it('at every version, also without one', async () => {
        const id = await elastic();
        for (const version of ['2.1', '2.50', '2.104', 'latest']) {
          const body = { current_vcpus: 9 };
          const answer = await servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', version, body });
          refused(answer, 400, /at most 4 vCPUs/);
        }
        await remove(id);
      });
    });

    describe('row 13: bounds that contradict the flavor', () => {
      it('are refused when they are set, at every version, and when a flavor has them from before', async () => {
        await servers.world.flavor({ id: 'small', vcpus: 2, memoryMb: 1024 });
        for (const version of ['2.1', '2.61', '2.86', 'latest']) {
          for (const extra_specs of [
            { minimum_cpu: '3' },
            { minimum_cpu: '0' },
            { minimum_memory: '1025' },
            { minimum_cpu: '²' },
          ]) {
            const body = { extra_specs };
            const answer = await servers.request('POST', '/flavors/small/os-extra_specs', { version, body });
            refused(answer, 400, /^Validation failed; /);
          }
        }
        const extra_specs = JSON.stringify({ minimum_cpu: '3' });
        await servers.world.database.write('flavors').where('flavorid', 'small').update({ extra_specs });
        refused(await servers.post({ flavorRef: 'small' }), 400, /greater than the max value of 2/);
      });
    });

    describe('row 14: what the guest is made of', () => {
      it('hides virtualisation, and every vCPU but the first can go', async () => {
        const id = await elastic();
        const xml = new DOMParser().parseFromString(domainXml(guest(id).spec, place), 'text/xml');
        const all = (name: string) => Array.from(xml.getElementsByTagName(name));
        const features = all('feature').map((one) => [one.getAttribute('name'), one.getAttribute('policy')]);
        assert.deepEqual(features, [
          ['vmx', 'disable'],
          ['svm', 'disable'],
        ]);
        const vcpus = all('vcpus')[0]?.getElementsByTagName('vcpu');
        assert.deepEqual(
          Array.from(vcpus ?? []).map((one) => [one.getAttribute('enabled'), one.getAttribute('hotpluggable')]),
          [
            ['yes', 'no'],
            ['no', 'yes'],
            ['no', 'yes'],
            ['no', 'yes'],
          ],
        );
        const [balloon] = all('memballoon');
        assert.deepEqual(
          [balloon?.getAttribute('autodeflate'), balloon?.getAttribute('freePageReporting')],
          ['on', 'on'],
        );
        assert.ok(Number(all('stats')[0]?.getAttribute('period')) > 0);
        await remove(id);
      });
    });
  });
}
