import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bestCpuTopology, cpuTopologyRequestOf } from '../../../../src/domain/numa/cpu-topology.ts';

type Specs = Record<string, string>;

const wish = (extraSpecs: Specs, properties: Specs = {}) => cpuTopologyRequestOf({ extraSpecs }, { properties });
const best = (vcpus: number, extraSpecs: Specs, properties: Specs = {}) => {
  const found = bestCpuTopology(vcpus, wish(extraSpecs, properties));
  return found && [found.sockets, found.cores, found.threads];
};

describe('sockets, cores and threads', () => {
  it('are left to the hypervisor where nothing is wished', () => {
    assert.equal(best(4, {}), null);
  });

  it('are the way that comes closest, sockets before cores before threads', () => {
    assert.deepEqual(best(4, { 'hw:cpu_sockets': '1' }), [1, 4, 1]);
    assert.deepEqual(best(8, { 'hw:cpu_max_sockets': '2' }), [2, 4, 1]);
    assert.deepEqual(best(8, { 'hw:cpu_max_sockets': '1', 'hw:cpu_threads': '2' }), [1, 4, 2]);
    // no way has three sockets: as if nothing were wished
    assert.deepEqual(best(4, { 'hw:cpu_sockets': '3' }), [4, 1, 1]);
  });

  it('are the image’s where it wishes any, and the flavor’s are then forgotten', () => {
    assert.deepEqual(best(8, { 'hw:cpu_sockets': '2', 'hw:cpu_threads': '2' }, { hw_cpu_cores: '8' }), [1, 8, 1]);
    // a bound that the image lowered undoes the flavor's wish
    assert.deepEqual(best(8, { 'hw:cpu_sockets': '8' }, { hw_cpu_max_sockets: '2' }), [2, 4, 1]);
  });

  it('are refused in the words of Nova', () => {
    assert.throws(() => wish({ 'hw:cpu_max_cores': '2' }, { hw_cpu_max_cores: '4' }), {
      kind: 'badRequest',
      message:
        'Image vCPU topology limits (sockets=0, cores=4, threads=0) exceeds the limits of the flavor ' +
        '(sockets=0, cores=2, threads=0)',
    });
    assert.throws(() => wish({ 'hw:cpu_max_threads': '1' }, { hw_cpu_threads: '2' }), {
      message:
        'Image vCPU topology (sockets=0, cores=0, threads=2) exceeds the limits of the flavor or image ' +
        '(sockets=65536, cores=65536, threads=1)',
    });
    assert.throws(() => wish({ 'hw:cpu_cores': 'two' }), {
      message: "Invalid flavor extra spec. Error: invalid literal for int() with base 10: 'two'",
    });
    assert.throws(() => wish({}, { hw_cpu_cores: 'two' }), {
      message: "Invalid image metadata. Error: invalid literal for int() with base 10: 'two'",
    });
    assert.throws(() => best(5, { 'hw:cpu_max_sockets': '2', 'hw:cpu_max_cores': '2', 'hw:cpu_max_threads': '1' }), {
      message: 'Requested vCPU limits 2:2:1 are impossible to satisfy for vcpus count 5',
    });
  });

  it('always make up the number and stay within the bounds', () => {
    const count = fc.integer({ min: 1, max: 8 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 48 }), count, count, count, (vcpus, sockets, cores, maxThreads) => {
        const specs = {
          'hw:cpu_sockets': `${sockets}`,
          'hw:cpu_cores': `${cores}`,
          'hw:cpu_max_threads': `${maxThreads}`,
        };
        const found = best(vcpus, specs) as number[];
        assert.equal(
          found.reduce((product, part) => product * part),
          vcpus,
        );
        assert.ok((found[2] as number) <= maxThreads);
        if (vcpus % (sockets * cores) === 0 && vcpus / (sockets * cores) <= maxThreads) {
          assert.deepEqual(found.slice(0, 2), [sockets, cores]);
        }
      }),
    );
  });
});
