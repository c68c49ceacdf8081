// Why: noVNC brings the token in the path of its socket, older ones in a cookie; it is read here and goes nowhere else.

import type { IncomingMessage } from 'node:http';

/** The token of a request, from its query or else its cookies; null: there is none. */
export function tokenOf({ url = '/', headers }: Pick<IncomingMessage, 'url' | 'headers'>): string | null {
  const query = new URLSearchParams(url.replace(/^[^?]*/, ''));
  return query.getAll('token').at(-1) || cookieOf(headers.cookie ?? '') || null;
}

function cookieOf(header: string): string | null {
  for (const part of header.split(';')) {
    const [name, value = ''] = part.split('=', 2);
    if (name?.trim() === 'token') return value.trim().replace(/^"(.*)"$/, '$1');
  }
  return null;
}
