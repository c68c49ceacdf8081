import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  defaultQuota,
  fittingCount,
  limitProblem,
  limitsFrom,
  projectRange,
  type QuotaAccount,
  quotaProblem,
  userRange,
} from '../../../../src/domain/placement/quota-sets.ts';

const limit = fc.integer({ min: -1, max: 30 });
const used = fc.integer({ min: 0, max: 30 });
const account: fc.Arbitrary<QuotaAccount> = fc.record({
  limits: fc
    .record({ instances: limit, cores: limit, ram: limit })
    .map((limits) => limitsFrom({ ...defaultQuota }, limits)),
  used: fc.record({ instances: used, cores: used, ram: used }),
});
const accounts = fc.oneof(
  account.map((one) => [one] as const),
  fc.tuple(account, account),
);
const size = fc.record({ vcpus: fc.integer({ min: 1, max: 5 }), memoryMb: fc.integer({ min: 1, max: 5 }) });

const times = (each: { vcpus: number; memoryMb: number }, count: number) => ({
  instances: count,
  cores: each.vcpus * count,
  ram: each.memoryMb * count,
});

describe('quota', () => {
  it('lets in as many servers as fit into every account, and not one more', () => {
    fc.assert(
      fc.property(
        accounts,
        size,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 5 }),
        (all, each, min, more) => {
          const fitting = fittingCount(all, each, min, min + more);
          if ('message' in fitting) {
            assert.notEqual(quotaProblem(all, times(each, min)), null);
            assert.match(fitting.message, /^Quota exceeded for [a-z, ]+: Requested /);
            return;
          }
          assert.ok(fitting.count >= min && fitting.count <= min + more);
          assert.equal(quotaProblem(all, times(each, fitting.count)), null);
          if (fitting.count < min + more) assert.notEqual(quotaProblem(all, times(each, fitting.count + 1)), null);
        },
      ),
    );
  });

  it('speaks of the user where a limit of the user’s own is exceeded', () => {
    const project = { limits: { ...defaultQuota, cores: 8 }, used: { instances: 0, cores: 4, ram: 0 } };
    const user = { limits: { ...defaultQuota, cores: 3 }, used: { instances: 0, cores: 2, ram: 0 } };
    const more = { instances: 0, cores: 2, ram: 0 };
    const text = (cores: number) => quotaProblem([project, user], { ...more, cores });
    assert.equal(text(2), 'Quota exceeded for cores: Requested 2, but already used 2 of 3 cores');
    assert.equal(text(5), 'Quota exceeded for cores: Requested 5, but already used 4 of 8 cores');
    assert.equal(quotaProblem([project], more), null);
  });

  it('may be set between what is used and what is left', () => {
    fc.assert(
      fc.property(
        limit,
        fc.integer({ min: 0, max: 20 }),
        limit,
        used,
        fc.integer({ min: -1, max: 40 }),
        (whole, shared, own, inUse, wanted) => {
          const inf = (value: number) => (value === -1 ? Number.POSITIVE_INFINITY : value);
          const project = limitProblem(
            'cores',
            wanted,
            projectRange(whole, whole === -1 ? 0 : Math.min(shared, whole), inUse),
          );
          assert.equal(
            project === null,
            inf(wanted) >= inUse && (whole === -1 || inf(wanted) >= Math.min(shared, whole)),
          );
          if (whole === -1 || own === -1) return;
          const others = Math.min(shared, whole);
          const user = limitProblem('cores', wanted, userRange(whole, others, own, inUse));
          assert.equal(user === null, inf(wanted) >= inUse && inf(wanted) <= whole - others + own);
        },
      ),
    );
  });
});
