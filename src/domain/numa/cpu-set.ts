// Why: processors are named in sets (`0-3,^1,8`) by flavors, by the configuration and by libvirt, in one syntax.

import { limits } from '../../base/limits.ts';

/** A set of processors in ascending order, or why a text is none, in Nova's words. */
export type CpuSet =
  | { readonly cpus: readonly number[]; readonly problem: null }
  | { readonly cpus: null; readonly problem: string };

const NUMBER = /^\s*\d{1,9}\s*$/;
const RANGE = /^(\^?)\s*(\d{1,9})\s*-\s*(\d{1,9})$/;

/** Reads numbers and ranges, and after `^` those to leave out (Nova's `parse_cpu_spec`). */
export function readCpuSet(text: string): CpuSet {
  const bad = (kind: 'range' | 'inclusion' | 'exclusion', rule: string): CpuSet => ({
    cpus: null,
    problem: `Invalid ${kind} expression '${rule}'`,
  });
  const taken = new Set<number>();
  const left = new Set<number>();
  for (const rule of text.split(',').map((part) => part.trim())) {
    if (rule === '') continue;
    if (rule.includes('-')) {
      const [, sign, first, last] = RANGE.exec(rule) ?? [];
      const [start, end] = [Number(first), Number(last)];
      if (first === undefined || start > end || end > limits.cpuNumber) return bad('range', rule);
      for (let cpu = start; cpu <= end; cpu += 1) (sign === '^' ? left : taken).add(cpu);
    } else {
      const excluded = rule.startsWith('^');
      const digits = excluded ? rule.slice(1) : rule;
      if (!NUMBER.test(digits) || Number(digits) > limits.cpuNumber) {
        return bad(excluded ? 'exclusion' : 'inclusion', rule);
      }
      (excluded ? left : taken).add(Number(digits));
    }
  }
  return { cpus: ascending([...taken].filter((cpu) => !left.has(cpu))), problem: null };
}

export const ascending = (numbers: Iterable<number>): number[] => [...numbers].sort((a, b) => a - b);

/** The shortest text of a set: `0-3,8`. */
export function writeCpuSet(cpus: readonly number[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const cpu of ascending(cpus)) {
    const before = ranges.at(-1);
    if (before !== undefined && before.last === cpu - 1) before.last = cpu;
    else ranges.push({ first: cpu, last: cpu });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
