// Wrong passwords by the hundred: whoever knows his own is let in meanwhile, the sender is told to wait, and what nobody waits for
// is not computed. A hash is made when the test says so: it counts what goes first, on a machine of any speed. On both engines.

import assert from 'node:assert/strict';
import { type ClientRequest, request } from 'node:http';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../../src/base/limits.ts';
import { HASHES_AT_ONCE, makePasswords, type Passwords } from '../../../src/standalone/identity/passwords.ts';
import { engines } from '../../support/database.ts';
import { startWalkedCloud } from '../../support/walkers.ts';

const FLOOD = 258;
/** Those of one user at one address that are at work, and those that wait; all others are refused. */
const TAKEN = HASHES_AT_ONCE + limits.passwordHashesPerUser;
const WRONG = 'no';
/** What the other users of this cloud are called for. */
const OTHER = 'walk';

/** Passwords whose hashes cost nothing; from `hold` on each is made only when it is let go. */
function heldPasswords() {
  const held: { readonly password: string; readonly letGo: () => void }[] = [];
  const asked: string[] = [];
  const begun: string[] = [];
  let holds = false;
  const real = makePasswords({ N: 2, r: 1, p: 1 }, async (password, salt, _, bytes) => {
    begun.push(password);
    if (holds) await new Promise<void>((resolve) => held.push({ password, letGo: resolve }));
    return Buffer.concat([Buffer.from(password), salt, Buffer.alloc(bytes)]).subarray(0, bytes);
  });
  const passwords: Passwords = {
    ...real,
    matches(password, stored, turn) {
      const answer = real.matches(password, stored, turn);
      // by now it is at work, or waits, or is refused
      asked.push(password);
      return answer;
    },
  };
  return {
    passwords,
    /** The passwords that were asked about, and those whose hash was begun, in this order. */
    asked,
    begun,
    hold: () => void (holds = true),
    /** The one of this password that is held for longest. */
    letGo(password: string) {
      const at = held.findIndex((one) => one.password === password);
      assert.ok(at >= 0, `no hash of '${password}' is under way`);
      held.splice(at, 1)[0]?.letGo();
    },
    release() {
      holds = false;
      for (const { letGo } of held.splice(0)) letGo();
    },
  };
}

/** Until it is so; whoever waits in vain is ended by the runner. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(5);
}

/** Sends logins with the wrong password, all at once. */
function flooded(url: string) {
  const identity = {
    methods: ['password'],
    password: { user: { name: 'victim', domain: { id: 'default' }, password: WRONG } },
  };
  const body = JSON.stringify({ auth: { identity } });
  const statuses: number[] = [];
  const retryAfter: unknown[] = [];
  const sent = Array.from({ length: FLOOD }, (): ClientRequest => {
    const one = request(`${url}/identity/v3/auth/tokens`, {
      method: 'POST',
      agent: false,
      headers: { 'Content-Type': 'application/json' },
    });
    one.on('response', (answer) => {
      statuses.push(answer.statusCode ?? 0);
      retryAfter.push(answer.headers['retry-after']);
      answer.resume();
    });
    one.on('error', () => {});
    one.end(body);
    return one;
  });
  return {
    statuses,
    retryAfter,
    end() {
      for (const one of sent) one.destroy();
    },
  };
}

for (const engine of engines) {
  describe(`a flood of logins on ${engine}`, () => {
    it('does not keep others out, and ends with its connections', async () => {
      const hashes = heldPasswords();
      const { passwords, asked, begun, hold } = hashes;
      const cloud = await startWalkedCloud(engine, { passwords });
      try {
        hold();
        const flood = flooded(cloud.url);
        await until(() => flood.statuses.length === FLOOD - TAKEN);
        assert.deepEqual([new Set(flood.statuses), new Set(flood.retryAfter)], [new Set([429]), new Set(['5'])]);
        assert.equal(begun.filter((password) => password === WRONG).length, HASHES_AT_ONCE);

        const before = asked.length;
        const right = cloud.login('member');
        await until(() => asked.length > before);
        // of those that wait, one of the flood's goes first where it is its turn
        for (let goes = 0; goes < 2; goes += 1) {
          const count = begun.length;
          hashes.letGo(WRONG);
          await until(() => begun.length > count);
        }
        assert.ok(begun.slice(-2).includes(OTHER), 'more than one of the flood went first');
        hashes.letGo(OTHER);
        assert.equal((await right).status, 201);

        flood.end();
        await until(async () => (await cloud.connections()) === 0);
        const count = begun.length;
        const last = cloud.login('victim');
        await until(() => asked.length > before + 1);
        hashes.release();
        assert.equal((await last).status, 401);
        assert.deepEqual(begun.slice(count), [OTHER], 'what nobody waits for was computed');
      } finally {
        hashes.release();
        await cloud.close();
      }
    });
  });
}
