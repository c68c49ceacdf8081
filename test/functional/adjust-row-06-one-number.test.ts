// Row 6 of the table of live adjustment. In the old way placement, hypervisor statistics, usage and quota disagreed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Adjusting, startAdjusting } from '../support/adjusting.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { PLAIN, type Servers } from '../support/servers.ts';

const project = callers.member.projectId as string;

for (const engine of engines) {
  describe(`row 6: one number, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    const get = async (path: string, version?: string) => {
      const answer = await servers.request('GET', path, version === undefined ? {} : { version });
      assert.equal(answer.status, 200, answer.text);
      return answer.body;
    };
    /** vCPUs and MiB, everywhere where somebody is told of them. */
    const told = async (id: string): Promise<Record<string, readonly number[]>> => {
      const [{ vcpus_used: ofAll, memory_mb_used: mbOfAll }, one] = [
        (await get('/os-hypervisors/statistics', '2.87')).hypervisor_statistics,
        (await get('/os-hypervisors/detail', '2.87')).hypervisors[0],
      ];
      const { cores, ram } = (await get(`/os-quota-sets/${project}/detail`)).quota_set;
      const limits = (await servers.request('GET', '/limits', { as: 'member' })).body.limits.absolute;
      const { server_usages: usages } = (await get(`/os-simple-tenant-usage/${project}?detailed=1`)).tenant_usage;
      const mine = usages.find(({ instance_id }: { instance_id: string }) => instance_id === id);
      const { vcpus, memory_mb } = await kit.look(id);
      return {
        claim: (await kit.claimOf(id)) as number[],
        resource: [vcpus.claimed, memory_mb.claimed],
        statistics: [ofAll, mbOfAll],
        hypervisor: [one.vcpus_used, one.memory_mb_used],
        quota: [cores.in_use, ram.in_use],
        limits: [limits.totalCoresUsed, limits.totalRAMUsed],
        usage: [mine.vcpus, mine.memory_mb],
      };
    };
    const allSay = async (id: string, vcpus: number, memoryMb: number) => {
      const said = await told(id);
      assert.deepEqual(said, Object.fromEntries(Object.keys(said).map((who) => [who, [vcpus, memoryMb]])));
    };

    it('is told by all, when it grows, shrinks, is only partly reached, is off, and is changed on the host', async () => {
      const id = await kit.elastic();
      await allSay(id, 1, 256);
      await kit.settled(id, { current_vcpus: 4, current_memory_mb: 2048 });
      await allSay(id, 4, 2048);
      await kit.settled(id, { current_vcpus: 2, current_memory_mb: 512 });
      await allSay(id, 2, 512);
      kit.driver().behave(id, 'partial:50');
      await kit.settled(id, { current_memory_mb: 1512 });
      await allSay(id, 2, 1012);
      kit.driver().behave(id, 'offline');
      await kit.settled(id, { current_vcpus: 1 });
      await allSay(id, 2, 1012);
      await kit.done(id, { 'os-stop': null });
      await kit.settled(id, { current_vcpus: 3 });
      await allSay(id, 3, 1012);
      await kit.done(id, { 'os-start': null });
      kit.driver().outOfBand.setmem(id, 4096);
      await kit.report();
      await kit.reaches(id, 3, 4096);
      await allSay(id, 3, 4096);
      await kit.remove(id);
    });

    it('sums up over servers, and nothing is left of those that are gone', async () => {
      const [a, b] = [await kit.elastic(), await servers.create({ flavorRef: PLAIN })];
      await kit.settled(a, { current_vcpus: 3 });
      const { hypervisor, quota, limits, statistics } = await told(a);
      assert.deepEqual(
        [hypervisor, quota, limits, statistics],
        Array.from({ length: 4 }, () => [4, 768]),
      );
      await kit.remove(a, b);
      const after = (await get('/os-hypervisors/detail', '2.87')).hypervisors[0];
      assert.deepEqual([after.vcpus_used, after.memory_mb_used], [0, 0]);
    });
  });
}
