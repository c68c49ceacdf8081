// Why: a hint may be written as a value or as a list with one value.

/** What the hint says; undefined: it was not given, or says nothing. */
export function hintOf(hints: Readonly<Record<string, unknown>>, key: string): unknown {
  const value = Object.hasOwn(hints, key) ? hints[key] : undefined;
  const one = Array.isArray(value) && value.length === 1 ? (value[0] as unknown) : value;
  return one === '' || one === null || (Array.isArray(one) && one.length === 0) ? undefined : one;
}

/** The texts of a hint that may have several. */
export function hintedTexts(hints: Readonly<Record<string, unknown>>, key: string): string[] {
  const value = hintOf(hints, key);
  return [value ?? []].flat().filter((text) => typeof text === 'string');
}
