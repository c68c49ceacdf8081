// Why: the compute API as clients meet it, over HTTP, with everything behind it real but hypervisor, identity, images and
// networks. What is said on the wire is kept, so that it can be held against Nova's declarations (conformance.ts).

import { appendFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { makeCompute } from '../../src/api/app.ts';
import { computeRoutes } from '../../src/api/compute/index.ts';
import { silentLog } from '../../src/base/log.ts';
import { makePolicy, type Policy } from '../../src/policies/load.ts';
import { authenticate, NO_PROJECT, type Who } from './callers.ts';
import { type Answer, listen } from './http.ts';
import { makeWorld, type World, type WorldOptions } from './world.ts';

/** Where the image service would be. */
export const IMAGE_URL = 'http://127.0.0.1:9292';

export interface ApiOptions extends WorldOptions {
  /** Whether exchanges are held against Nova's schemas; false where what is refused is our own bound or a failing world. */
  readonly recorded?: boolean;
  /** Default 1000. */
  readonly pageSize?: number;
}

export interface RequestOptions {
  /** Text and bytes are sent as they are, anything else as JSON; absent: no body. */
  readonly body?: unknown;
  /** `2.N`, `latest`; absent: no version header. */
  readonly version?: string;
  /** Default admin. */
  readonly as?: Who;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether this exchange is held against Nova's schemas; default as the API's; false where a service beside us was made to fail. */
  readonly recorded?: boolean;
}

/** One request and its answer, in the form of the conformance checker's log. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly microversion?: string;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly requestBody: unknown;
  readonly status: number;
  readonly responseBody: unknown;
  readonly responseHeaders: Readonly<Record<string, string>>;
}

export interface Api {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly world: World;
  /** What answers the requests. */
  readonly handler: RequestListener;
  readonly exchanges: readonly Exchange[];
  /** The rules that routes, handlers and views asked about so far; tests may clear it. */
  readonly rulesAsked: Set<string>;
  /** A path that begins with a version is taken as it is, any other stands under /v2.1. */
  request(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  close(): Promise<void>;
}

/** A body as the log has it: its JSON value, or text where it is none. To Nova a `null` that was sent is as no body. */
function recordOf(body: string | Uint8Array | undefined): unknown {
  if (body === undefined) return null;
  const text = Buffer.from(body).toString();
  try {
    const value = JSON.parse(text) as unknown;
    // what nests too deep for a log is text
    JSON.stringify(value);
    return value;
  } catch {
    return text;
  }
}

/** Starts a cloud of one fake host (or those wished for) on an empty database, and its API. */
export async function startApi({ pageSize = 1000, recorded = true, ...options }: ApiOptions = {}): Promise<Api> {
  const world = await makeWorld(options);
  const { clock, config } = world.deps;
  const loaded = makePolicy({ log: silentLog, clock });
  const rulesAsked = new Set<string>();
  const asked = (rule: string): string => {
    rulesAsked.add(rule);
    return rule;
  };
  const policy: Policy = {
    ...loaded,
    enforce: (op, rule, target) => loaded.enforce(op, asked(rule), target),
    allows: (who, rule, target) => loaded.allows(who, asked(rule), target),
  };
  const compute = makeCompute({
    routes: computeRoutes,
    authenticate,
    observer: { answered() {} },
    services: {
      db: world.database.read,
      ops: world.ops,
      policy,
      clock,
      log: world.deps.log,
      settings: {
        pageSize,
        hostDownMs: config.hostDownMs,
        defaultZone: config.defaultZone,
        currency: 'USD',
        imageUrl: IMAGE_URL,
      },
      knowsProject: async (_, id) => id !== NO_PROJECT,
    },
  });
  const handle = compute.callback();
  const handler: RequestListener = (request, response) => void handle(request, response);
  const server = await listen(handler);
  const exchanges: Exchange[] = [];
  const logFile = process.env['XLOUD_EXCHANGES'];

  return {
    url: server.url,
    world,
    handler,
    exchanges,
    rulesAsked,
    async request(method, given, { body, version, as = 'admin', headers = {}, recorded: isRecorded = recorded } = {}) {
      const path = /^\/(v2|$)/.test(given) ? given : `/v2.1${given}`;
      const asIs = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
      const text = asIs ? body : JSON.stringify(body);
      const versions = Object.entries({
        ...(version === undefined ? {} : { 'OpenStack-API-Version': `compute ${version}` }),
        ...headers,
      });
      const answer = await server.send(
        method,
        path,
        {
          ...(as === 'none' ? {} : { 'X-Auth-Token': as }),
          ...(text === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...Object.fromEntries(versions),
        },
        text,
      );
      const exchange: Exchange = {
        method,
        path,
        ...(version === undefined ? {} : { microversion: version }),
        requestHeaders: Object.fromEntries(versions.filter(([name]) => /api-version$/i.test(name))),
        requestBody: recordOf(text),
        status: answer.status,
        responseBody: answer.body ?? (answer.text === '' ? null : answer.text),
        responseHeaders: answer.headers,
      };
      exchanges.push(exchange);
      if (isRecorded && logFile !== undefined) appendFileSync(logFile, `${JSON.stringify(exchange)}\n`);
      return answer;
    },
    async close() {
      await server.close();
      policy.close();
      await world.close();
    },
  };
}
