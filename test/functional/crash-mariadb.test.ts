// Why: as crash.test.ts, on MariaDB, where a transaction ends when the server notices that its client is gone, and locks are of rows.
// A few points of the actions that touch most; `make crash` goes through all of them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openWorld, perform, prepare, type Verb, verbs } from '../support/crash-child.ts';
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
import { freshMariadb } from '../support/mariadb.ts';
import { scratchDir } from '../support/scratch.ts';

const whole = process.env['XLOUD_CRASH'] === 'all';
const mine: readonly Verb[] = whole ? verbs : ['create', 'attach', 'resize', 'live-migrate'];
const POINTS = whole ? Infinity : 2;
const AT_ONCE = 2;
const nothing = (): void => undefined;

/** A place of its own for one run, with what stands before anything is asked. */
async function prepared(verb: Verb): Promise<{ directory: string; url: string; close: () => Promise<void> }> {
  const directory = mkdtempSync(join(scratchDir(), 'xloud-crash-'));
  const { url, drop } = await freshMariadb();
  const world = await openWorld(directory, verb, nothing, url);
  await prepare(world, verb);
  await world.close();
  return {
    directory,
    url,
    async close() {
      await drop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The points that an action passes, in their order. */
async function pointsOf(verb: Verb): Promise<Point[]> {
  const { directory, url, close } = await prepared(verb);
  const points: Point[] = [];
  const world = await openWorld(
    directory,
    verb,
    (name) => {
      points.push({ name, occurrence: points.filter((point) => point.name === name).length + 1 });
    },
    url,
  );
  const begun = points.length;
  await perform(world, verb);
  assert.equal(await endOf(world), expected[verb]);
  await world.close();
  await close();
  return points.slice(begun);
}

async function kill(verb: Verb, point: Point): Promise<Result> {
  const place = await prepared(verb);
  const result = await killAt(place, verb, point);
  await place.close();
  return result;
}

describe('kill -9 on MariaDB', { concurrency: 1 }, () => {
  for (const verb of mine) {
    it(`${verb} ends as asked, with nothing left over`, async () => {
      const results = await inLanes(AT_ONCE, some(await pointsOf(verb), POINTS), (point) => kill(verb, point));
      assert.ok(results.some(wasReached), 'nothing was killed');
      assert.deepEqual(results.filter(isBad), []);
    });
  }
});
