import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DAY_TICKS, visitorsOf } from '../../../bench/elastic-sim/day.ts';
import { type Replay, replay } from '../../../bench/elastic-sim/replay.ts';
import { type Way, ways } from '../../../bench/elastic-sim/ways.ts';
import { axisTo, svgOf } from '../../../bench/lib/chart.ts';

describe('the simulated day', () => {
  const visitors = visitorsOf(300, 1);
  const wayOf = (name: Way['name']): Way => ways.find((way) => way.name === name) as Way;
  const run = (name: Way['name'], hosts: number): Replay => replay(wayOf(name), visitors, hosts);

  it('is the same for the same seed, and as busy with another', () => {
    assert.deepEqual(visitorsOf(300, 1), visitors);
    assert.notDeepEqual(visitorsOf(300, 2), visitors);
    const there = (tick: number) => visitors.filter(({ from, until }) => from <= tick && tick < until).length;
    assert.equal(there(0), 240);
    assert.equal(there(DAY_TICKS - 1), 240);
  });

  it('never gives guests more than there is where growth is claimed, however few hosts there are', () => {
    for (const hosts of [3, 10]) {
      const { series, overHostHours, worstHost, refusedGrowths } = run('elastic', hosts);
      assert.deepEqual([overHostHours, worstHost <= 1], [0, true]);
      assert.deepEqual(series.claimed, series.held);
      assert.equal(refusedGrowths > 0, hosts === 3);
    }
  });

  it('does where it is not, and needs migrations then', () => {
    const { overHostHours, worstHost, migrationsToRelieve, refusedGrowths, series } = run('unclaimed', 4);
    assert.ok(overHostHours > 0 && worstHost > 1 && migrationsToRelieve > 0);
    assert.equal(refusedGrowths, 0);
    assert.ok(Math.max(...series.claimed) < Math.min(...series.held));
  });

  it('in plain Nova is a day on which nothing grows, and creates are refused instead', () => {
    const { growths, refusedCreates, series } = run('nova', 4);
    assert.equal(growths, 0);
    assert.ok(refusedCreates > 0);
    assert.deepEqual(series.claimed, series.held);
  });
});

describe('a chart', () => {
  it('has axes that end at a round step above the most', () => {
    const ends = [0, 0.7, 7, 30, 71, 999].map((most) => {
      const { step, to } = axisTo(most, 'y');
      return to / step <= 8 && to >= most && (most === 0 || to - most < step) ? 'fits' : `${most}: ${to} by ${step}`;
    });
    assert.deepEqual(ends, ['fits', 'fits', 'fits', 'fits', 'fits', 'fits']);
  });

  it('escapes what it says', () => {
    const axis = axisTo(1, 'a < b');
    const line = { label: '<script>&', points: [[0, 0] as const, [1, 1] as const], color: '#123456' };
    const svg = svgOf({ title: 't', x: axis, y: axis, lines: [line] });
    assert.match(svg, /&lt;script&gt;&amp;/);
    assert.match(svg, /a &lt; b/);
    assert.doesNotMatch(svg, /<script/);
  });
});
