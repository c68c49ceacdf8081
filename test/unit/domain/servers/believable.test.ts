import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { areAmounts } from '../../../../src/base/invariant.ts';
import { believable, believableView } from '../../../../src/domain/servers/believable.ts';
import { type AdjustOutcome, type GuestView, lettingGo, lettingGoOf } from '../../../../src/domain/servers/guests.ts';
import { power } from '../../../../src/domain/servers/servers.ts';

const maximum = { vcpus: 4, memoryMb: 1024 };
const view = (more: Partial<GuestView> = {}): GuestView => ({
  ...{ uuid: 'u', powerState: power.running, size: { vcpus: 2, memoryMb: 512 }, maximum },
  ...{ onlineVcpus: 2, availableMb: 400 },
  ...more,
});

const part = { target: 2, reached: 2, held: 2, confirmedBy: 'guest', method: 'hotplug', problem: null } as const;
const outcome = (vcpus: object, memoryMb: object, seen: GuestView = view()): AdjustOutcome => ({
  vcpus: { ...part, ...vcpus },
  memoryMb: { ...part, target: 512, reached: 512, held: 512, ...memoryMb },
  view: seen,
});

/** Whatever may stand where a number should. */
const said = fc.oneof(
  fc.integer({ min: -20, max: 2_000 }),
  fc.double(),
  fc.constantFrom(0, -1, 2 ** 44, 2 ** 64, NaN, Infinity, -Infinity),
);

describe('what a guest says of itself', () => {
  it('is taken as it is where it can be', () => {
    for (const seen of [view(), view({ onlineVcpus: 1 }), view({ onlineVcpus: null, availableMb: null })])
      assert.deepEqual(believable(seen), seen);
    assert.deepEqual(believable(view({ heldVcpus: 1 })), view({ heldVcpus: 1 }));
    const answer = outcome({ target: 1, reached: 1 }, {});
    assert.deepEqual(believable(answer), answer);
  });

  it('is never no vCPU at all, nor more than are plugged', () => {
    const online = (onlineVcpus: number) => believableView(view({ onlineVcpus })).onlineVcpus;
    assert.deepEqual([0, -3, 1, 2, 4, 9].map(online), [1, 1, 1, 2, 2, 2]);
    assert.equal(online(NaN), null, 'then nobody said anything');
  });

  it('is never less memory than none, nor more than its maximum', () => {
    const memory = (memoryMb: number) => believableView(view({ size: { vcpus: 2, memoryMb } })).size.memoryMb;
    assert.deepEqual([-1, 0, 512, 1024, 1025, 2 ** 44].map(memory), [0, 0, 512, 1024, 1024, 1024]);
    assert.equal(memory(NaN), 1024, 'so much it may hold');
    const available = (availableMb: number) => believableView(view({ availableMb })).availableMb;
    assert.deepEqual([-1, 0, 400, 2 ** 54, NaN].map(available), [0, 0, 400, 1024, null]);
  });

  it('is no answer to an adjustment that cannot be', () => {
    const answer = believable(outcome({ target: 4, reached: 4, held: 0 }, { reached: -5, held: 2 ** 44 }));
    assert.deepEqual([answer.vcpus.reached, answer.vcpus.held], [2, 1]);
    assert.deepEqual([answer.memoryMb.reached, answer.memoryMb.held], [0, 1024]);
    const off = believable(outcome({ reached: 3 }, {}, view({ powerState: power.shutdown, onlineVcpus: null })));
    assert.equal(off.vcpus.reached, 3, 'one that is off has no vCPUs plugged');
  });

  it('lets no vCPU go that it needs', () => {
    assert.equal(lettingGo(view({ onlineVcpus: 0 }), null).heldVcpus, 1);
    assert.equal(lettingGo(view({ onlineVcpus: 9 }), null).heldVcpus, undefined);
    assert.equal(lettingGo(view({ powerState: power.paused, onlineVcpus: null }), 0).heldVcpus, 1);
    assert.equal(lettingGoOf(outcome({ reached: 0 }, {})).vcpus.held, 1);
  });

  it('is whole numbers within their bounds, whatever it was, and believed a second time as the first', () => {
    fc.assert(
      fc.property(said, said, said, said, said, (online, memoryMb, availableMb, reached, held) => {
        const seen = view({ onlineVcpus: online, availableMb, size: { vcpus: 2, memoryMb }, heldVcpus: held });
        const heard = believable(outcome({ reached, held }, { reached, held }, seen));
        const { size, onlineVcpus, availableMb: left, heldVcpus } = heard.view;
        assert.ok(areAmounts(size.memoryMb, onlineVcpus ?? 1, left ?? 0, heard.memoryMb.reached, heard.memoryMb.held));
        assert.ok(Math.max(size.memoryMb, left ?? 0, heard.memoryMb.reached, heard.memoryMb.held) <= maximum.memoryMb);
        for (const vcpus of [onlineVcpus ?? 1, heldVcpus ?? 1, heard.vcpus.reached])
          assert.ok([1, 2].includes(vcpus), `${vcpus} of 2`);
        assert.ok(heard.vcpus.held >= 1 && heard.vcpus.held <= maximum.vcpus);
        assert.deepEqual(believable(heard), heard);
      }),
    );
  });

  it('is found in every reply that has it, and other replies stay', () => {
    const odd = view({ onlineVcpus: 0 });
    assert.deepEqual(believable([odd, view()]), [view({ onlineVcpus: 1 }), view()]);
    for (const reply of [null, true, 'text', { done: true, disk: { processed: 1 } }, []])
      assert.deepEqual(believable(reply), reply);
  });
});
