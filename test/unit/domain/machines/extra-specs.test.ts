import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { extraSpecFate, extraSpecProblem } from '../../../../src/domain/machines/extra-specs.ts';
import { costOf } from '../../../support/cost.ts';

describe('extra specs', () => {
  const cases: readonly [string, string, RegExp | null][] = [
    ['hw:cpu_policy', 'dedicated', null],
    ['hw:cpu_policy', 'Dedicated', /is not one of: dedicated, shared, mixed/],
    ['hw:numa_nodes', '0', /less than the min value of '1'/],
    ['hw:numa_nodes', 'two', /not a valid integer value/],
    ['hw:redirected_usb_ports', '16', /greater than the max value of '15'/],
    ['hw:cpu_realtime', 'yes', null],
    ['hw:cpu_realtime', 'maybe', /not a valid boolean-like value/],
    ['hw:numa_cpus.0', '0-3,^2', null],
    ['hw:numa_cpus.0', 'all', /not of the format/],
    ['hw:mem_page_size', '2MB', null],
    ['hw:cpu_polic', 'shared', /extra spec 'hw:cpu_polic' does not appear to be a valid extra spec/],
    ['hw:', 'x', /does not appear/],
    ['trait:HW_CPU_X86_AVX2', 'required', null],
    ['trait1:CUSTOM_GOLD', 'forbidden', null],
    ['trait:HW_CPU_X86_AVX2', 'wanted', /is not one of: required, forbidden/],
    ['trait:NO_SUCH', 'required', /does not appear/],
    ['resources:VCPU', '2', null],
    ['resources_nic:CUSTOM_X', 'x', /integer/],
    ['quota:disk_read_bytes_sec', '-1', /min value/],
    ['capabilities:cpu_info:model', 'x', null],
    ['capabilities:no_such', 'x', /does not appear/],
    ['aggregate_instance_extra_specs:ssd', 'true', null],
    ['minimum_cpu', '1', null],
    ['anything', 'goes', null],
    ['xloud:memory_method', 'balloon', null],
    ['xloud:nested_virtualization', 'on', null],
    ['xloud:nested_virtualization', 'maybe', /not a valid boolean-like value/],
    ['xloud:memory_metod', 'balloon', /extra spec 'xloud:memory_metod' does not appear/],
    ['mine:own', 'x', null],
    ['constructor:x', 'x', null],
    ['__proto__', 'x', null],
  ];
  for (const [name, value, expected] of cases) {
    it(`${name}=${value} is ${expected === null ? 'taken' : 'refused'}`, () => {
      const problem = extraSpecProblem(name, value);
      if (expected === null) assert.equal(problem, null);
      else assert.match(problem ?? '', expected);
    });
  }

  it('refuses the longest near misses at once', async () => {
    const cost = await costOf(() => {
      assert.notEqual(extraSpecProblem('hw:cpu_dedicated_mask', `0${',1-2'.repeat(63)}x`), null);
      assert.notEqual(extraSpecProblem('hw:pmem', `${'a'.repeat(254)}!`), null);
      assert.notEqual(extraSpecProblem('pci_passthrough:alias', `${'a:1 ,'.repeat(51)}`), null);
    });
    assert.ok(cost < 500, `${cost} ms`);
  });

  const nova = join(import.meta.dirname, '../../../support/nova/extra-specs.json');
  it('holds what Nova declares of every extra spec, and says what becomes of it', () => {
    interface Declared {
      readonly name: string;
      readonly type: 'string' | 'integer' | 'boolean';
      readonly min?: number;
      readonly max?: number;
      readonly enum?: readonly string[];
      readonly pattern?: string;
    }
    const declared = (JSON.parse(readFileSync(nova, 'utf8')) as { extraSpecs: readonly Declared[] }).extraSpecs;
    assert.ok(declared.length > 400);
    const values = [
      '',
      '0',
      '1',
      '-1',
      '15',
      '16',
      'true',
      'maybe',
      'required',
      'none',
      'a:1',
      '0-3',
      'large',
      'luks',
      'x y',
      '^1',
      '1,^2-3,4-5-6',
      '1,',
      '1-',
      ',1',
      'a,b_,',
      'a,,b',
      '2Mb',
    ];
    for (const one of declared) {
      const name = one.name
        .replace('{group}', '7')
        .replace('{filter}', ':a')
        .replace(/\{\w+\}/, '3');
      assert.notEqual(extraSpecFate(name), null, `${name} has no fate`);
      for (const value of [...values, ...(one.enum ?? [])]) {
        const number = /^[+-]?\d+$/.test(value) ? Number(value) : null;
        const fits =
          one.type === 'integer'
            ? number !== null && number >= (one.min ?? -Infinity) && number <= (one.max ?? Infinity)
            : one.type === 'boolean'
              ? ['0', '1', 'true'].includes(value)
              : one.enum !== undefined
                ? one.enum.includes(value)
                : one.pattern === undefined || new RegExp(`^(?:${one.pattern})$`, 'u').test(value);
        assert.equal(extraSpecProblem(name, value) === null, fits, `${name}=${value}`);
      }
    }
  });
});
