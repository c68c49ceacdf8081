// Why: a few users do different things at once, with each other's servers too, and the process is killed under them, again and
// again on the same data. Whatever was under way, afterwards all is in order: claims, ports, guests, usage, and no server stuck.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { countOpenActions } from '../../src/db/cloud-counts.ts';
import { openWorld, passTime } from '../support/crash-child.ts';
import { prepareUsers } from '../support/crash-users-child.ts';
import { engines } from '../support/database.ts';
import { freshMariadb } from '../support/mariadb.ts';
import { scratchDir } from '../support/scratch.ts';

const CHILD = join(import.meta.dirname, '../support/crash-users-child.ts');
/** After so many points the process dies: in the midst of what is under way then. */
const DEATHS =
  process.env['XLOUD_CRASH'] === 'all' ? Array.from({ length: 30 }, (_, i) => 40 + 23 * i) : [60, 170, 110];
const nothing = (): void => undefined;

const die = (args: readonly string[]): Promise<NodeJS.Signals | null> =>
  new Promise((resolve, reject) => {
    execFile(process.execPath, [CHILD, ...args], (error, _stdout, stderr) => {
      if (error?.signal) resolve(error.signal);
      else reject(new Error(`the child ended: ${stderr}`));
    });
  });

for (const engine of engines) {
  describe(`users beside each other under kill -9 on ${engine}`, () => {
    it('find everything in order afterwards, each time', async (t) => {
      const directory = mkdtempSync(join(scratchDir(), 'xloud-users-'));
      const mariadb = engine === 'mysql' ? await freshMariadb() : null;
      const url = mariadb?.url ?? `sqlite://${join(directory, 'xloud.db')}`;
      t.after(async () => {
        await mariadb?.drop();
        rmSync(directory, { recursive: true, force: true });
      });
      const first = await openWorld(directory, 'create', nothing, url);
      await prepareUsers(first);
      await first.close();
      for (const [seed, points] of DEATHS.entries()) {
        assert.equal(await die([directory, url, String(1000 * seed + 1), String(points)]), 'SIGKILL');
        const world = await openWorld(directory, 'create', nothing, url);
        await passTime(world);
        await world.settled();
        await world.worker().reconcile();
        await world.settled();
        const where = `killed at point ${points} of run ${seed}`;
        assert.deepEqual(await countOpenActions(world.database.read), [], where);
        assert.deepEqual(await world.leftovers(), [], where);
        await world.close();
      }
    });
  });
}
