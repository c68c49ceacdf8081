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
