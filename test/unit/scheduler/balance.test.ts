import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { freeOf } from '../../../src/domain/placement/claims.ts';
import type { Candidate } from '../../../src/domain/placement/hosts.ts';
import { fullness, type Movable, planBalance } from '../../../src/scheduler/balance.ts';
import type { SelectOptions } from '../../../src/scheduler/select.ts';
import { aHost, aPlacement, NOW_MS } from '../../support/samples.ts';

const options: SelectOptions = { nowMs: NOW_MS };

/** A host of 16 vCPUs and 32 GiB with servers of these sizes (vCPUs) on it. */
function world(sizes: Readonly<Record<string, readonly number[]>>) {
  const movables = new Map<string, Movable[]>();
  const hosts = Object.entries(sizes).map(([name, vcpus], index): Candidate => {
    const servers = vcpus.map((count, at): Movable => {
      const size = { vcpus: count, memoryMb: count * 256 };
      const spec = aPlacement({ minimum: size, maximum: size, diskGb: 1 });
      return { uuid: `${name}-${at}`, name: `${name}-${at}`, spec, numa: null, pci: null };
    });
    movables.set(name, servers);
    const sum = vcpus.reduce((a, b) => a + b, 0);
    const taken = { vcpus: sum, memoryMb: sum * 256 };
    const host = aHost(name);
    return {
      ...host,
      id: index + 1,
      claimed: { ...taken, diskGb: vcpus.length },
      ceiling: taken,
      runningVms: vcpus.length,
    };
  });
  return { hosts, movables };
}

const any = (): boolean => true;

const plan = async (sizes: Readonly<Record<string, readonly number[]>>, most = 10) => {
  const { hosts, movables } = world(sizes);
  return planBalance(hosts, movables, any, most, options);
};
const words = async (sizes: Readonly<Record<string, readonly number[]>>, most?: number): Promise<string[]> =>
  (await plan(sizes, most)).moves.map(({ uuid, to }) => `${uuid} > ${to}`);

describe('planBalance', () => {
  it('moves what opens most room, from the fullest to where there is most', async () => {
    assert.deepEqual(await words({ full: [4, 4, 4, 4], half: [8], empty: [] }), ['full-0 > empty', 'full-1 > empty']);
    const { hosts } = await plan({ full: [4, 4, 4, 4], half: [8], empty: [] });
    assert.deepEqual(
      hosts.map(({ host, before, after }) => [host, before, after]),
      [
        ['full', 1, 0.5],
        ['half', 0.5, 0.5],
        ['empty', 0, 0.5],
      ],
    );
  });

  it('leaves even hosts alone, and a server that would only change places with its room', async () => {
    assert.deepEqual(await words({ a: [4, 4], b: [4, 4] }), []);
    assert.deepEqual(await words({ a: [12], b: [] }), []);
  });

  it('asks the filters, and whoever else has a word in it', async () => {
    const { hosts, movables } = world({ full: [4, 4, 4, 4], empty: [] });
    const disabled = hosts.map((host) => (host.host === 'empty' ? { ...host, disabled: true } : host));
    assert.deepEqual((await planBalance(disabled, movables, any, 10, options)).moves, []);
    assert.deepEqual((await planBalance(hosts, movables, () => false, 10, options)).moves, []);
  });

  it('makes no more moves than are asked for', async () => {
    assert.equal((await words({ full: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], empty: [] }, 3)).length, 3);
  });

  it('never makes the fullest host fuller, overfills none, moves none twice, and says truly how it ends', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.record({ a: sizes, b: sizes, c: sizes }),
        fc.integer({ min: 1, max: 6 }),
        async (given, most) => {
          const { hosts, movables } = world(given);
          const { moves, hosts: ends } = await planBalance(hosts, movables, any, most, options);
          const most1 = Math.max(...hosts.map(fullness));
          assert.ok(Math.max(...ends.map(({ after }) => after)) <= most1);
          assert.equal(new Set(moves.map(({ uuid }) => uuid)).size, moves.length);
          const sizesNow = new Map(
            Object.entries(given).map(([name, list]) => [name, list.reduce((x, y) => x + y, 0)]),
          );
          for (const { uuid, from, to } of moves) {
            const vcpus = movables.get(from)?.find((one) => one.uuid === uuid)?.spec.minimum.vcpus ?? Number.NaN;
            sizesNow.set(from, (sizesNow.get(from) ?? 0) - vcpus);
            sizesNow.set(to, (sizesNow.get(to) ?? 0) + vcpus);
          }
          for (const { host, after } of ends) assert.ok(Math.abs(after - (sizesNow.get(host) ?? 0) / 16) < 1e-9);
          for (const host of hosts) assert.ok(freeOf(host).vcpus >= 0);
        },
      ),
    );
  });
});
