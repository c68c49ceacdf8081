import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeTakeTurns } from '../../../src/base/take-turns.ts';

describe('taking turns', () => {
  it('does so much at once, and whoever asked for much waits for himself', async () => {
    const turns = makeTakeTurns(2);
    const began: string[] = [];
    let running = 0;
    let most = 0;
    const work = (name: string) => async () => {
      began.push(name);
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return name;
    };
    const asked = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'];
    const done = await Promise.all(asked.map((name) => turns(name.slice(0, 1), work(name))));
    assert.deepEqual(done, asked);
    assert.equal(most, 2);
    assert.deepEqual(began, ['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2']);
  });

  it('goes on after work that fails', async () => {
    const turns = makeTakeTurns(1);
    const failing = turns('a', () => Promise.reject(new Error('away')));
    const next = turns('a', async () => 'done');
    await assert.rejects(failing, /away/);
    assert.equal(await next, 'done');
    assert.equal(await turns('b', async () => 'and free'), 'and free');
  });
});
