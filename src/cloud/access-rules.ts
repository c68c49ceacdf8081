// Why: an application credential may be limited to certain requests. Every service checks that here, as keystonemiddleware does in OpenStack.

import { type Fault, unauthorized } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Asked } from '../base/op.ts';

/** One kind of allowed request. */
export interface AccessRule {
  /** A service type of the catalog, such as `compute`. */
  readonly service: string;
  readonly method: string;
  /** Below the service's endpoint: `*` and `{name}` are one segment of the path or a part of one, `**` is any number of them. */
  readonly path: string;
}

/** The service types by which a rule may name a service. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  volume: ['block-storage', 'block-store', 'volume', 'volumev3'],
  api: ['novacron'],
};

/** `one`: part of a segment; `any`: anything, slashes too; a number: the code of a literal character. */
type Piece = 'one' | 'any' | number;

/** `/v2.1/servers/{id}/**` as its pieces. */
function piecesOf(pattern: string): Piece[] {
  const found = pattern.matchAll(/\{[^}]*\}|\*\*|\*|[^*]/gs);
  return [...found].map(([text]) => {
    if (text === '**') return 'any';
    return text === '*' || text.length > 1 ? 'one' : text.charCodeAt(0);
  });
}

const SLASH = '/'.charCodeAt(0);

/** Whether a path matches a pattern. Takes time proportional to the product of both lengths, whatever the pattern (no backtracking). */
export function pathMatches(path: string, pattern: string): boolean {
  // for each position of the path, whether the pieces so far can match up to there
  const ends = new Uint8Array(path.length + 1);
  ends[0] = 1;
  for (const piece of piecesOf(pattern)) {
    let before = ends[0] as number;
    let isEnd = piece === 'any' ? before : 0;
    let isReached = isEnd;
    ends[0] = isEnd;
    for (let end = 1; end <= path.length; end += 1) {
      const here = ends[end] as number;
      const code = path.charCodeAt(end - 1);
      if (piece === 'any') isEnd |= here;
      else if (piece === 'one') isEnd = code === SLASH ? 0 : isEnd | before;
      else isEnd = code === piece ? before : 0;
      ends[end] = isEnd;
      isReached |= isEnd;
      before = here;
    }
    if (isReached === 0) return false;
  }
  return ends[path.length] === 1;
}

/**
 * A path as the services read it, decoded; null: no rule can match it. `%2F` separates segments for one service and not for another,
 * so it never means what the author of a rule meant.
 */
function readPath(path: string): string | null {
  if (/%2f/i.test(path)) return null;
  let plain = path;
  try {
    plain = decodeURIComponent(path);
  } catch {
    // not UTF-8: matched as it stands
  }
  return plain.length > limits.accessPathCharacters ? null : plain;
}

/** Whether a token whose credential has these rules may make this request; undefined rules allow everything. */
export function accessAllowed(rules: readonly AccessRule[] | undefined, asked: Asked): boolean {
  if (rules === undefined) return true;
  // a token may always be validated, or no service could accept it
  if (asked.service === 'identity' && asked.method === 'GET' && asked.path === '/v3/auth/tokens') return true;
  const types = TYPES[asked.service] ?? [asked.service];
  const read = readPath(asked.path);
  if (read === null) return false;
  return rules.some(
    ({ service, method, path }) => types.includes(service) && method === asked.method && pathMatches(read, path),
  );
}

/** The refusal: 401, as keystonemiddleware's. `uri`: where tokens are issued; null: the built-in identity service. */
export const accessRefused = (uri: string | null): Fault =>
  unauthorized('The access rules of this application credential do not allow the request.', {
    headers: uri === null ? {} : { 'WWW-Authenticate': `Keystone uri="${uri}"` },
  });
