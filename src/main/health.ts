// Why: what a machine asks of the process: is it alive, may it get work, what does it count.

import type { RequestListener, ServerResponse } from 'node:http';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { inTime } from '../base/in-time.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../web/metrics.ts';

/** A named condition of readiness: null when it holds, else why not. */
export interface Condition {
  readonly name: string;
  readonly problem: () => Promise<string | null> | string | null;
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  response.end(body);
}

/** Whether the directory takes a file; null: it does. */
export async function diskProblem(directory: string): Promise<string | null> {
  const path = join(directory, '.ready');
  try {
    await writeFile(path, Buffer.alloc(limits.readinessBytes), { flush: true, mode: 0o600 });
    await rm(path);
    return null;
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    return `takes no file (${(error as NodeJS.ErrnoException).code ?? messageOf(error)})`;
  }
}

/** Finds out at most so often, whoever asks: for what costs a write. */
export function seldom<T>(find: () => Promise<T>, ms: number = limits.readinessMs): () => Promise<T> {
  let last: { readonly atMs: number; readonly found: Promise<T> } | null = null;
  return () => {
    const nowMs = performance.now();
    if (last === null || nowMs - last.atMs > ms) last = { atMs: nowMs, found: find() };
    return last.found;
  };
}

async function readiness(
  conditions: readonly Condition[],
  log: Log,
): Promise<{ ready: boolean; checks: Record<string, string> }> {
  const asked = await Promise.all(
    conditions.map(async ({ name, problem }) => {
      try {
        // whoever asks for readiness must be told
        return [name, await inTime(problem(), limits.readinessAnswerMs, () => 'does not answer')] as const;
      } catch (error) {
        // what a driver says (addresses, users) is for the log, not for whoever asks
        log.error({ err: error, condition: name }, 'not ready');
        return [name, 'does not answer'] as const;
      }
    }),
  );
  return {
    ready: asked.every(([, problem]) => problem === null),
    checks: Object.fromEntries(asked.map(([name, problem]) => [name, problem ?? 'ok'])),
  };
}

const pathOf = (url: string): string => url.replace(/\?.*/s, '');
const probes: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/** Whether it is asked how the service is, which has an answer however busy the service is. */
export const isProbe = (url: string): boolean => probes.has(pathOf(url));

/**
 * `/healthz` (the process answers), `/readyz` (each condition named, 503 unless all hold) and `/metrics` in front of `rest`.
 * None of them needs a token; they tell nothing of tenants.
 */
export function withHealth(
  metrics: Metrics,
  conditions: readonly Condition[],
  log: Log,
  rest: RequestListener,
): RequestListener {
  // made once for all who ask at about the same time: it is long, and needs no token
  const text = seldom(async () => Buffer.from(await metrics.registry.metrics()), limits.metricsTextMs);
  return (request, response) => {
    const path = pathOf(request.url ?? '/');
    const fail = (error: unknown) => send(response, 500, 'text/plain; charset=utf-8', `${messageOf(error)}\n`);
    if (path === '/healthz') return send(response, 200, 'application/json', JSON.stringify({ status: 'alive' }));
    if (path === '/readyz') {
      readiness(conditions, log).then(
        ({ ready, checks }) =>
          send(
            response,
            ready ? 200 : 503,
            'application/json',
            JSON.stringify({ status: ready ? 'ready' : 'not ready', checks }),
          ),
        fail,
      );
      return;
    }
    if (path === '/metrics') {
      text().then((page) => send(response, 200, metrics.registry.contentType, page), fail);
      return;
    }
    return rest(request, response);
  };
}
