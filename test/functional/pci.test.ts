// Devices of hosts: what flavors ask for by alias is placed where it is free, handed to one guest only, kept through every move and given
// back; and refused in Nova's words.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { checkClaims, findClaim } from '../../src/db/claims.ts';
import { listHosts } from '../../src/db/hosts.ts';
import { readAliases } from '../../src/domain/pci/pci-alias.ts';
import { readDivision } from '../../src/virt/host-cells.ts';
import { readDeviceSpecs } from '../../src/virt/host-devices.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { testImage, uuidOf } from '../support/neighbours.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';

/** Two GPUs, one at each of two nodes, and a card with four functions. */
const machine = {
  numaNodes: 2,
  division: readDivision({ cpu_dedicated_set: '2-7,10-15', cpu_shared_set: '0-1,8-9', reserved_huge_pages: '' }),
  deviceSpecs: readDeviceSpecs([{ vendor_id: '10de' }, { address: '0000:81:00.0' }]),
};
const inventory = { vcpus: 16, memoryMb: 32_768, diskGb: 400 };
const HOSTS = [
  ...['pci-1', 'pci-2'].map((name) => ({ name, inventory, machine })),
  // the same machine, whose operator hands nothing out
  { name: 'plain', inventory, machine: { numaNodes: 2 } },
];
const pciAliases = readAliases([
  { name: 'gpu', vendor_id: '10de', product_id: '1db6', device_type: 'type-PCI' },
  { name: 'near', vendor_id: '10de', product_id: '1db6', numa_policy: 'required' },
  { name: 'card', vendor_id: '8086', product_id: '1572', device_type: 'type-PF' },
  { name: 'function', vendor_id: '8086', product_id: '154c', device_type: 'type-VF' },
]);

const flavors = {
  gpu: { 'pci_passthrough:alias': 'gpu:1' },
  both: { 'pci_passthrough:alias': 'gpu:1, function:2' },
  card: { 'pci_passthrough:alias': 'card:1' },
  function: { 'pci_passthrough:alias': 'function:1' },
  near: { 'pci_passthrough:alias': 'near:1', 'hw:cpu_policy': 'dedicated' },
  unknown: { 'pci_passthrough:alias': 'gpu:1, fpga:2' },
};
const asking = (name: keyof typeof flavors) => `asks-${name}`;

const NOWHERE = 'No valid host was found. There are not enough hosts available.';

const bad = (answer: Answer, message: string) => {
  assert.equal(answer.status, 400, answer.text);
  assert.equal(answer.body.badRequest.message, message);
};

for (const engine of engines) {
  describe(`devices of hosts on ${engine}`, () => {
    let servers: Servers;
    const image = testImage({ id: uuidOf('near'), properties: { hw_pci_numa_affinity_policy: 'required' } });
    before(async () => {
      servers = await startServers({ engine, hosts: HOSTS, config: { pciAliases } });
      await servers.world.images.add(image);
      for (const [name, specs] of Object.entries(flavors)) {
        await servers.world.flavor({ id: asking(name as keyof typeof flavors), vcpus: 1, memoryMb: 512, specs });
      }
    });
    after(() => servers.close());

    const hostOf = async (id: string) =>
      (await servers.show(id, { as: 'admin', version: '2.100' }))['OS-EXT-SRV-ATTR:host'] as string;
    const act = async (id: string, body: object, as: 'member' | 'admin' = 'member', version = '2.1') => {
      const answer = await servers.act(id, body, { as, version });
      assert.ok(answer.status < 300, answer.text);
      await servers.world.settled();
    };
    /** Addresses of what is taken, by host; hosts of which nothing is are left out. */
    const taken = async (): Promise<Record<string, readonly string[]>> =>
      Object.fromEntries(
        (await listHosts(servers.world.database.read)).flatMap(({ host, pciTaken }) =>
          pciTaken === null ? [] : [[host, pciTaken.map(({ address }) => address)]],
        ),
      );
    const remove = async (...ids: string[]) => {
      for (const id of ids) await servers.request('DELETE', `/servers/${id}`, { as: 'member' });
      await servers.world.settled();
      assert.deepEqual(await taken(), {});
      assert.deepEqual(await checkClaims(servers.world.database.read), []);
    };
    /** What the guest itself was told, on the host where it is: the same as its claim says. */
    const told = async (id: string): Promise<readonly string[]> => {
      const { id: number } = await servers.world.server(id);
      const claim = await findClaim(servers.world.database.read, number);
      const spec = servers.world.drivers.get(await hostOf(id))?.store.get(id)?.spec;
      assert.deepEqual(
        spec?.hostDevices,
        (claim?.pci ?? []).map(({ address }) => address),
      );
      assert.deepEqual(await checkClaims(servers.world.database.read), []);
      return spec.hostDevices;
    };
    const status = async (id: string) => (await servers.show(id, { as: 'admin' })).status as string;
    const explain = async (flavor: string): Promise<Record<string, unknown>> => {
      const body = { flavor_id: flavor };
      const answer = await servers.request('POST', '/os-xloud-scheduler/explain', { as: 'admin', body });
      return Object.fromEntries(
        answer.body.hosts.map(({ host, refusals }: { host: string; refusals: unknown }) => [host, refusals]),
      );
    };

    it('a server gets what its flavor asks for, and gives it back', async () => {
      const id = await servers.create({ flavorRef: asking('both') });
      const devices = await told(id);
      assert.deepEqual(
        devices.map((address) => address.slice(0, 10)),
        ['0000:3b:00', '0000:81:02', '0000:81:02'],
      );
      assert.match(await hostOf(id), /^pci-/);
      assert.deepEqual(await taken(), { [await hostOf(id)]: devices });
      const plain = await servers.create({ flavorRef: PLAIN });
      assert.deepEqual(await told(plain), []);
      await remove(id, plain);
    });

    it('what is taken is refused to others, with the reason, until it is given back', async () => {
      const ids: string[] = [];
      for (let one = 0; one < 4; one += 1) ids.push(await servers.create({ flavorRef: asking('gpu') }));
      const late = await servers.create({ flavorRef: asking('gpu') });
      assert.equal(await status(late), 'ERROR');
      assert.equal((await servers.show(late)).fault.message, NOWHERE);
      assert.match((await servers.show(late, { as: 'admin' })).fault.details, /PciPassthroughFilter/);
      const refusal = [{ filter: 'PciPassthroughFilter', reason: 'has 0 free devices gpu, not 1' }];
      assert.deepEqual(await explain(asking('gpu')), { 'pci-1': refusal, 'pci-2': refusal, plain: refusal });
      const [first = '', ...others] = ids;
      await servers.request('DELETE', `/servers/${first}`, { as: 'member' });
      await servers.world.settled();
      const next = await servers.create({ flavorRef: asking('gpu') });
      assert.equal(await status(next), 'ACTIVE');
      await remove(...others, next, late);
    });

    it('many who ask at once share out what there is: no device goes to two', async () => {
      const answers = await Promise.all(
        Array.from({ length: 16 }, () => servers.post({ flavorRef: asking('function') })),
      );
      await servers.world.settled();
      const ids = answers.map(({ body }) => body.server.id as string);
      const list: { id: string; status: string }[] = (await servers.request('GET', '/servers/detail', { as: 'member' }))
        .body.servers;
      const active = list.filter((one) => one.status === 'ACTIVE').map(({ id }) => id);
      assert.equal(active.length, 8);
      const places = await Promise.all(active.map(async (id) => `${await hostOf(id)} ${(await told(id)).join()}`));
      assert.equal(new Set(places).size, 8);
      await remove(...ids);
    });

    it('those asked for together come all or none', async () => {
      const ask = async (count: number): Promise<string[]> => {
        const answer = await servers.post({ flavorRef: asking('gpu'), min_count: count, max_count: count });
        assert.equal(answer.status, 202, answer.text);
        await servers.world.settled();
        const { body } = await servers.request('GET', '/servers/detail', { as: 'member' });
        return body.servers.map((one: { status: string }) => one.status);
      };
      assert.deepEqual(new Set(await ask(5)), new Set(['ERROR']));
      assert.deepEqual(await taken(), {});
      assert.equal((await ask(4)).filter((one) => one === 'ACTIVE').length, 4);
      const { body } = await servers.request('GET', '/servers', { as: 'member' });
      await remove(...body.servers.map(({ id }: { id: string }) => id));
    });

    it('a card is handed over whole or in parts', async () => {
      const whole = await servers.create({ flavorRef: asking('card') });
      assert.deepEqual(await told(whole), ['0000:81:00.0']);
      const part = await servers.create({ flavorRef: asking('function') });
      assert.notEqual(await hostOf(part), await hostOf(whole));
      const another = await servers.create({ flavorRef: asking('card') });
      assert.equal(await status(another), 'ERROR');
      await remove(whole, part, another);
    });

    it('a server with CPUs of its own gets a device near them, wherever it would lie else', async () => {
      const ids = [
        await servers.create({ flavorRef: asking('near') }),
        await servers.create({ flavorRef: asking('near') }),
      ];
      const more = [
        await servers.create({ flavorRef: asking('near') }),
        await servers.create({ flavorRef: asking('near') }),
      ];
      for (const id of [...ids, ...more]) {
        const { id: number } = await servers.world.server(id);
        const claim = await findClaim(servers.world.database.read, number);
        const node = claim?.numa?.cells[0]?.hostNode;
        assert.deepEqual(await told(id), [node === 0 ? '0000:3b:00.0' : '0000:af:00.0']);
      }
      await remove(...ids, ...more);
    });

    it('moves take along what the flavor asks for, and give back that of before', async () => {
      const id = await servers.create({ flavorRef: PLAIN });
      await act(id, { resize: { flavorRef: asking('both') } });
      assert.equal((await told(id)).length, 3);
      const there = await hostOf(id);
      await act(id, { revertResize: null });
      assert.deepEqual([await told(id), await taken()], [[], {}]);
      await act(id, { resize: { flavorRef: asking('both') } });
      await act(id, { confirmResize: null });
      assert.deepEqual(Object.keys(await taken()), [await hostOf(id)]);

      const first = await hostOf(id);
      const other = first === 'pci-1' ? 'pci-2' : 'pci-1';
      await act(id, { migrate: null }, 'admin');
      assert.equal(await hostOf(id), other);
      // both hosts are held until somebody decides
      assert.deepEqual(Object.keys(await taken()).toSorted(), ['pci-1', 'pci-2']);
      await act(id, { confirmResize: null });
      assert.deepEqual(await taken(), { [other]: await told(id) });

      await act(id, { resize: { flavorRef: PLAIN } });
      await act(id, { confirmResize: null });
      assert.deepEqual([await told(id), await taken()], [[], {}]);
      assert.match(there, /^pci-/);
      await remove(id);
    });

    it('a server whose host died has devices of another', async () => {
      const id = await servers.create({ flavorRef: asking('gpu') });
      const dead = await hostOf(id);
      const down = (forced: boolean) =>
        servers.request('PUT', '/os-services/force-down', {
          version: '2.11',
          body: { host: dead, binary: 'nova-compute', forced_down: forced },
        });
      await down(true);
      await act(id, { evacuate: {} }, 'admin', '2.100');
      assert.notEqual(await hostOf(id), dead);
      assert.deepEqual(await taken(), { [await hostOf(id)]: await told(id) });
      await down(false);
      await servers.world.worker().reconcile();
      await remove(id);
    });

    it('a server that is rebuilt, restarted or shelved has devices again', async () => {
      const id = await servers.create({ flavorRef: asking('gpu') });
      const before = await told(id);
      for (const body of [{ rebuild: { imageRef: servers.imageId } }, { reboot: { type: 'HARD' } }]) {
        await act(id, body);
        assert.deepEqual(await told(id), before);
      }
      await act(id, { 'os-stop': null });
      await act(id, { 'os-start': null });
      assert.deepEqual(await told(id), before);
      await act(id, { shelve: null });
      assert.deepEqual([await status(id), await taken()], ['SHELVED_OFFLOADED', {}]);
      await act(id, { unshelve: null });
      assert.equal((await told(id)).length, 1);
      await remove(id);
    });

    it('a running guest with devices is neither stored nor moved', async () => {
      const id = await servers.create({ flavorRef: asking('gpu') });
      const suspended = await servers.act(id, { suspend: null });
      assert.equal(suspended.status, 409);
      assert.equal(
        suspended.body.conflictingRequest.message,
        `Cannot 'suspend' instance ${id} while it has PCI devices of its host`,
      );
      const move = { 'os-migrateLive': { host: null, block_migration: 'auto' } };
      const text = 'Migration pre-check error: This request does not explicitly request live-migratable devices.';
      bad(await servers.act(id, move, { as: 'admin', version: '2.30' }), text);
      // later versions answer first, and the action tells
      await act(id, move, 'admin', '2.34');
      const { body } = await servers.request('GET', `/servers/${id}/migrations`, { as: 'admin', version: '2.34' });
      assert.deepEqual(body.migrations, []);
      assert.deepEqual([await status(id), Object.keys(await taken())], ['ACTIVE', [await hostOf(id)]]);
      const actions = (await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'admin' })).body;
      const [last] = actions.instanceActions;
      assert.deepEqual([last.action, last.message], ['live-migration', 'Error']);
      await remove(id);
    });

    it('what is not defined, or contradicts itself, is refused before anything is promised', async () => {
      const undefinedAlias = 'PCI alias fpga is not defined';
      bad(await servers.post({ flavorRef: asking('unknown') }), undefinedAlias);
      const id = await servers.create({ flavorRef: PLAIN });
      bad(await servers.act(id, { resize: { flavorRef: asking('unknown') } }), undefinedAlias);
      assert.equal(await status(id), 'ACTIVE');
      const body = { flavor_id: asking('unknown') };
      bad(await servers.request('POST', '/os-xloud-scheduler/explain', { as: 'admin', body }), undefinedAlias);
      const legacy = await servers.world.flavor({
        ...{ id: 'asks-legacy', vcpus: 1, memoryMb: 512 },
        specs: { ...flavors.gpu, 'hw:pci_numa_affinity_policy': 'legacy' },
      });
      const forbidden = await servers.post({ flavorRef: legacy, imageRef: image.id });
      assert.equal(forbidden.status, 403);
      assert.equal(
        forbidden.body.forbidden.message,
        "Image property 'hw_pci_numa_affinity_policy' is not permitted to override the 'hw:pci_numa_affinity_policy' flavor extra spec.",
      );
      await remove(id);
    });

    it('an elastic flavor has no devices, whichever of its specs came first', async () => {
      const text =
        "A server with devices of its host has a fixed amount of memory: the extra spec 'minimum_memory' must equal the flavor's " +
        'ram, or be absent.';
      const set = (flavor: string, specs: object) =>
        servers.request('POST', `/flavors/${flavor}/os-extra_specs`, { as: 'admin', body: { extra_specs: specs } });
      bad(await set(ELASTIC, flavors.gpu), text);
      bad(await set(asking('gpu'), { minimum_memory: '256' }), text);
    });
  });
}
