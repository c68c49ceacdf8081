// Why: a password that begins with `-` is an option to the command that it is given to, and of random ones each 64th did.

import { randomBytes } from 'node:crypto';

/** `bytes` random bytes as letters of base64url, the first of which is no hyphen. */
export function newSecret(bytes: number): string {
  for (;;) {
    const text = randomBytes(bytes).toString('base64url');
    if (!text.startsWith('-')) return text;
  }
}
