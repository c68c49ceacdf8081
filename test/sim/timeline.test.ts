// One event has all its consequences before the next one comes, also those that the machine takes its time for.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { makeDice } from './dice.ts';
import { Timeline } from './timeline.ts';

const LOOKS = 20;

const consequences = {
  'of promises': async () => undefined,
  'of later turns of the loop': async () => {
    for (let look = 0; look < LOOKS; look += 1) await turn();
  },
  'of the file system': async () => {
    for (let look = 0; look < LOOKS; look += 1) await readdir('/nowhere').catch(() => undefined);
  },
};

describe('an event', () => {
  for (const [what, follow] of Object.entries(consequences)) {
    it(`has its consequences before the next: those ${what}`, async () => {
      const timeline = new Timeline(makeDice(1, 1));
      const told: string[] = [];
      timeline.after(1, null, () => void follow().then(() => told.push('followed')));
      timeline.after(2, null, () => told.push('next'));
      while (await timeline.step(Number.POSITIVE_INFINITY));
      assert.deepEqual(told, ['followed', 'next']);
    });
  }
});
