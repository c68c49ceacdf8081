// Why: what must exist once for somebody (a project's default group, a server's third port) gets an id made from that
// somebody, so that the primary key forbids a second one however many try at the same time.

import { createHash } from 'node:crypto';

/** The same UUID (in the form of version 5) for the same words. */
export function derivedUuid(...words: readonly string[]): string {
  const hex = createHash('sha1').update(words.join('\n')).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16).padStart(2, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`;
}
