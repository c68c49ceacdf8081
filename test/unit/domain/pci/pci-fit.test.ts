// Whatever a host has, whatever is taken and asked for: nobody gets a device of somebody else's, and a refusal has a reason.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { HostCell } from '../../../../src/domain/numa/numa.ts';
import type { PciPolicy, AliasRequest } from '../../../../src/domain/pci/pci-alias.ts';
import { fitPci, nodesNearDevices, type PciHost } from '../../../../src/domain/pci/pci-fit.ts';
import {
  type PciDevice,
  type PciType,
  type TakenDevice,
  whileTaken,
  withDevices,
} from '../../../../src/domain/pci/pci.ts';

const cells: readonly HostCell[] = [0, 1, 2, 3].map((id) => ({
  ...{ id, cpus: [id], memoryMb: 1024, socket: Math.floor(id / 2) },
}));

let groups = 0;
const device = (address: string, more: Partial<PciDevice> = {}): PciDevice => ({
  ...{ address, parent: null, iommuGroup: (groups += 1), vendorId: '10de', productId: 'aaaa', type: 'type-PCI' },
  ...{ numaNode: 0 },
  ...more,
});

/** A card with its functions. */
const card = (bus: string, functions: number, numaNode: number | null = 0): PciDevice[] => [
  device(`0000:${bus}:00.0`, { vendorId: '8086', productId: 'ffff', type: 'type-PF', numaNode }),
  ...Array.from({ length: functions }, (_, number) =>
    device(`0000:${bus}:01.${number}`, {
      ...({ vendorId: '8086', productId: 'eeee', type: 'type-VF', numaNode } as const),
      parent: `0000:${bus}:00.0`,
    }),
  ),
];

const asks = (
  vendorId: string,
  productId: string,
  type: PciType | null,
  count: number,
  policy: PciPolicy = 'legacy',
): AliasRequest => ({ alias: `${vendorId}:${productId}`, count, policy, matches: [{ vendorId, productId, type }] });

const gpus = (count: number, policy?: PciPolicy) => asks('10de', 'aaaa', 'type-PCI', count, policy);
const wholes = (count: number) => asks('8086', 'ffff', 'type-PF', count);
const functions = (count: number) => asks('8086', 'eeee', 'type-VF', count);

const host = (devices: readonly PciDevice[], taken: readonly TakenDevice[] | null = null): PciHost => ({
  ...{ devices, taken, cells },
});

const anywhere = new Set<number>();
const addresses = (fit: ReturnType<typeof fitPci>) => fit.devices?.map(({ address }) => address) ?? fit.reason;

describe('the devices of a server', () => {
  it('are those of the alias, and no others', () => {
    const devices = [device('0000:01:00.0'), device('0000:02:00.0', { productId: 'bbbb' }), ...card('81', 2)];
    assert.deepEqual(addresses(fitPci(host(devices), [gpus(1)], anywhere)), ['0000:01:00.0']);
    assert.equal(fitPci(host(devices), [gpus(2)], anywhere).reason, 'has 1 free devices 10de:aaaa, not 2');
    assert.equal(fitPci(host([]), [gpus(1)], anywhere).reason, 'has 0 free devices 10de:aaaa, not 1');
    // a whole card is given only to who asks for one
    assert.equal(fitPci(host(devices), [asks('8086', 'ffff', null, 1)], anywhere).devices, null);
    assert.deepEqual(addresses(fitPci(host(devices), [wholes(1)], anywhere)), ['0000:81:00.0']);
  });

  it('a card is whole or divided', () => {
    const devices = card('81', 2);
    const whole = fitPci(host(devices), [wholes(1)], anywhere).devices;
    const part = fitPci(host(devices), [functions(1)], anywhere).devices;
    assert.match(fitPci(host(devices, whole), [functions(1)], anywhere).reason ?? '', /has 0 free/);
    assert.match(fitPci(host(devices, part), [wholes(1)], anywhere).reason ?? '', /has 0 free/);
    assert.deepEqual(addresses(fitPci(host(devices, part), [functions(1)], anywhere)), ['0000:81:01.1']);
    assert.equal(
      fitPci(host(devices), [wholes(1), functions(1)], anywhere).reason,
      'has free devices of each alias, but not for all that are asked for at once',
    );
    // what became of the offer since does not matter
    assert.match(fitPci(host(devices.slice(0, 1), part), [wholes(1)], anywhere).reason ?? '', /has 0 free/);
  });

  it('whole cards stay whole where they can, and the one with the fewest functions goes first', () => {
    const devices = [...card('81', 4), ...card('82', 2)];
    const taken = [devices[6] as PciDevice];
    assert.deepEqual(addresses(fitPci(host(devices, taken), [functions(1)], anywhere)), ['0000:82:01.1']);
    assert.deepEqual(addresses(fitPci(host(devices), [functions(4), wholes(1)], anywhere)), [
      '0000:82:00.0',
      ...[0, 1, 2, 3].map((number) => `0000:81:01.${number}`),
    ]);
  });

  it('one that fits two aliases is left to the one that needs it', () => {
    const devices = [device('0000:01:00.0'), device('0000:02:00.0', { productId: 'bbbb' })];
    const either: AliasRequest = {
      ...gpus(1),
      matches: [...gpus(1).matches, ...asks('10de', 'bbbb', null, 1).matches],
    };
    assert.deepEqual(addresses(fitPci(host(devices), [either, gpus(1)], anywhere)), ['0000:02:00.0', '0000:01:00.0']);
  });

  it('devices that can reach each other belong to one server', () => {
    const devices = [device('0000:01:00.0', { iommuGroup: 7 }), device('0000:01:00.1', { iommuGroup: 7 })];
    assert.equal(fitPci(host(devices), [gpus(2)], anywhere).devices?.length, 2);
    assert.match(fitPci(host(devices, devices.slice(0, 1)), [gpus(1)], anywhere).reason ?? '', /has 0 free/);
  });

  it('lie where the policy says, if the server has nodes', () => {
    const devices = [
      ...[0, 1, 2].map((node) => device(`0000:0${node}:00.0`, { numaNode: node })),
      device('0000:0f:00.0', { numaNode: null }),
    ];
    const lying = (policy: PciPolicy, count: number, nodes: readonly number[]) =>
      addresses(fitPci(host(devices), [gpus(count, policy)], new Set(nodes)));
    assert.deepEqual(lying('required', 1, [1]), ['0000:01:00.0']);
    assert.equal(lying('required', 2, [1]), 'has 1 free devices 10de:aaaa where the server’s NUMA nodes are, not 2');
    assert.match(String(lying('required', 1, [3])), /has 0 free/);
    assert.deepEqual(lying('legacy', 2, [1]), ['0000:01:00.0', '0000:0f:00.0']);
    assert.match(String(lying('legacy', 3, [1])), /has 2 free/);
    assert.deepEqual(lying('socket', 2, [1]), ['0000:01:00.0', '0000:00:00.0']);
    assert.match(String(lying('socket', 2, [3])), /has 1 free/);
    assert.deepEqual(lying('preferred', 3, [1]), ['0000:01:00.0', '0000:0f:00.0', '0000:00:00.0']);
    assert.deepEqual(lying('required', 4, []), ['0000:00:00.0', '0000:01:00.0', '0000:02:00.0', '0000:0f:00.0']);
    const unknown = { ...host(devices), cells: cells.map(({ id, cpus, memoryMb }) => ({ id, cpus, memoryMb })) };
    assert.match(fitPci(unknown, [gpus(2, 'socket')], new Set([1])).reason ?? '', /has 1 free/);
    assert.deepEqual(
      nodesNearDevices(host([...devices, device('0000:04:00.0', { numaNode: 2 })]), [gpus(1)]),
      [2, 0, 1],
    );
  });
});

describe('what is taken of a host', () => {
  const machine = fc
    .record({
      plain: fc.array(fc.record({ numaNode: fc.option(fc.integer({ min: 0, max: 3 })), mate: fc.boolean() }), {
        maxLength: 6,
      }),
      cards: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
    })
    .map(({ plain, cards }) => [
      ...plain.map(({ numaNode, mate }, index) =>
        // some share a group with the next
        device(`0000:0${index}:00.0`, { numaNode, iommuGroup: 1_000_000 + (mate ? index - (index % 2) : index) }),
      ),
      ...cards.flatMap((count, index) => card(`8${index}`, count, index)),
    ]);
  const counts = fc.integer({ min: 0, max: 2 });
  const servers = fc.array(
    fc.record({
      counts: fc.tuple(counts, counts, counts),
      nodes: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
      policy: fc.constantFrom<PciPolicy>('required', 'preferred', 'legacy', 'socket'),
    }),
    { maxLength: 8 },
  );

  it('is never given twice, and all of it comes back', () => {
    fc.assert(
      fc.property(machine, servers, (devices, asked) => {
        let taken: readonly TakenDevice[] | null = null;
        const held: (readonly TakenDevice[])[] = [];
        for (const server of asked) {
          const [a, b, c] = server.counts;
          const wish = [gpus(a, server.policy), wholes(b), functions(c)].filter(({ count }) => count > 0);
          const fit = fitPci(host(devices, taken), wish, new Set(server.nodes));
          if (fit.devices === null) {
            assert.notEqual(fit.reason, '');
            continue;
          }
          assert.equal(fit.devices.length, a + b + c);
          const others = whileTaken(taken);
          for (const one of fit.devices) assert.ok(others(one));
          held.push(fit.devices);
          taken = withDevices(taken, fit.devices, 1);
        }
        const all = held.flat();
        assert.equal(new Set(all.map(({ address }) => address)).size, all.length);
        const parents = new Set(all.map(({ parent }) => parent));
        for (const { address } of all) assert.ok(!parents.has(address), `${address} is given whole and in parts`);
        for (const [index, mine] of held.entries()) {
          const theirs = new Set(
            held.filter((_, other) => other !== index).flatMap((some) => some.map((one) => one.iommuGroup)),
          );
          for (const { iommuGroup } of mine) assert.ok(!theirs.has(iommuGroup));
        }
        for (const some of held) taken = withDevices(taken, some, -1);
        assert.equal(taken, null);
      }),
    );
  });

  it('is the same text in whatever order it was taken', () => {
    const [a, b] = [device('0000:01:00.0'), device('0000:02:00.0')];
    const text = (some: readonly TakenDevice[] | null) => JSON.stringify(some);
    assert.equal(text(withDevices([a], [b], 1)), text(withDevices([b], [a], 1)));
    // while the claims of a move change places
    assert.deepEqual(withDevices(withDevices([a], [a], 1), [a], -1), [a]);
    assert.deepEqual(withDevices(null, null, 1), null);
  });
});
