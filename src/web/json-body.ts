// Why: bodies are JSON, bounded in bytes and depth, whatever their Content-Type claims.

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

const parse = bodyParser({
  enableTypes: ['json'],
  detectJSON: () => true,
  jsonStrict: false,
  jsonLimit: limits.bodyBytes,
  parsedMethods: ['POST', 'PUT', 'PATCH', 'DELETE'],
});

/**
 * The JSON value of a request's body; null for an empty one.
 * @throws a Fault `badRequest` with Nova's words for what is not JSON or nests too deep, `tooLarge` over the limit
 */
export async function readJson(ctx: WebContext): Promise<unknown> {
  try {
    await parse(ctx as never, async () => {});
  } catch (error) {
    const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
    if (status === 413) throw new Fault('tooLarge', 'Request is too large.', { cause: error });
    throw badRequest('Malformed request body', { cause: error });
  }
  const request = ctx.request as { rawBody?: string; body?: unknown };
  if (request.rawBody === undefined || request.rawBody.trim() === '') return null;
  if (depthOf(request.body, limits.bodyDepth) > limits.bodyDepth) throw badRequest('Malformed request body');
  return request.body;
}
