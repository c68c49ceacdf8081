import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import { makeMailboxes } from '../../../src/agent/mailbox.ts';

const command = (key: string) => ({ key, joinRunning: true });
const reading = (key: string) => ({ key, joinRunning: false });
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Work that ends when it is told to. */
function gate(): { readonly open: () => void; readonly work: () => Promise<void> } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), work: () => passed };
}

describe('mailboxes', () => {
  it('do one thing at a time for a guest, in order, and different guests at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(3), fc.boolean()), { maxLength: 30 }),
        async (letters) => {
          const mailboxes = makeMailboxes();
          const busy = new Set<string>();
          const order: string[] = [];
          const answers = letters.map(([uuid, ticks, fails], index) =>
            mailboxes.post(uuid, command(String(index)), async () => {
              assert.ok(!busy.has(uuid), 'one at a time');
              busy.add(uuid);
              for (let i = 0; i < ticks; i += 1) await Promise.resolve();
              busy.delete(uuid);
              order.push(`${uuid}${index}`);
              if (fails) throw new Error(String(index));
              return index;
            }),
          );
          const settled = await Promise.allSettled(answers);
          settled.forEach((result, index) => {
            const fails = letters[index]?.[2];
            if (result.status === 'fulfilled') assert.equal(result.value, index);
            else assert.equal((result.reason as Error).message, String(index));
            assert.equal(result.status === 'rejected', fails);
          });
          for (const uuid of ['a', 'b', 'c']) {
            const mine = order.filter((entry) => entry.startsWith(uuid)).map((entry) => Number(entry.slice(1)));
            assert.deepEqual(
              mine,
              mine.toSorted((x, y) => x - y),
            );
          }
          await mailboxes.idle();
          assert.equal(mailboxes.size(), 0);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('run different guests at once', async () => {
    const mailboxes = makeMailboxes();
    const first = gate();
    const slow = mailboxes.post('a', command('x'), first.work);
    assert.equal(await mailboxes.post('b', command('x'), async () => 'done'), 'done');
    first.open();
    await slow;
  });

  it('absorb an equal command that waits or runs', async () => {
    const mailboxes = makeMailboxes();
    let runs = 0;
    const first = gate();
    const work = async () => {
      runs += 1;
      await first.work();
      return runs;
    };
    const one = mailboxes.post('a', command('adjust 2'), work);
    await tick();
    const two = mailboxes.post('a', command('adjust 2'), work);
    first.open();
    assert.deepEqual(await Promise.all([one, two]), [1, 1]);
    assert.equal(await mailboxes.post('a', command('adjust 2'), work), 2, 'after that it is done again');
  });

  it('do not absorb over something that stands between', async () => {
    const mailboxes = makeMailboxes();
    const seen: string[] = [];
    const post = (key: string) => mailboxes.post('a', command(key), async () => void seen.push(key));
    await Promise.all([post('two'), post('three'), post('two')]);
    assert.deepEqual(seen, ['two', 'three', 'two']);
  });

  it('read again what is being read, but not what still waits', async () => {
    const mailboxes = makeMailboxes();
    let reads = 0;
    const first = gate();
    const read = async () => {
      reads += 1;
      await first.work();
    };
    const one = mailboxes.post('a', reading('inspect'), read);
    await tick();
    const two = mailboxes.post('a', reading('inspect'), read);
    const three = mailboxes.post('a', reading('inspect'), read);
    first.open();
    await Promise.all([one, two, three]);
    assert.equal(reads, 2);
  });

  it('take only so many letters', async () => {
    const mailboxes = makeMailboxes();
    const first = gate();
    const waiting = Array.from({ length: limits.mailboxLetters }, (_, index) =>
      mailboxes.post('a', command(String(index)), first.work),
    );
    await assert.rejects(
      mailboxes.post('a', command('one more'), first.work),
      (error) => error instanceof Fault && error.kind === 'unavailable',
    );
    first.open();
    await Promise.all(waiting);
  });
});
