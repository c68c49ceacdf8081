import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ascending, readCpuSet, writeCpuSet } from '../../../../src/domain/numa/cpu-set.ts';

describe('sets of processors', () => {
  it('are read in the syntax of Nova', () => {
    const cpus = (text: string) => readCpuSet(text).cpus;
    assert.deepEqual(cpus('4-12,^8,15'), [4, 5, 6, 7, 9, 10, 11, 12, 15]);
    assert.deepEqual(cpus(' 3 , 1,, ^ 2 '), [1, 3]);
    assert.deepEqual(cpus('0-5,^2-4'), [0, 1, 5]);
    assert.deepEqual(cpus(''), []);
  });

  it('are refused in the words of Nova', () => {
    const problem = (text: string) => readCpuSet(text).problem;
    assert.equal(problem('3-1'), "Invalid range expression '3-1'");
    assert.equal(problem('0,a-2'), "Invalid range expression 'a-2'");
    assert.equal(problem('x'), "Invalid inclusion expression 'x'");
    assert.equal(problem('1,^'), "Invalid exclusion expression '^'");
    assert.equal(problem('0-4000000000'), "Invalid range expression '0-4000000000'");
  });

  it('are written so that they are read again', () => {
    assert.equal(writeCpuSet([8, 0, 1, 2]), '0-2,8');
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(64)), (cpus) => {
        assert.deepEqual(readCpuSet(writeCpuSet(cpus)).cpus, ascending(cpus));
      }),
    );
  });
});
