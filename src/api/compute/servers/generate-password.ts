// Why: a server gets a password where its creator names none.

import { randomInt } from 'node:crypto';

// As Nova's DEFAULT_PASSWORD_SYMBOLS: no letters or digits that look alike, one of each group at least.
const PASSWORD_GROUPS = ['23456789', 'ABCDEFGHJKLMNPQRSTUVWXYZ', 'abcdefghijkmnopqrstuvwxyz'] as const;
const PASSWORD_LENGTH = 12;

const anyOf = (symbols: string): string => symbols.charAt(randomInt(symbols.length));

/** A password as Nova makes them when none was given. */
export function generatePassword(): string {
  const letters = PASSWORD_GROUPS.map(anyOf);
  while (letters.length < PASSWORD_LENGTH) letters.push(anyOf(PASSWORD_GROUPS.join('')));
  for (let i = letters.length - 1; i > 0; i -= 1) {
    const j = randomInt(i + 1);
    [letters[i], letters[j]] = [letters[j] as string, letters[i] as string];
  }
  return letters.join('');
}
