// Why: an image may ask for certain versions of a hypervisor, in bounds such as `>=6.0,<9.0`.

const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '>=': (order) => order >= 0,
  '>': (order) => order > 0,
};

/** Negative, zero or positive as the first version is older, the same or newer; a part that is missing counts as 0. */
function compare(first: readonly number[], second: readonly number[]): number {
  for (let index = 0; index < Math.max(first.length, second.length); index += 1) {
    const difference = (first[index] ?? 0) - (second[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const BOUND = /^\s*(<=|>=|<|>|!=|==)\s*(\d{1,9}(?:\.\d{1,9}){0,5})\s*$/;

/** A version's number in its parts, three digits each: 8002001 is 8.2.1, and 1000 is 1.0. */
function partsOf(version: number): number[] {
  const parts: number[] = [];
  for (let rest = version; rest > 0; rest = Math.floor(rest / 1_000)) parts.unshift(rest % 1_000);
  return parts;
}

/** The function that tells whether a hypervisor's version is within bounds; null: these are none. */
export function versionBounds(text: string): ((version: number) => boolean) | null {
  const bounds = text.split(',').map((part) => BOUND.exec(part));
  if (bounds.some((bound) => bound === null)) return null;
  const checks = (bounds as RegExpExecArray[]).map(([, sign = '', wanted = '']) => ({
    holds: comparisons[sign] as (order: number) => boolean,
    wanted: wanted.split('.').map(Number),
  }));
  return (version) => checks.every(({ holds, wanted }) => holds(compare(partsOf(version), wanted)));
}
