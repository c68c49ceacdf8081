// Why: OpenStack reads a text as true or false in one way everywhere, and so do we.
// Source: oslo.utils, strutils.bool_from_string.

const TRUE = new Set(['1', 't', 'true', 'on', 'y', 'yes']);
const FALSE = new Set(['0', 'f', 'false', 'off', 'n', 'no']);

/** True, false, or null for a word that is neither (oslo's strict mode). */
export function booleanWord(text: string): boolean | null {
  const word = text.trim().toLowerCase();
  if (TRUE.has(word)) return true;
  return FALSE.has(word) ? false : null;
}

/** Whether a text says yes; whatever else it says, or nothing, is no (oslo's lenient mode). */
export const isYes = (text: string | undefined): boolean => text !== undefined && booleanWord(text) === true;

/** Whether a text does not say no; whatever else it says is yes (oslo's lenient mode, with yes for the default). */
export const isNotNo = (text: string): boolean => booleanWord(text) !== false;

/**
 * A value as Neutron converts it: true, false, or null for one that it takes for neither.
 * Source: neutron_lib, converters.convert_to_boolean.
 */
export function convertedBoolean(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  const word = String(value).toLowerCase();
  if (typeof value === 'object' || !['true', 'false', '1', '0'].includes(word)) return null;
  return booleanWord(word);
}
