import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pressureDefaults, pressureProblem } from '../../../../src/domain/adjustment/adjust-policies.ts';
import {
  type AutoscaleState,
  decide,
  firstState,
  type Pressure,
  type PressureRules,
} from '../../../../src/domain/adjustment/autoscale.ts';
import type { Size } from '../../../../src/domain/adjustment/size.ts';

const rules: PressureRules = {
  ...pressureDefaults,
  cpu: { growAbove: 0.8, shrinkBelow: 0.4 },
  memory: { growBelow: 0.15, shrinkAbove: 0.4 },
  ...{ looks: 6, cooldownSeconds: { grow: 30, shrink: 60 } },
  vcpus: { min: 1, max: 8, step: 1 },
  memoryMb: { min: 512, max: 8_192, step: 256 },
};
const least = { vcpus: 1, memoryMb: 512 };
const most = { vcpus: 8, memoryMb: 8_192 };
const calm: Pressure = { vcpus: 2, cpu: 1.2, steal: 0, totalMb: 1_000, availableMb: 250 };
const NOW = 10_000_000;

const look = (
  pressure: Partial<Pressure>,
  more: { state?: AutoscaleState; current?: Size; rules?: Partial<PressureRules>; at?: number } = {},
) =>
  decide(
    { ...rules, ...more.rules },
    { current: more.current ?? { vcpus: 2, memoryMb: 1_024 }, least, most },
    { ...calm, ...pressure },
    more.state ?? firstState,
    more.at ?? NOW,
  );

/** So many looks that say the same, half a minute apart; the last decision. */
function looks(count: number, pressure: Partial<Pressure>, current?: Size) {
  let decision = look(pressure, { ...(current === undefined ? {} : { current }) });
  for (let n = 1; n < count; n += 1) {
    decision = look(pressure, {
      state: decision.state,
      at: NOW + n * 30_000,
      ...(current === undefined ? {} : { current }),
    });
  }
  return decision;
}

describe('a server that adjusts itself', () => {
  it('stays as it is while it has what it needs', () => {
    assert.deepEqual([look({}).kind, look({}).want], ['stay', null]);
  });

  it('grows at the first look, as far as the need goes', () => {
    const busy = look({ cpu: 1.9 });
    assert.deepEqual(busy.want, { vcpus: 4, memoryMb: 1_024 });
    assert.deepEqual(busy.reasons, ['95 % of 2 vCPUs used or waited for, more than 80 %']);
    assert.deepEqual(look({ cpu: 0.9, steal: 0.9 }).want?.vcpus, 3, 'what it waited for counts');
    const full = look({ totalMb: 960, availableMb: 50 });
    assert.deepEqual([full.want?.vcpus, full.kind], [2, 'grow']);
    assert.ok((full.want?.memoryMb ?? 0) > 1_024 && (full.want?.memoryMb ?? 0) <= 2_048, `${full.want?.memoryMb}`);
    assert.deepEqual(look({ cpu: 2, availableMb: 0 }).want, { vcpus: 4, memoryMb: 1_536 }, 'both at once');
  });

  it('grows to its bound and no further', () => {
    const narrow = { vcpus: { min: 1, max: 3, step: 1 } };
    assert.equal(look({ cpu: 2 }, { rules: narrow }).want?.vcpus, 3);
    assert.equal(look({ vcpus: 3, cpu: 3 }, { rules: narrow, current: { vcpus: 3, memoryMb: 1_024 } }).want, null);
  });

  it('gives back after several looks that say so, down to the most that was needed in them', () => {
    const idle = { vcpus: 4, cpu: 0.2, totalMb: 2_000, availableMb: 1_800 };
    const current = { vcpus: 4, memoryMb: 2_048 };
    assert.equal(looks(5, idle, current).want, null);
    assert.deepEqual(looks(6, idle, current).want, { vcpus: 1, memoryMb: 512 });
    // one of the looks needed 1.4 processors and 500 MiB
    let decision = look({ ...idle, cpu: 1.4, availableMb: 1_500 }, { current });
    for (let n = 1; n < 6; n += 1) decision = look(idle, { state: decision.state, current, at: NOW + n * 30_000 });
    assert.deepEqual(decision.want, { vcpus: 3, memoryMb: 768 });
    // and one in between that is not idle begins anew
    decision = look(idle, { current });
    for (let n = 1; n < 6; n += 1) {
      const seen = n === 3 ? { ...idle, cpu: 2.4, availableMb: 700 } : idle;
      decision = look(seen, { state: decision.state, current, at: NOW + n * 30_000 });
    }
    assert.equal(decision.want, null);
  });

  it('waits after a change: to shrink after either, to grow after growth alone', () => {
    const grew = { ...firstState, grewAt: NOW - 10_000, idleVcpus: 9 };
    assert.equal(look({ cpu: 2 }, { state: grew }).want, null);
    assert.equal(look({ cpu: 0 }, { state: grew }).want, null);
    assert.deepEqual(look({ cpu: 2 }, { state: { ...firstState, shrankAt: NOW - 1 } }).kind, 'grow');
  });

  it('does nothing with memory of which the guest says nothing', () => {
    for (const unknown of [{ totalMb: null }, { availableMb: null }, { totalMb: 0 }]) {
      assert.equal(looks(30, { cpu: 1.2, ...unknown }).want, null);
    }
  });

  it('comes within bounds that were moved', () => {
    assert.deepEqual(look({}, { rules: { vcpus: { min: 4, max: 8, step: 1 } } }).want, { vcpus: 4, memoryMb: 1_024 });
  });

  it('never leaves bounds or flavor, never takes what is used, and never undoes what it just did', () => {
    const amounts = fc.record({
      vcpus: fc.integer({ min: 1, max: 8 }),
      memoryMb: fc.integer({ min: 512, max: 8_192 }),
      cpu: fc.double({ min: 0, max: 10, noNaN: true }),
      used: fc.integer({ min: 0, max: 8_192 }),
      step: fc.integer({ min: 1, max: 4_096 }),
      state: fc.record({
        idleVcpus: fc.nat({ max: 20 }),
        idleMemory: fc.nat({ max: 20 }),
        peakCpu: fc.double({ min: 0, max: 10, noNaN: true }),
        peakMb: fc.nat({ max: 8_192 }),
        grewAt: fc.nat({ max: NOW }),
        shrankAt: fc.nat({ max: NOW }),
      }),
    });
    fc.assert(
      fc.property(amounts, ({ vcpus, memoryMb, cpu, used, step, state }) => {
        const mine = { ...rules, memoryMb: { min: 512, max: 8_192, step } };
        const seen = (size: Size): Pressure => ({
          vcpus: size.vcpus,
          cpu: Math.min(cpu, size.vcpus),
          steal: null,
          totalMb: size.memoryMb,
          availableMb: Math.max(0, size.memoryMb - used),
        });
        const current = { vcpus, memoryMb };
        const { want, kind, state: then } = decide(mine, { current, least, most }, seen(current), state, NOW);
        if (want === null) return;
        assert.ok(want.vcpus >= 1 && want.vcpus <= 8 && want.memoryMb >= 512 && want.memoryMb <= 8_192);
        assert.ok(
          kind === 'grow'
            ? want.vcpus >= vcpus && want.memoryMb >= memoryMb
            : want.vcpus <= vcpus && want.memoryMb <= memoryMb,
        );
        if (kind === 'shrink' && want.memoryMb < memoryMb) assert.ok(used < want.memoryMb, 'what is used stays');
        // long after, with the same need: what it shrank from it does not grow to again
        const after = decide(mine, { current: want, least, most }, seen(want), then, NOW + 3_600_000);
        if (kind === 'shrink') assert.notEqual(after.kind, 'grow');
      }),
    );
  });
});

describe('the rules of a policy', () => {
  it('have a gap between growing and shrinking, and something that moves', () => {
    assert.equal(pressureProblem(rules), null);
    assert.match(pressureProblem({ ...rules, vcpus: null, memoryMb: null }) ?? '', /must move/);
    assert.match(pressureProblem({ ...rules, cpu: { growAbove: 0.5, shrinkBelow: 0.45 } }) ?? '', /below grow_above/);
    assert.match(pressureProblem({ ...rules, memory: { growBelow: 0.5, shrinkAbove: 0.4 } }) ?? '', /above grow_below/);
    assert.match(pressureProblem({ ...rules, vcpus: { min: 4, max: 2, step: 1 } }) ?? '', /min 4 is more than max 2/);
  });
});
