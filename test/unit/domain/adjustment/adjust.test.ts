import assert from 'node:assert/strict';
import type { AdjustRequest } from '../../../../src/domain/adjustment/adjust-request.ts';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type AdjustPlan,
  adjustOrder,
  isSettling,
  planAdjust,
  settleAdjust,
  settlePower,
  settleSeen,
  settleStored,
  settlingLeftMs,
} from '../../../../src/domain/adjustment/adjust.ts';
import { claimOf } from '../../../../src/domain/placement/claims.ts';
import { maximumOf, minimumOf } from '../../../../src/domain/machines/flavors.ts';
import type { AdjustOutcome, GuestView, PartOutcome } from '../../../../src/domain/servers/guests.ts';
import { power, type Server } from '../../../../src/domain/servers/servers.ts';
import { largerOf, type Size } from '../../../../src/domain/adjustment/size.ts';
import { aFlavor, aServer } from '../../../support/samples.ts';

const parts = ['vcpus', 'memoryMb'] as const;

/** A server whose row is in order: minimum <= boot, current <= maximum. */
const anyServer: fc.Arbitrary<Server> = fc
  .record({
    low: fc.record({ vcpus: fc.integer({ min: 1, max: 8 }), memoryMb: fc.integer({ min: 1, max: 2_000 }) }),
    span: fc.record({ vcpus: fc.nat(8), memoryMb: fc.nat(2_000) }),
    boot: fc.record({ vcpus: fc.nat(8), memoryMb: fc.nat(2_000) }),
    current: fc.record({ vcpus: fc.nat(8), memoryMb: fc.nat(2_000) }),
    vmState: fc.constantFrom('active' as const, 'stopped' as const, 'paused' as const),
  })
  .map(({ low, span, boot, current, vmState }) =>
    aServer({
      vmState,
      flavor: aFlavor({
        vcpus: low.vcpus + span.vcpus,
        memoryMb: low.memoryMb + span.memoryMb,
        extraSpecs: { minimum_cpu: String(low.vcpus), minimum_memory: String(low.memoryMb) },
      }),
      currentVcpus: low.vcpus + Math.min(current.vcpus, span.vcpus),
      currentMemoryMb: low.memoryMb + Math.min(current.memoryMb, span.memoryMb),
      bootVcpus: low.vcpus + Math.min(boot.vcpus, span.vcpus),
      bootMemoryMb: low.memoryMb + Math.min(boot.memoryMb, span.memoryMb),
    }),
  );

const anyRequest: fc.Arbitrary<AdjustRequest> = fc.record({
  vcpus: fc.option(fc.integer({ min: -1, max: 20 })),
  memoryMb: fc.option(fc.integer({ min: -1, max: 5_000 })),
  persist: fc.boolean(),
});

const currentOf = (server: Server): Size => ({ vcpus: server.currentVcpus, memoryMb: server.currentMemoryMb });
const bootOf = (server: Server): Size => ({ vcpus: server.bootVcpus, memoryMb: server.bootMemoryMb });
const properClaim = (server: Server): Size => claimOf(minimumOf(server.flavor), currentOf(server), bootOf(server));

/** A guest that goes some of the way for each part and may keep hold of what it had. */
function answerOf(before: Size, target: Size, percent: number, clings: boolean): AdjustOutcome {
  const part = (name: 'vcpus' | 'memoryMb'): PartOutcome => {
    const reached = before[name] + Math.trunc(((target[name] - before[name]) * percent) / 100);
    return {
      target: target[name],
      reached,
      confirmedBy: 'guest',
      method: name === 'vcpus' ? 'hotplug' : 'balloon',
      held: clings ? Math.max(reached, before[name]) : reached,
      problem: reached === target[name] ? null : 'it would not',
    };
  };
  const vcpus = part('vcpus');
  const memoryMb = part('memoryMb');
  const size = { vcpus: vcpus.held, memoryMb: memoryMb.reached };
  const view: GuestView = {
    uuid: 'u',
    powerState: power.running,
    size,
    onlineVcpus: vcpus.reached,
    availableMb: null,
    maximum: size,
  };
  return { vcpus, memoryMb, view };
}

describe('planAdjust', () => {
  const server = aServer({ uuid: 'u' });
  const claimed = { vcpus: 1, memoryMb: 256 };
  const wish = (overrides: Partial<AdjustRequest>): AdjustRequest => ({
    vcpus: null,
    memoryMb: null,
    persist: true,
    ...overrides,
  });

  it('names minimum and maximum when it refuses', () => {
    const refused = (want: Partial<AdjustRequest>) => planAdjust(server, wish(want), claimed);
    assert.deepEqual(refused({ vcpus: 5 }), {
      ok: false,
      kind: 'badRequest',
      message: 'Invalid current_vcpus 5: this server may have at least 1 and at most 4 vCPUs.',
    });
    assert.deepEqual(refused({ memoryMb: 1 }), {
      ok: false,
      kind: 'badRequest',
      message: 'Invalid current_memory_mb 1: this server may have at least 256 and at most 1024 MiB of memory.',
    });
    assert.equal(refused({}).ok, false);
  });

  it('claims growth before, gives shrink back after', () => {
    const up = planAdjust(server, wish({ vcpus: 3 }), claimed);
    assert.ok(up.ok);
    assert.deepEqual(
      [up.target, up.claim, up.grows],
      [
        { vcpus: 3, memoryMb: 256 },
        { vcpus: 3, memoryMb: 256 },
        { vcpus: 2, memoryMb: 0 },
      ],
    );
    const large = aServer({ currentVcpus: 3, bootVcpus: 3 });
    const down = planAdjust(large, wish({ vcpus: 1, memoryMb: 512 }), { vcpus: 3, memoryMb: 256 });
    assert.ok(down.ok);
    assert.deepEqual(
      [down.claim, down.grows],
      [
        { vcpus: 3, memoryMb: 512 },
        { vcpus: 0, memoryMb: 256 },
      ],
    );
  });

  it('stores what a server that is off shall have, and refuses what could only be fleeting', () => {
    const off = aServer({ vmState: 'stopped' });
    const plan = planAdjust(off, wish({ vcpus: 2 }), claimed);
    assert.ok(plan.ok);
    assert.equal(plan.when, 'nextBoot');
    const settled = settleStored(off, plan);
    assert.equal(settled.server.adjustStatus, 'pending_reboot');
    assert.deepEqual([settled.server.currentVcpus, settled.server.bootVcpus], [1, 2]);
    const fleeting = planAdjust(off, wish({ vcpus: 2, persist: false }), claimed);
    assert.ok(!fleeting.ok && fleeting.kind === 'conflict');
  });

  it('stores what a server that was taken over as it runs shall have, and says why', () => {
    const { flavor } = aServer();
    const fixed = aServer({ flavor: { ...flavor, startedElsewhere: true } });
    const plan = planAdjust(fixed, wish({ vcpus: 2 }), claimed);
    assert.ok(plan.ok);
    assert.equal(plan.when, 'nextBoot');
    // its guest keeps what it has
    assert.equal(settleStored(fixed, plan).server.currentVcpus, fixed.currentVcpus);
    const fleeting = planAdjust(fixed, wish({ vcpus: 2, persist: false }), claimed);
    assert.ok(!fleeting.ok && /runs as Nova started it/.test(fleeting.message));
  });

  it('never reads the metadata: the flavor alone bounds', () => {
    const rigid = aServer({ flavor: aFlavor({ extraSpecs: {} }), currentVcpus: 4, currentMemoryMb: 1024 });
    assert.equal(planAdjust(rigid, wish({ vcpus: 3 }), { vcpus: 4, memoryMb: 1024 }).ok, false);
  });

  it('accepts exactly what lies within the bounds', () => {
    fc.assert(
      fc.property(anyServer, anyRequest, (subject, want) => {
        const low = minimumOf(subject.flavor);
        const high = maximumOf(subject.flavor);
        const inside = parts.every(
          (part) => want[part] === null || (want[part] >= low[part] && want[part] <= high[part]),
        );
        const legal =
          inside && (want.vcpus !== null || want.memoryMb !== null) && (want.persist || subject.vmState === 'active');
        assert.equal(planAdjust(subject, want, properClaim(subject)).ok, legal);
      }),
    );
  });

  const planned = (subject: Server, want: AdjustRequest, held: Size): AdjustPlan & { ok: true } => {
    const plan = planAdjust(subject, want, held);
    fc.pre(plan.ok);
    return plan;
  };

  it('claims all that the server may hold on the way, and no part shrinks before the answer', () => {
    fc.assert(
      fc.property(anyServer, anyRequest, (subject, want) => {
        const held = properClaim(subject);
        const plan = planned(subject, want, held);
        for (const part of parts) {
          assert.ok(plan.claim[part] >= held[part]);
          assert.ok(plan.claim[part] >= plan.target[part]);
          assert.ok(plan.claim[part] >= plan.boot[part]);
          assert.equal(plan.grows[part], plan.claim[part] - held[part]);
          if (!want.persist) assert.equal(plan.boot[part], bootOf(subject)[part]);
        }
      }),
    );
  });

  it('settles on what the guest has, with a claim between what it holds and what was claimed', () => {
    fc.assert(
      fc.property(
        anyServer,
        anyRequest,
        fc.integer({ min: 0, max: 100 }),
        fc.boolean(),
        (subject, want, percent, clings) => {
          const held = properClaim(subject);
          const plan = planned(subject, want, held);
          fc.pre(plan.when === 'live');
          const outcome = answerOf(currentOf(subject), plan.target, percent, clings);
          const { server: row, claimed: remains, success } = settleAdjust(subject, plan.boot, outcome);
          assert.deepEqual([row.currentVcpus, row.currentMemoryMb], [outcome.vcpus.reached, outcome.memoryMb.reached]);
          assert.deepEqual([row.targetVcpus, row.targetMemoryMb], [plan.target.vcpus, plan.target.memoryMb]);
          const boot = { vcpus: row.bootVcpus, memoryMb: row.bootMemoryMb };
          for (const part of parts) {
            assert.ok(remains[part] >= outcome[part].held);
            assert.ok(remains[part] >= boot[part]);
            assert.ok(remains[part] <= plan.claim[part], 'never above what was claimed');
            if (!want.persist || want[part] === null) assert.equal(boot[part], bootOf(subject)[part]);
            if (success && want.persist && want[part] !== null) assert.equal(boot[part], want[part]);
          }
          const missed = outcome.vcpus.problem !== null || outcome.memoryMb.problem !== null;
          assert.equal(success, !missed);
          assert.equal(row.adjustStatus === 'idle', !missed);
          assert.equal(row.adjustMessage === null, !missed);
        },
      ),
    );
  });

  it('gives both numbers where only a part was reached', () => {
    const outcome = answerOf({ vcpus: 1, memoryMb: 256 }, { vcpus: 3, memoryMb: 256 }, 50, false);
    const settled = settleAdjust(aServer(), { vcpus: 3, memoryMb: 256 }, outcome);
    assert.equal(settled.server.adjustStatus, 'partial');
    assert.equal(settled.server.adjustMessage, 'vCPUs: 2 of 3 reached: it would not');
    assert.equal(settled.server.bootVcpus, 2);
    assert.deepEqual(settled.claimed, { vcpus: 2, memoryMb: 256 });
    const nothing = answerOf({ vcpus: 1, memoryMb: 256 }, { vcpus: 3, memoryMb: 256 }, 0, false);
    assert.equal(settleAdjust(aServer(), { vcpus: 3, memoryMb: 256 }, nothing).server.adjustStatus, 'error');
  });

  it('boots next with no more than was asked, whatever the guest says it reached', () => {
    const lie = answerOf({ vcpus: 1, memoryMb: 256 }, { vcpus: 4, memoryMb: 1024 }, 100, false);
    const part = (name: 'vcpus' | 'memoryMb', target: number): PartOutcome => ({
      ...lie[name],
      target,
      problem: 'lie',
    });
    const outcome = { ...lie, vcpus: part('vcpus', 2), memoryMb: part('memoryMb', 512) };
    const grown = settleAdjust(aServer(), { vcpus: 2, memoryMb: 512 }, outcome).server;
    assert.deepEqual([grown.currentVcpus, grown.currentMemoryMb], [4, 1024]);
    assert.deepEqual([grown.bootVcpus, grown.bootMemoryMb], [2, 512]);
    const large = aServer({ currentVcpus: 3, bootVcpus: 3, currentMemoryMb: 768, bootMemoryMb: 768 });
    const shrunk = settleAdjust(large, { vcpus: 2, memoryMb: 512 }, outcome).server;
    assert.deepEqual([shrunk.bootVcpus, shrunk.bootMemoryMb], [3, 768]);
  });

  it('keeps the claim on vCPUs that are only offline in the guest', () => {
    const large = aServer({ currentVcpus: 3, bootVcpus: 3 });
    const outcome = answerOf({ vcpus: 3, memoryMb: 256 }, { vcpus: 1, memoryMb: 256 }, 100, true);
    const settled = settleAdjust(large, { vcpus: 1, memoryMb: 256 }, outcome);
    assert.deepEqual([settled.server.currentVcpus, settled.claimed.vcpus, settled.server.bootVcpus], [1, 3, 1]);
    assert.equal(settled.success, true);
  });

  it('waits for the reboot where the host could only store', () => {
    const outcome = answerOf({ vcpus: 1, memoryMb: 256 }, { vcpus: 3, memoryMb: 256 }, 0, false);
    const stored: AdjustOutcome = { ...outcome, vcpus: { ...outcome.vcpus, method: 'next-boot', problem: null } };
    const settled = settleAdjust(aServer(), { vcpus: 3, memoryMb: 256 }, stored);
    assert.equal(settled.server.adjustStatus, 'pending_reboot');
    assert.equal(settled.server.bootVcpus, 3);
    assert.deepEqual(settled.claimed, { vcpus: 3, memoryMb: 256 });
    assert.equal(settled.success, true);
  });
});

describe('settlePower', () => {
  it('takes what a running guest has, the boot size of one that is off, and leaves a stored one what it had', () => {
    const states = fc.constantFrom(power.running, power.shutdown, power.suspended);
    fc.assert(
      fc.property(anyServer, states, (server, powerState) => {
        const size = largerOf(currentOf(server), bootOf(server));
        const view: GuestView = {
          uuid: server.uuid,
          powerState,
          size,
          onlineVcpus: powerState === power.running ? server.currentVcpus : null,
          availableMb: null,
          maximum: maximumOf(server.flavor),
        };
        const settled = settlePower(server, view, false);
        assert.equal(settled.server.adjustStatus, 'idle');
        const off = powerState === power.shutdown;
        assert.equal(settled.server.currentVcpus, off ? server.bootVcpus : server.currentVcpus);
        const held = off ? bootOf(server) : powerState === power.suspended ? currentOf(server) : size;
        assert.deepEqual(settled.claimed, claimOf(minimumOf(server.flavor), held, bootOf(server)));
      }),
    );
  });
});

/** A running guest, `memoryMb` of whose memory its balloon has left it. */
const seen = (server: Server, memoryMb: number, more: Partial<GuestView> = {}): GuestView => ({
  uuid: server.uuid,
  powerState: power.running,
  size: { vcpus: server.bootVcpus, memoryMb },
  onlineVcpus: null,
  availableMb: null,
  maximum: maximumOf(server.flavor),
  ...more,
});

describe('the settling of a start', () => {
  const MINUTE_MS = 60_000;
  const elastic = aServer({ uuid: 'u', adjustUpdatedAt: 1_000 });
  const begun = settlePower(elastic, seen(elastic, 1024), true);
  const settling = { ...elastic, ...begun.server };

  it('says what the guest has, and claims what it shall have', () => {
    assert.deepEqual(
      [settling.adjustStatus, settling.currentMemoryMb, settling.targetMemoryMb, begun.claimed],
      ['adjusting', 1024, 256, { vcpus: 1, memoryMb: 256 }],
    );
    assert.equal(
      settling.adjustMessage,
      "Waiting for the guest's balloon driver: 1024 MiB until it is loaded, 256 MiB then.",
    );
    assert.equal(isSettling(settling), true);
    assert.equal(isSettling({ ...settling, taskState: 'adjusting' }), false);
    assert.deepEqual(
      [1_000, 31_000, 61_000, 99_000].map((nowMs) => settlingLeftMs(settling, nowMs, MINUTE_MS)),
      [60_000, 30_000, 0, 0],
    );
    assert.equal(settlingLeftMs(elastic, 1_000, MINUTE_MS), 0);
  });

  it('is over at once for a guest that has its size, and for one that did not start', () => {
    assert.equal(settlePower(elastic, seen(elastic, 256), true).server.adjustStatus, 'idle');
    const grown = settlePower(elastic, seen(elastic, 1024), false);
    assert.deepEqual([grown.server.adjustStatus, grown.claimed.memoryMb], ['idle', 1024]);
  });

  it('goes on while a settling guest is paused, and ends when it goes off', () => {
    const paused = settlePower(settling, seen(elastic, 1024, { powerState: power.paused }), false);
    assert.equal(paused.server.adjustStatus, 'adjusting');
    const off = settlePower(settling, seen(elastic, 256, { powerState: power.shutdown }), false);
    assert.deepEqual([off.server.adjustStatus, off.server.currentMemoryMb], ['idle', 256]);
  });

  it('ends idle when the balloon is down, partial with the truth claimed when the time is over', () => {
    const half = settleSeen(settling, seen(elastic, 700), false);
    assert.deepEqual(
      [half.server.adjustStatus, half.server.currentMemoryMb, half.claimed.memoryMb],
      ['adjusting', 700, 256],
    );
    const down = settleSeen(settling, seen(elastic, 256, { availableMb: 90 }), true);
    assert.deepEqual([down.server.adjustStatus, down.server.adjustMessage], ['idle', null]);
    const without = settleSeen(settling, seen(elastic, 1024), true);
    assert.deepEqual(
      [without.server.adjustStatus, without.claimed.memoryMb, without.success],
      ['partial', 1024, false],
    );
    assert.equal(
      without.server.adjustMessage,
      'memory: 1024 MiB of 256 MiB reached: the guest seems to have no balloon driver',
    );
    const stuck = settleSeen(settling, seen(elastic, 700, { availableMb: 500 }), true);
    assert.match(
      stuck.server.adjustMessage ?? '',
      /700 MiB of 256 MiB reached: the guest's balloon driver gives back no/,
    );
    const late = settleSeen({ ...elastic, ...without.server }, seen(elastic, 256, { availableMb: 90 }), false);
    assert.deepEqual([late.server.adjustStatus, late.server.adjustMessage, late.claimed.memoryMb], ['idle', null, 256]);
  });

  it('is superseded by what is asked meanwhile, and kept in what is not', () => {
    const only = (want: Partial<AdjustRequest>) =>
      planAdjust(settling, { vcpus: null, memoryMb: null, persist: true, ...want }, begun.claimed);
    const memory = only({ memoryMb: 512 });
    assert.ok(memory.ok);
    assert.deepEqual(
      [memory.target, memory.claim],
      [
        { vcpus: 1, memoryMb: 512 },
        { vcpus: 1, memoryMb: 512 },
      ],
    );
    const vcpus = only({ vcpus: 3 });
    assert.ok(vcpus.ok);
    assert.deepEqual(
      [vcpus.target, vcpus.grows],
      [
        { vcpus: 3, memoryMb: 256 },
        { vcpus: 2, memoryMb: 0 },
      ],
    );
  });

  it('however the balloon goes, the claim covers what the server shall have, and all it has once nothing is awaited', () => {
    const walk = fc.array(fc.record({ share: fc.integer({ min: 0, max: 100 }), overdue: fc.boolean() }), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(anyServer, walk, (server, looks) => {
        const high = maximumOf(server.flavor).memoryMb;
        const idle: Server = { ...server, vmState: 'active', taskState: null, adjustStatus: 'idle' };
        const start = settlePower(idle, seen(idle, high), true);
        let row: Server = { ...idle, ...start.server };
        assert.equal(isSettling(row), high > idle.bootMemoryMb);
        // oxlint-disable-next-line oxc/no-accumulating-spread -- a row of a few fields, a few times
        for (const { share, overdue } of looks) {
          const memoryMb = idle.bootMemoryMb + Math.round(((high - idle.bootMemoryMb) * share) / 100);
          const wasSettling = isSettling(row);
          const view = seen(idle, memoryMb);
          const settled = settleSeen(row, view, overdue);
          row = { ...row, ...settled.server };
          assert.equal(row.currentMemoryMb, memoryMb, 'the row says what is');
          assert.equal(row.bootMemoryMb, idle.bootMemoryMb);
          assert.ok(settled.claimed.memoryMb >= row.bootMemoryMb);
          assert.ok(settled.claimed.memoryMb >= minimumOf(row.flavor).memoryMb);
          if (isSettling(row)) {
            assert.ok(wasSettling && !overdue && memoryMb > row.targetMemoryMb, 'waits only within its time');
            assert.equal(settled.claimed.memoryMb, row.bootMemoryMb);
          } else assert.ok(settled.claimed.memoryMb >= memoryMb, 'the truth is claimed');
          if (memoryMb === row.targetMemoryMb) assert.equal(row.adjustStatus, 'idle');
          assert.equal(row.adjustMessage === null, row.adjustStatus === 'idle');
          assert.deepEqual(settleSeen(row, view, overdue).server, settled.server, 'twice is once');
        }
      }),
    );
  });
});

describe('an adjustment of which nobody saw what came of it', () => {
  const unseen = aServer({ currentVcpus: 1, targetVcpus: 3, adjustStatus: 'unseen', adjustMessage: 'lost' });
  const plugged = (vcpus: number, onlineVcpus: number | null): GuestView => ({
    ...{ uuid: unseen.uuid, powerState: power.running, availableMb: null, onlineVcpus },
    ...{ size: { vcpus, memoryMb: 256 }, maximum: { vcpus: 4, memoryMb: 1024 } },
  });

  it('did what its guest says, and where nobody in it speaks, what is plugged', () => {
    for (const [vcpus, online, current] of [
      [3, null, 3],
      [1, null, 1],
      [3, 2, 2],
    ] as const) {
      const { server } = settleSeen(unseen, plugged(vcpus, online), false);
      assert.deepEqual([server.currentVcpus, server.adjustStatus, server.adjustMessage], [current, 'error', 'lost']);
      // from then on it is known
      const later = settleSeen({ ...unseen, ...server }, plugged(4, null), false);
      assert.deepEqual([later.server.currentVcpus, later.server.adjustStatus], [current, 'error']);
    }
  });
});

describe('adjustOrder', () => {
  it('brings room before load and takes load before room', () => {
    const size = fc.record({ vcpus: fc.integer({ min: 1, max: 3 }), memoryMb: fc.integer({ min: 1, max: 3 }) });
    fc.assert(
      fc.property(size, size, (before, target) => {
        const order = adjustOrder(before, target);
        assert.deepEqual([...order].sort(), parts.filter((part) => before[part] !== target[part]).sort());
        if (order.length < 2) return;
        if (target.memoryMb > before.memoryMb) assert.equal(order[0], 'memoryMb');
        else assert.equal(order[0], 'vcpus');
      }),
    );
  });
});
