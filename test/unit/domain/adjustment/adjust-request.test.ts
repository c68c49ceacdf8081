import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../../src/base/errors.ts';
import { parseAdjust } from '../../../../src/domain/adjustment/adjust-request.ts';

describe('the body of an adjustment', () => {
  const accepted: readonly [body: unknown, wish: object][] = [
    [{ current_vcpus: 2 }, { vcpus: 2, memoryMb: null, persist: true, mayMigrate: null }],
    [{ current_memory_mb: '512' }, { vcpus: null, memoryMb: 512, persist: true, mayMigrate: null }],
    [
      { current_vcpus: null, current_memory_mb: 1, persist: false },
      { vcpus: null, memoryMb: 1, persist: false, mayMigrate: null },
    ],
    [
      { current_vcpus: '03', current_memory_mb: 256 },
      { vcpus: 3, memoryMb: 256, persist: true, mayMigrate: null },
    ],
    [
      { current_vcpus: 2, may_migrate: true },
      { vcpus: 2, memoryMb: null, persist: true, mayMigrate: true },
    ],
  ];
  for (const [body, wish] of accepted)
    it(`takes ${JSON.stringify(body)}`, () => assert.deepEqual(parseAdjust(body), wish));

  const refused: readonly [body: unknown, message: string | RegExp][] = [
    [null, 'Body must be JSON object'],
    [[], 'Body must be JSON object'],
    ['{}', 'Body must be JSON object'],
    [{}, 'Provide current_vcpus and/or current_memory_mb'],
    [{ persist: true }, 'Provide current_vcpus and/or current_memory_mb'],
    [{ current_vcpus: null, current_memory_mb: null }, 'Provide current_vcpus and/or current_memory_mb'],
    [{ current_vcpus: 2.5 }, 'current_vcpus must be int'],
    [{ current_vcpus: '2.5' }, 'current_vcpus must be int'],
    [{ current_vcpus: '²' }, 'current_vcpus must be int'],
    [{ current_vcpus: ' 2' }, 'current_vcpus must be int'],
    [{ current_vcpus: '1_000' }, 'current_vcpus must be int'],
    [{ current_vcpus: '+2' }, 'current_vcpus must be int'],
    [{ current_vcpus: true }, 'current_vcpus must be int'],
    [{ current_vcpus: [2] }, 'current_vcpus must be int'],
    [{ current_vcpus: '' }, 'current_vcpus must be int'],
    [{ current_memory_mb: 0 }, 'current_memory_mb must be >= 1'],
    [{ current_memory_mb: -5 }, 'current_memory_mb must be >= 1'],
    [{ current_memory_mb: 2 ** 40 }, /must be <=/],
    [{ current_vcpus: 2, persist: 'false' }, 'persist must be boolean'],
    [{ current_vcpus: 2, may_migrate: 1 }, 'may_migrate must be boolean'],
    [{ may_migrate: true }, 'Provide current_vcpus and/or current_memory_mb'],
    [{ current_vcpus: 2, persist: null }, 'persist must be boolean'],
    [{ current_vcpus: 2, current_vcpu: 3 }, "Additional properties are not allowed ('current_vcpu' was unexpected)"],
  ];
  for (const [body, message] of refused) {
    it(`refuses ${JSON.stringify(body)}`, () =>
      assert.throws(() => parseAdjust(body), { kind: 'badRequest', message }));
  }

  it('answers any JSON value with a wish or a 400', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        try {
          const wish = parseAdjust(body);
          assert.ok((wish.vcpus ?? wish.memoryMb ?? 0) >= 1);
        } catch (error) {
          assert.ok(error instanceof Fault && error.kind === 'badRequest');
        }
      }),
    );
  });
});
