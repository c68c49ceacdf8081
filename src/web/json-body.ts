// Why: bodies are JSON, bounded in bytes, depth and time, whatever their Content-Type claims.

import bodyParser from '@koa/bodyparser';
import { badRequest, Fault } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { WebContext } from './app.ts';

function depthOf(value: unknown, limit: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (limit === 0) return 1;
  let deepest = 0;
  for (const part of Object.values(value)) deepest = Math.max(deepest, depthOf(part, limit - 1));
  return deepest + 1;
}

// latin1 keeps each byte as one character: what is not UTF-8 is refused below instead of being changed silently
const parse = bodyParser({
  encoding: 'latin1',
  enableTypes: ['json'],
  detectJSON: () => true,
  jsonStrict: false,
  jsonLimit: limits.bodyBytes,
  parsedMethods: ['POST', 'PUT', 'PATCH', 'DELETE'],
});

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Half a surrogate pair can be escaped in JSON, but neither stored nor answered: it has no form in UTF-8. */
const HALF_PAIR = /\\u[dD][89a-fA-F]/;

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, part]) => key.isWellFormed() && isWellFormed(part));
}

/**
 * The JSON value of a request's body; null for an empty one.
 * @throws a Fault `badRequest` with Nova's words for what is not JSON in UTF-8 or nests too deep, `tooLarge` over the limit
 */
export async function readJson(ctx: WebContext): Promise<unknown> {
  const tooLate = setTimeout(() => ctx.req.destroy(), ctx.state.bodyMs);
  try {
    await parse(ctx as never, async () => {});
  } catch (error) {
    const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
    if (status === 413) throw new Fault('tooLarge', 'Request is too large.', { cause: error });
    throw badRequest('Malformed request body', { cause: error });
  } finally {
    clearTimeout(tooLate);
  }
  const { rawBody = '' } = ctx.request as { rawBody?: string };
  if (rawBody.trim() === '') return null;
  const value = valueOf(rawBody);
  if (depthOf(value, limits.bodyDepth) > limits.bodyDepth) throw badRequest('Malformed request body');
  if (HALF_PAIR.test(rawBody) && !isWellFormed(value)) throw badRequest('Malformed request body');
  return value;
}

function valueOf(bytes: string): unknown {
  try {
    return JSON.parse(utf8.decode(Buffer.from(bytes, 'latin1')));
  } catch (error) {
    throw badRequest('Malformed request body', { cause: error });
  }
}
