// What an operator's hand does to guests past us: it is noticed by events and by reports, told in the server's history with
// before and after, claimed for even where the host has no room, and never taken back.

import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, describe, it } from 'node:test';
import { limits } from '../../src/base/limits.ts';
import { power, type Server } from '../../src/domain/servers/servers.ts';
import { type Adjusting, adjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';

interface Told {
  readonly action: string;
  readonly message: string | null;
  readonly user_id: string;
  readonly event: { readonly event: string; readonly result: string; readonly details: string };
}

for (const engine of engines) {
  describe(`a hand past us, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    let id: string;
    before(async () => {
      const inventory = { vcpus: 4, memoryMb: 4_096, diskGb: 400 };
      servers = await startServers({
        engine,
        hosts: [{ name: 'host-1', inventory }],
        config: { ratios: { cpu: 1, ram: 1, disk: 1 } },
      });
      kit = adjusting(servers);
    });
    after(() => servers.close());
    beforeEach(async () => {
      id = await servers.create({ flavorRef: ELASTIC });
    });
    afterEach(() => kit.remove(id));

    const outOfBand = () => kit.driver().outOfBand;
    const until = (what: (server: Server) => boolean) => kit.until(id, what);
    const history = async (): Promise<Told[]> => {
      const list = await servers.request('GET', `/servers/${id}/os-instance-actions`, { version: '2.84' });
      const told: Told[] = [];
      for (const { request_id } of list.body.instanceActions as { request_id: string }[]) {
        const path = `/servers/${id}/os-instance-actions/${request_id}`;
        const { instanceAction } = (await servers.request('GET', path, { version: '2.84' })).body;
        told.push({ ...instanceAction, event: instanceAction.events[0] });
      }
      return told;
    };
    const last = async () => {
      const [latest] = await history();
      assert.ok(latest);
      const { action, message, event } = latest;
      return [action, message, event.event, event.result, event.details];
    };
    const GROWN = 'The size changed on the host without a request: 1 vCPUs before, 3 now.';

    it('plugs vCPUs: recorded, shown, and claimed beyond what the host has', async () => {
      const neighbour = await kit.elastic();
      await kit.settled(neighbour, { current_vcpus: 2 });
      outOfBand().setvcpus(id, 3);
      await until(({ currentVcpus }) => currentVcpus === 3);
      assert.deepEqual(await last(), ['adjust', null, 'guest_changed', 'Success', GROWN]);
      const shown = await kit.look(id);
      assert.deepEqual(
        [shown.status, shown.message, shown.vcpus.current, shown.vcpus.target, shown.vcpus.claimed],
        ['idle', GROWN, 3, 1, 3],
      );
      assert.equal((await kit.claimedOnHost()).vcpus, 5, 'of 4');
      const another = await servers.post({ flavorRef: ELASTIC });
      await servers.world.settled();
      assert.equal((await servers.show(another.body.server.id)).status, 'ERROR', 'no more is let in');
      await kit.remove(another.body.server.id, neighbour);
      // nobody takes it back by himself; an adjustment does
      await kit.report();
      assert.deepEqual(kit.guest(id).size, { vcpus: 3, memoryMb: 256 });
      const after = await kit.settled(id, { current_vcpus: 1 });
      assert.deepEqual([after.status, after.message, after.vcpus.current, after.vcpus.claimed], ['idle', null, 1, 1]);
    });

    it('moves the balloon: a move in several steps is one record', async () => {
      for (const memoryMb of [300, 700, 2_048]) {
        outOfBand().setmem(id, memoryMb);
        await until(({ currentMemoryMb }) => currentMemoryMb === memoryMb);
      }
      const text = 'The size changed on the host without a request: 256 MiB before, 2048 MiB now.';
      assert.deepEqual(await last(), ['adjust', null, 'guest_changed', 'Success', text]);
      assert.deepEqual(
        (await history()).map(({ action }) => action),
        ['adjust', 'create'],
      );
      assert.deepEqual(await kit.claimOf(id), [1, 2_048]);
      outOfBand().setmem(id, 256);
      await until(({ currentMemoryMb }) => currentMemoryMb === 256);
      assert.equal((await last())[4], 'The size changed on the host and came back.');
      const shown = await kit.look(id);
      assert.deepEqual([shown.message, shown.memory_mb.claimed], [null, 256]);
    });

    it('moves it again later: that is another record', async () => {
      outOfBand().setmem(id, 512);
      await until(({ currentMemoryMb }) => currentMemoryMb === 512);
      const long = limits.driftQuietMs + 1_000;
      await servers.world.database
        .write('instance_actions')
        .where({ server_uuid: id })
        .decrement('updated_at', long)
        .decrement('start_time', long);
      outOfBand().setmem(id, 300);
      await until(({ currentMemoryMb }) => currentMemoryMb === 300);
      assert.deepEqual(
        (await history()).map(({ event }) => event.details ?? null),
        [
          'The size changed on the host without a request: 512 MiB before, 300 MiB now.',
          'The size changed on the host without a request: 256 MiB before, 512 MiB now.',
          null,
        ],
      );
    });

    it('does not cover why an adjustment was not reached, nor fill its history', async () => {
      for (const answer of ['partial:50', 'refuse:memory']) {
        kit.driver().behave(id, answer);
        const asked = await kit.settled(id, { current_memory_mb: 4_000 });
        assert.match(asked.status, /^(partial|error)$/);
        const before = (await history()).length;
        // a guest that could not give or take it goes on trying
        for (const memoryMb of [900, 850, 870, 820]) {
          outOfBand().setmem(id, memoryMb);
          await until(({ currentMemoryMb }) => currentMemoryMb === memoryMb);
          const { status, message } = await kit.look(id);
          assert.deepEqual([status, message], [asked.status, asked.message]);
        }
        assert.equal((await history()).length, before);
        // what nobody asked for is told, beside the reason
        const { current } = asked.vcpus;
        outOfBand().setvcpus(id, current + 1);
        await until(({ currentVcpus }) => currentVcpus === current + 1);
        assert.equal((await kit.look(id)).message, asked.message);
        assert.equal((await history()).length, before + 1);
      }
    });

    it('is found by the next report where the events were lost', async () => {
      const guest = kit.guest(id);
      kit.driver().store.put({ ...guest, pluggedVcpus: 3, size: { vcpus: 3, memoryMb: 256 } });
      await kit.report();
      await until(({ currentVcpus }) => currentVcpus === 3);
      assert.equal((await last())[4], GROWN);
      kit.driver().store.put({ ...kit.guest(id), powerState: power.shutdown });
      await kit.report();
      await until(({ vmState }) => vmState === 'stopped');
      assert.equal((await last())[4], 'The guest changed on the host without a request: running before, shutdown now.');
    });

    it('switches off and on: the size of its boot, recorded both times', async () => {
      await kit.settled(id, { current_vcpus: 2, persist: false });
      outOfBand().destroy(id);
      await until(({ vmState }) => vmState === 'stopped');
      const off =
        'The guest changed on the host without a request: running before, shutdown now (it was switched off).';
      assert.deepEqual(await last(), ['stop', null, 'guest_changed', 'Success', off]);
      assert.deepEqual(await kit.claimOf(id), [1, 256]);
      outOfBand().start(id);
      await until(({ vmState }) => vmState === 'active');
      const on = 'The guest changed on the host without a request: shutdown before, running now.';
      assert.deepEqual(await last(), ['start', null, 'guest_changed', 'Success', on]);
      assert.deepEqual(kit.sizes(await kit.look(id)), [1, 256]);
    });

    it('freezes and lets go on: nothing of the size is lost, not even one that ends with the next power cycle', async () => {
      await kit.settled(id, { current_vcpus: 2, persist: false });
      outOfBand().suspend(id);
      await until(({ vmState }) => vmState === 'paused');
      assert.deepEqual((await last()).slice(0, 2), ['pause', null]);
      outOfBand().resume(id);
      await until(({ vmState }) => vmState === 'active');
      const text = 'The guest changed on the host without a request: paused before, running now.';
      assert.deepEqual((await last())[4], text);
      const shown = await kit.look(id);
      assert.deepEqual([shown.vcpus.current, shown.vcpus.target, shown.persist, shown.status], [2, 2, false, 'idle']);
    });

    it('takes the guest away: recorded as an error, nothing is given back or built anew', async () => {
      await kit.settled(id, { current_vcpus: 2 });
      const guest = kit.guest(id);
      kit.driver().store.remove(id);
      await kit.report();
      await until(({ powerState }) => powerState === power.noState);
      const gone = 'The guest is gone from its host without a request: running before.';
      assert.deepEqual(await last(), ['stop', 'Error', 'guest_changed', 'Error', gone]);
      assert.deepEqual(await kit.claimOf(id), [2, 256]);
      await kit.report();
      assert.equal((await history()).filter(({ message }) => message === 'Error').length, 1, 'told once');
      kit.driver().store.put(guest);
      await kit.report();
      await until(({ powerState }) => powerState === power.running);
    });

    it('on a server in ERROR: its claim follows, it stays in ERROR', async () => {
      await servers.set(id, { vm_state: 'error' });
      outOfBand().setvcpus(id, 3);
      await until(({ currentVcpus }) => currentVcpus === 3);
      assert.deepEqual(await kit.claimOf(id), [3, 256]);
      outOfBand().destroy(id);
      const off = await until(({ powerState }) => powerState === power.shutdown);
      assert.equal(off.vmState, 'error');
      assert.deepEqual(await kit.claimOf(id), [1, 256]);
    });

    it('while an action is under way: the action ends, and then the row follows', async () => {
      await servers.world.gated(['snapshot'], async (gate) => {
        assert.equal((await servers.act(id, { createImage: { name: 'image' } })).status, 202);
        await gate.reached('snapshot');
        outOfBand().setvcpus(id, 2);
      });
      await servers.world.settled();
      await kit.report();
      await until(({ currentVcpus }) => currentVcpus === 2);
      assert.deepEqual(await kit.claimOf(id), [2, 256]);
    });

    it('plugs vCPUs into a guest without an agent, of which only the host can tell', async () => {
      kit.driver().behave(id, 'mute');
      outOfBand().setvcpus(id, 3);
      await until(({ currentVcpus }) => currentVcpus === 3);
      assert.deepEqual(await kit.claimOf(id), [3, 256]);
      assert.equal((await last())[4], GROWN);
    });

    it('vCPUs that its own user turns off inside are no hand of an operator', async () => {
      await kit.settled(id, { current_vcpus: 2 });
      const guest = kit.guest(id);
      kit.driver().store.put({ ...guest, size: { vcpus: 1, memoryMb: 256 } });
      await kit.report();
      await until(({ currentVcpus }) => currentVcpus === 1);
      assert.deepEqual(
        (await history()).map(({ action, event }) => [action, event.event]),
        [
          ['adjust', 'adjust_guest'],
          ['create', 'compute__do_build_and_run_instance'],
        ],
      );
      assert.deepEqual(await kit.claimOf(id), [2, 256]);
    });
  });
}
