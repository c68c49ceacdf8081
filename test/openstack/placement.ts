// Why: who plans by Placement sees what runs: hosts with what their hypervisors have, and a server's allocation wherever it goes and whatever it
// becomes, in the words of the stock client's plugin.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../support/serve.ts';
import { type Json, NEW, PATIENCE_MS, type World } from './world.ts';

const NEWEST = ['--os-placement-api-version', '1.38'];

/** @param given of the whole cloud, with image `guest` and flavor `elastic`, of 1 to 2 vCPUs and 256 to 512 MiB */
export function describePlacement(given: () => { readonly world: World }): void {
  describe('Placement', { concurrency: 1 }, () => {
    const shown = (...words: string[]): Promise<Json> => given().world.json('xloud', ...NEWEST, ...words);
    const providers = async (): Promise<ReadonlyMap<string, string>> =>
      new Map((await shown('resource', 'provider', 'list')).map((one: Json) => [one.name, one.uuid]));
    const allocation = (id: string): Promise<Json[]> => shown('resource', 'provider', 'allocation', 'show', id);
    const becomes = (what: string, look: () => Promise<boolean>) =>
      eventually(what, PATIENCE_MS, async () => ((await look()) ? true : null), 1_000);

    it('has each host, with what its hypervisor has and can do', { timeout: PATIENCE_MS }, async () => {
      await becomes('both hosts', async () => (await providers()).size === 2);
      for (const [name, uuid] of await providers()) {
        const host = await given().world.json('xloud', 'hypervisor', 'show', name, '--os-compute-api-version', '2.53');
        assert.equal(host.id, uuid);
        const inventory: Json[] = await shown('resource', 'provider', 'inventory', 'list', uuid);
        const total = Object.fromEntries(inventory.map((one) => [one.resource_class, one.total]));
        assert.deepEqual(total, { VCPU: host.vcpus, MEMORY_MB: host.memory_mb, DISK_GB: host.local_gb });
        const traits = new Set(
          (await shown('resource', 'provider', 'trait', 'list', uuid)).map((one: Json) => one.name),
        );
        for (const trait of ['COMPUTE_NODE', 'COMPUTE_STORAGE_BUS_VIRTIO', 'HW_ARCH_X86_64'])
          assert.ok(traits.has(trait), `${name}: ${trait}`);
      }
    });

    it('has what a guest has as it grows, moves and ends', { timeout: 3 * PATIENCE_MS }, async () => {
      const { world } = given();
      const wish = ['--image', 'guest', '--flavor', 'elastic', '--network', 'lan', '--wait'];
      await world.openstack('demo', 'server', 'create', 'planned', ...wish);
      const id = await world.idOf('planned');
      const has = async (vcpus: number, memoryMb: number): Promise<boolean> => {
        const [one, ...more] = await allocation(id);
        if (one === undefined || more.length > 0) return false;
        assert.equal(one.consumer_type, 'INSTANCE');
        const { VCPU, MEMORY_MB, DISK_GB } = one.resources;
        const host = await world.hostOf('planned');
        return (
          one.resource_provider === (await providers()).get(host) &&
          [VCPU, MEMORY_MB, DISK_GB].join() === [vcpus, memoryMb, 1].join()
        );
      };
      await becomes('its allocation', () => has(1, 256));
      const { status } = await world.ask('demo', 'POST', `/compute/v2.1/os-xloud-adjust/${id}`, {
        current_vcpus: 2,
        current_memory_mb: 512,
      });
      assert.equal(status, 202);
      await becomes('its growth', () => has(2, 512));
      const from = await world.hostOf('planned');
      const to = from === 'compute-1' ? 'compute-2' : 'compute-1';
      await world.openstack('xloud', 'server', 'migrate', '--live-migration', '--host', to, ...NEW, '--wait', id);
      await becomes('its move', async () => (await world.hostOf('planned')) === to && (await has(2, 512)));
      await world.openstack('demo', 'server', 'delete', '--wait', id);
      await becomes('its end', async () => (await allocation(id)).length === 0);
    });
  });
}
