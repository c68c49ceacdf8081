import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeFairGate, type Turn } from '../../../../src/standalone/identity/turns.ts';

const BOUNDS = { atOnce: 1, perUser: 4, perAddress: 6, total: 8 };

/** A gate whose work ends when it is told to, with the order in which it began. */
function stage(bounds = BOUNDS) {
  const gate = makeFairGate(bounds);
  const began: string[] = [];
  const ends: (() => void)[] = [];
  const ask = (name: string, turn: Turn) => {
    const done = gate(turn, async () => {
      began.push(name);
      await new Promise<void>((resolve) => ends.push(resolve));
    });
    done.catch(() => {});
    return done;
  };
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  /** Lets everything that has begun end until nothing begins. */
  const finish = async () => {
    for (await settle(); ends.length > 0; await settle()) ends.shift()?.();
    return began;
  };
  return { ask, finish, settle, began };
}

const at = (address: string, user: string, signal?: AbortSignal): Turn => ({
  address,
  user,
  ...(signal === undefined ? {} : { signal }),
});

describe('turns', () => {
  it('go round the addresses, and round the users of one', async () => {
    const { ask, finish } = stage();
    for (const name of ['a1', 'a2', 'a3']) void ask(name, at('A', 'x'));
    void ask('a4', at('A', 'y'));
    for (const name of ['b1', 'b2']) void ask(name, at('B', 'x'));
    assert.deepEqual(await finish(), ['a1', 'a2', 'b1', 'a4', 'b2', 'a3']);
  });

  it('are refused over the bound of a user at an address, of an address, of all', async () => {
    const { ask, finish } = stage();
    void ask('first', at('Z', 'z'));
    for (let i = 0; i < 4; i += 1) void ask(`x${i}`, at('A', 'x'));
    await assert.rejects(ask('more', at('A', 'x')), { kind: 'overLimit', retryAfterSeconds: 5 });
    for (let i = 0; i < 2; i += 1) void ask(`y${i}`, at('A', `y${i}`));
    await assert.rejects(ask('more', at('A', 'new')), { kind: 'overLimit' });
    for (let i = 0; i < 2; i += 1) void ask(`b${i}`, at('B', 'x'));
    await assert.rejects(ask('more', at('C', 'x')), { kind: 'unavailable', retryAfterSeconds: 5 });
    assert.equal((await finish()).length, 9);
    void ask('again', at('A', 'x'));
    assert.equal((await finish()).length, 10, 'nothing is left of those who waited');
  });

  it("are one address's: all of the /64 that a client has of IPv6, and an IPv4 address in either form", async () => {
    const { ask, finish, settle } = stage();
    const refusal = (done: Promise<void>) =>
      Promise.race([done.catch((error: { kind: string }) => error.kind), settle().then(() => 'none')]);
    void ask('first', at('Z', 'z'));
    for (let i = 0; i < 5; i += 1) void ask(`a${i}`, at(`2001:db8:0:1:${i}::1`, `x${i}`));
    void ask('c', at('192.0.2.1', 'x'));
    void ask('d', at('::ffff:192.0.2.1', 'y'));
    assert.equal(await refusal(ask('a5', at('2001:db8:0:1::5', 'x5'))), 'none');
    assert.equal(await refusal(ask('a6', at('2001:db8:0:1::6', 'x6'))), 'overLimit');
    assert.deepEqual((await finish()).slice(0, 5), ['first', 'a0', 'c', 'a1', 'd']);
  });

  it('are given up by whoever is gone, and what fails hands its place over', async () => {
    const { ask, finish, began } = stage();
    const gone = new AbortController();
    void ask('first', at('A', 'x'));
    const left = ask('left', at('A', 'x', gone.signal));
    void ask('last', at('A', 'x'));
    gone.abort();
    await assert.rejects(left, { kind: 'unavailable' });
    await assert.rejects(ask('late', at('B', 'x', gone.signal)), { kind: 'unavailable' });
    assert.deepEqual(await finish(), ['first', 'last']);
    const gate = makeFairGate(BOUNDS);
    const failed = gate(at('A', 'x'), async () => {
      throw new Error('no');
    });
    const next = gate(at('A', 'x'), async () => 'yes');
    await assert.rejects(failed, /no/);
    assert.equal(await next, 'yes');
    assert.equal(began.includes('left'), false);
  });
});
