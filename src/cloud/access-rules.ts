// Why: an application credential may be good for some requests alone. Every service asks here, as keystonemiddleware does for OpenStack's.

import { type Fault, unauthorized } from '../base/errors.ts';
import type { Asked } from '../base/op.ts';

/** One kind of request that is allowed. */
export interface AccessRule {
  /** A type of the catalog, such as `compute`. */
  readonly service: string;
  readonly method: string;
  /** Below the service's endpoint: `*` and `{name}` are one segment of the path or a part of one, `**` is any number of them. */
  readonly path: string;
}

/** The types under which a service may be named. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  volume: ['block-storage', 'block-store', 'volume', 'volumev3'],
  api: ['novacron'],
};

/** `one` and `any` (of segments), or what is meant literally, after `=`. */
type Piece = string;

/** `/v2.1/servers/{id}/**` as its pieces. */
function piecesOf(pattern: string): Piece[] {
  const found = pattern.matchAll(/\{[^}]*\}|\*\*|\*|[^{*]+|\{/g);
  return [...found].map(([text]) => {
    if (text === '**') return 'any';
    return text === '*' || (text.length > 1 && text.startsWith('{')) ? 'one' : `=${text}`;
  });
}

/** Whether a path is one of a pattern's. Takes time by the product of both lengths, whatever the pattern is. */
export function pathMatches(path: string, pattern: string): boolean {
  // the ends to which the pieces so far can reach
  let ends = new Set([0]);
  for (const piece of piecesOf(pattern)) {
    const next = new Set<number>();
    if (piece.startsWith('=')) {
      const text = piece.slice(1);
      for (const end of ends) if (path.startsWith(text, end)) next.add(end + text.length);
    } else {
      // starts ascend: what an earlier one has reached, it has reached to the end
      for (const start of ends) {
        const from = piece === 'any' ? start : start + 1;
        for (let end = from; end <= path.length; end += 1) {
          if (piece === 'one' && path[end - 1] === '/') break;
          if (next.has(end)) break;
          next.add(end);
        }
      }
    }
    ends = next;
    if (ends.size === 0) return false;
  }
  return ends.has(path.length);
}

/** Whether a token whose credential has these rules may ask for this; no rules at all allow everything. */
export function accessAllowed(rules: readonly AccessRule[] | undefined, asked: Asked): boolean {
  if (rules === undefined) return true;
  // a token may always be looked at, else nobody could find out that it is good
  if (asked.service === 'identity' && asked.method === 'GET' && asked.path === '/v3/auth/tokens') return true;
  const types = TYPES[asked.service] ?? [asked.service];
  return rules.some(
    ({ service, method, path }) => types.includes(service) && method === asked.method && pathMatches(asked.path, path),
  );
}

/** The refusal, as keystonemiddleware's a 401. `uri`: where tokens are had; null: at the built-in identity service. */
export const accessRefused = (uri: string | null): Fault =>
  unauthorized('The access rules of this application credential do not allow the request.', {
    headers: uri === null ? {} : { 'WWW-Authenticate': `Keystone uri="${uri}"` },
  });
