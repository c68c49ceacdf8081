// Why: the API's core is tested with routes made for the test, over real HTTP, without a database.

import { makeCompute } from '../../src/api/app.ts';
import type { RouteEntry } from '../../src/api/resource.ts';
import type { Services } from '../../src/api/services.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { makePolicy } from '../../src/policies/load.ts';
import { mount } from '../../src/web/mount.ts';
import { authenticate } from './callers.ts';
import { type Answer, listen } from './http.ts';

export interface Routes {
  readonly url: string;
  /** One request as `as` (a caller's name; null: without a token) at a version (absent: no version header). */
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>;
  close(): Promise<void>;
}

export interface AskOptions {
  readonly as?: string | null;
  readonly version?: string;
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The compute API with just these routes, under /compute. Handlers must not use the database or the verbs. */
export async function startRoutes(routes: readonly RouteEntry[]): Promise<Routes> {
  const policy = makePolicy({ log: silentLog, clock: systemClock });
  const services = {
    policy,
    clock: systemClock,
    log: silentLog,
    settings: { pageSize: 1000, hostDownMs: 60_000, defaultZone: 'nova', currency: 'USD' },
  } as unknown as Services;
  const app = makeCompute({ routes, services, authenticate, observer: { answered() {} } });
  const handle = app.callback();
  const server = await listen(
    mount({ '/compute': (request, response) => void handle(request, response) }, (_request, response) => {
      response.writeHead(404).end();
    }),
  );
  return {
    url: `${server.url}/compute`,
    ask(method, path, { as = 'member', version, body, headers = {} } = {}) {
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
      return server.send(
        method,
        `/compute${path}`,
        {
          ...(as === null ? {} : { 'X-Auth-Token': as }),
          ...(version === undefined ? {} : { 'OpenStack-API-Version': `compute ${version}` }),
          ...(text === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...headers,
        },
        text,
      );
    },
    async close() {
      policy.close();
      await server.close();
    },
  };
}
