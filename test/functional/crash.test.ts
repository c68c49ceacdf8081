// Why: a 202 is a promise that survives kill -9. A process with a whole cloud in files is killed at points of every action, in the
// steps and between them; a new one finds the files and must end in what was asked for, or in a clean, recorded failure.
// A few points of each; `make crash` goes through all of them, and the simulation stops processes anywhere.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openWorld, perform, prepare, verbs } from '../support/crash-child.ts';
import {
  endOf,
  expected,
  inLanes,
  isBad,
  killAt,
  type Point,
  type Result,
  some,
  wasReached,
} from '../support/crash-end.ts';
import { scratchDir } from '../support/scratch.ts';

const POINTS = process.env['XLOUD_CRASH'] === 'all' ? Infinity : 2;
const AT_ONCE = 2;
const nothing = (): void => undefined;

describe('kill -9 at points of every action', () => {
  const base = mkdtempSync(join(scratchDir(), 'xloud-crash-'));
  const results: Result[] = [];
  after(() => {
    rmSync(base, { recursive: true, force: true });
    const width = Math.max(...results.map(({ verb, name }) => verb.length + name.length));
    for (const { verb, name, occurrence, ended, problems } of results) {
      const place = `${verb} @ ${name}`.padEnd(width + 4);
      console.log(`${place} #${occurrence}  ${ended}${problems.length > 0 ? `  LEFT: ${problems.join('; ')}` : ''}`);
    }
    const bad = results.filter(isBad);
    console.log(`${results.length} kills, ${bad.length} with leftovers or a wrong end`);
  });

  for (const verb of verbs) {
    describe(verb, () => {
      const start = join(base, verb);
      const points: Point[] = [];

      before(async () => {
        const world = await openWorld(start, verb, nothing);
        await prepare(world, verb);
        await world.close();
        // once without a kill, in a copy, to learn the points
        const copy = `${start}-dry`;
        cpSync(start, copy, { recursive: true });
        const counts = new Map<string, number>();
        const dry = await openWorld(copy, verb, (name) => counts.set(name, (counts.get(name) ?? 0) + 1));
        await perform(dry, verb);
        assert.equal(await endOf(dry), expected[verb]);
        await dry.close();
        for (const [name, count] of counts) {
          for (let occurrence = 1; occurrence <= count; occurrence += 1) points.push({ name, occurrence });
        }
      });

      it('ends as asked, with nothing left over', async () => {
        assert.ok(points.length >= 5, `only ${points.length} points`);
        const mine = await inLanes(AT_ONCE, some(points, POINTS), async (point) => {
          const directory = `${start}-${point.name}-${point.occurrence}`;
          cpSync(start, directory, { recursive: true });
          const result = await killAt({ directory }, verb, point);
          rmSync(directory, { recursive: true, force: true });
          return result;
        });
        results.push(...mine);
        assert.deepEqual(mine.filter(isBad), []);
        // delete-building races two actions, so its points may differ from run to run; the others may not
        if (verb !== 'delete-building') assert.ok(mine.every(wasReached));
      });
    });
  }
});
