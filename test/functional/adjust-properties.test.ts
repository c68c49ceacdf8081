// Random adjustments, power cycles, crashes, hands past us and restarted agents against guests that refuse, answer partly or have
// no driver of their memory: at every quiet moment the rows, the claims, the hypervisors' statistics, quota, usage and what the (fake) hypervisor
// itself has say the same.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findClaims } from '../../src/db/claims.ts';
import { claimOf } from '../../src/domain/placement/claims.ts';
import { minimumOf } from '../../src/domain/machines/flavors.ts';
import { power, type Server } from '../../src/domain/servers/servers.ts';
import { type Adjusting, adjusting } from '../support/adjusting.ts';
import { callers } from '../support/callers.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';
import { checkHypervisors, checkQuota } from '../support/sums.ts';

/** Others at each run; the simulation, which runs beside, plays many more (test/sim). */
const SEQUENCES = 10;
const STEPS = 50;
const HOSTS = ['host-1', 'host-2'];
/** As ELASTIC, with memory that is plugged. */
const PLUGGING = 'plugging';
/** How guests answer; the first as they should. */
const ANSWERS = [
  '',
  '',
  'refuse',
  'refuse:vcpus',
  'refuse:memory',
  'partial:50',
  'offline',
  'no-balloon',
  'fail:adjust',
  'mute',
];
const NAMES = ['setvcpus', 'setmem', 'suspend', 'resume', 'destroy', 'start'] as const;
const ACTIONS = [
  { 'os-stop': null },
  { 'os-start': null },
  { reboot: { type: 'SOFT' } },
  { reboot: { type: 'HARD' } },
  { pause: null },
  { unpause: null },
] as const;

const size = { vcpus: fc.integer({ min: 1, max: 4 }), memoryMb: fc.integer({ min: 256, max: 4096 }) };
const which = fc.nat(20);
const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ kind: fc.constant('create' as const), answer: fc.constantFrom(...ANSWERS) },
      flavorRef: fc.constantFrom(ELASTIC, PLUGGING),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('adjust' as const), which, ...size, persist: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('act' as const), which, action: fc.constantFrom(...ACTIONS) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('hand' as const), which, name: fc.constantFrom(...NAMES), ...size }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('behave' as const), which, answer: fc.constantFrom(...ANSWERS) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('inside' as const), which, crash: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), which }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Run {
  readonly servers: Servers;
  readonly kit: Adjusting;
  readonly ids: string[] = [];
  constructor(servers: Servers) {
    this.servers = servers;
    this.kit = adjusting(servers);
  }

  async take(one: Step): Promise<void> {
    const { servers, kit, ids } = this;
    if (one.kind === 'restart') return servers.world.restartAgent(HOSTS[one.which % HOSTS.length] as string);
    if (one.kind === 'create') {
      const answer = await servers.post({ flavorRef: one.flavorRef, metadata: { xloud_fake: one.answer } });
      if (answer.status === 202) ids.push(answer.body.server.id as string);
      else assert.equal(answer.status, 409, answer.text);
      return;
    }
    const id = ids[one.which % ids.length];
    if (id === undefined) return;
    if (one.kind === 'adjust') {
      const { vcpus, memoryMb, persist } = one;
      const answer = await kit.adjust(id, { current_vcpus: vcpus, current_memory_mb: memoryMb, persist });
      assert.ok([202, 409].includes(answer.status), answer.text);
    } else if (one.kind === 'act') {
      const answer = await servers.act(id, one.action);
      assert.ok([202, 409].includes(answer.status), answer.text);
    } else if (one.kind === 'delete') {
      assert.equal((await servers.request('DELETE', `/servers/${id}`)).status, 204);
      ids.splice(ids.indexOf(id), 1);
    } else await this.reach(id, one);
  }

  /** What happens to a guest past us. */
  async reach(id: string, one: Extract<Step, { kind: 'hand' | 'behave' | 'inside' }>): Promise<void> {
    const { host } = await this.servers.world.server(id);
    const driver = host === null ? undefined : this.servers.world.drivers.get(host);
    if (driver?.store.get(id) === undefined) return;
    if (one.kind === 'behave') driver.behave(id, one.answer);
    else if (one.kind === 'inside') driver[one.crash ? 'crashFromInside' : 'powerOffFromInside'](id);
    else if (one.name === 'setvcpus') driver.outOfBand.setvcpus(id, one.vcpus);
    else if (one.name === 'setmem') driver.outOfBand.setmem(id, one.memoryMb);
    else driver.outOfBand[one.name](id);
  }

  /** Nothing is under way, and the hosts have said what there is. */
  async quiet(): Promise<void> {
    await this.servers.world.settled();
    await this.kit.report();
    await this.servers.world.settled();
  }

  async check(): Promise<void> {
    const { servers, ids } = this;
    const { world } = servers;
    // claims are the sums of the hosts, and quota and usage those of the claims
    assert.deepEqual(await world.leftovers(), []);
    await checkHypervisors(servers);
    const rows = await Promise.all(ids.map((id) => world.server(id)));
    await checkQuota(servers, callers.member.projectId as string, rows);
    const claims = await findClaims(
      world.database.read,
      rows.map((row) => row.id),
    );
    for (const row of rows) {
      assert.equal(row.taskState, null, `${row.uuid} is left ${row.taskState}`);
      if (row.host !== null) await this.checkGuest(row, claims.get(row.id) ?? assert.fail(`no claim of ${row.uuid}`));
    }
  }

  /** The row and the claim are those of the guest that the hypervisor has. */
  async checkGuest(row: Server, claim: { readonly vcpus: number; readonly memoryMb: number }): Promise<void> {
    const driver = this.servers.world.drivers.get(row.host as string);
    const view = (await driver?.inspect({ uuid: row.uuid })) ?? assert.fail(`no guest of ${row.uuid}`);
    assert.equal(row.powerState, view.powerState);
    const boot = { vcpus: row.bootVcpus, memoryMb: row.bootMemoryMb };
    const off = view.powerState === power.shutdown || view.powerState === power.crashed;
    // memory that is on its way after a start holds no more than its size
    const settling = row.adjustStatus === 'adjusting';
    const held = off ? boot : { ...view.size, ...(settling ? { memoryMb: row.targetMemoryMb } : {}) };
    const { vcpus, memoryMb } = claimOf(minimumOf(row.flavor), held, boot);
    assert.deepEqual([claim.vcpus, claim.memoryMb], [vcpus, memoryMb], `${row.vmState} ${row.adjustStatus}`);
    if (view.powerState !== power.running) return;
    assert.equal(row.currentMemoryMb, view.size.memoryMb);
    assert.equal(row.currentVcpus, view.onlineVcpus ?? row.currentVcpus);
    const shown = await this.kit.look(row.uuid);
    assert.deepEqual([shown.vcpus.claimed, shown.memory_mb.claimed], [claim.vcpus, claim.memoryMb]);
  }
}

describe('random growing and shrinking', () => {
  it(`${SEQUENCES * STEPS} operations: everybody says the same at every quiet moment`, {
    timeout: 900_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: STEPS, maxLength: STEPS }), async (steps) => {
        const inventory = { vcpus: 8, memoryMb: 16_384, diskGb: 100 };
        const servers = await startServers({
          hosts: HOSTS.map((name) => ({ name, inventory })),
          config: { ratios: { cpu: 1, ram: 1, disk: 1 }, startSettleMs: 200 },
        });
        const run = new Run(servers);
        const specs = { minimum_cpu: '1', minimum_memory: '256', 'xloud:memory_method': 'virtio-mem' };
        await servers.world.flavor({ id: PLUGGING, specs });
        try {
          // some at rest, some on each other's heels
          for (const [index, one] of steps.entries()) {
            await run.take(one);
            if (index % 3 === 1) continue;
            await run.quiet();
            await run.check();
          }
        } finally {
          await servers.close();
        }
      }),
      { numRuns: SEQUENCES, endOnFailure: true },
    );
  });
});
