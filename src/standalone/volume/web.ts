// Why: what every request of the volume service passes: its microversion, the project that its URL names, and the caller.

import { badRequest, Fault, forbidden } from '../../base/errors.ts';
import type { Caller } from '../../base/op.ts';
import type { RuleName } from '../../policies/index.ts';
import { serviceUrl, type Web, type WebContext, type WebState } from '../../web/app.ts';
import { readJson } from '../../web/json-body.ts';
import type { Guard } from '../access.ts';
import { type Query, queryOf, type Routes } from '../http.ts';
import { problemOf, type Schema } from '../schema.ts';

/** The last microversion: URLs need not name a project from then on. */
export const MAX_MINOR = 68;

interface VolumeState extends WebState {
  volumeMinor?: number;
  /** The project that the URL names; absent: it names none. */
  urlProject?: string;
}

const stateOf = (ctx: WebContext): VolumeState => ctx.state as VolumeState;

/** The header may speak to several services: `compute 2.1, volume 3.59`. */
function minorAsked(header: string): number {
  const [, asked] =
    header
      .split(',')
      .map((part) => part.trim().split(/\s+/))
      .find(([service]) => service === 'volume') ?? [];
  if (asked === undefined || asked === '') return 0;
  if (asked === 'latest') return MAX_MINOR;
  const found = /^(\d{1,6})\.(\d{1,6})$/.exec(asked);
  if (found === null)
    throw badRequest(
      `API Version String ${asked.slice(0, 64)} is of invalid format. Must be of format MajorNum.MinorNum.`,
    );
  const minor = Number(found[2]);
  if (found[1] === '3' && minor <= MAX_MINOR) return minor;
  throw new Fault(
    'notAcceptable',
    `Version ${asked} is not supported by the API. Minimum is 3.0 and maximum is 3.${MAX_MINOR}.`,
  );
}

/** Ids of projects are hexadecimal; no collection here has such a name. */
const WITH_PROJECT = /^\/v3\/([0-9a-f-]{3,64})(\/.*)$/;

/** Before the routes: the version is negotiated, and a project in the path is set aside. */
export function useVersion(app: Web): void {
  app.use(async (ctx, next) => {
    ctx.vary('OpenStack-API-Version');
    const state = stateOf(ctx);
    if (ctx.path.length > '/v3/'.length && ctx.path.endsWith('/')) throw new Fault('notFound', missingRoute);
    state.volumeMinor = minorAsked(ctx.get('OpenStack-API-Version'));
    ctx.set('OpenStack-API-Version', `volume 3.${state.volumeMinor}`);
    const [, project, rest] = WITH_PROJECT.exec(ctx.path) ?? [];
    if (project !== undefined && rest !== undefined) {
      state.urlProject = project;
      ctx.path = `/v3${rest}`;
    }
    await next();
  });
}

/** One request, past its guard. */
export interface Visit {
  readonly ctx: WebContext;
  readonly caller: Caller;
  /** Null: a token of no project. */
  readonly projectId: string | null;
  readonly minor: number;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  /** `http://127.0.0.1:8774/volume/v3` */
  readonly base: string;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

export type Page = (visit: Visit) => Promise<Answer>;

export const missingRoute = 'The resource could not be found.';

export const refusal = (rule: RuleName): Fault => forbidden(`Policy doesn't allow ${rule} to be performed.`);

/** Where a path is there only from a microversion on, it is not found before. */
export interface Since {
  readonly since?: number;
}

const answer = (ctx: WebContext, { status, body }: Answer): void => {
  // a status alone would be answered with its own words
  ctx.body = body === undefined ? null : JSON.stringify(body);
  ctx.status = status;
  if (body !== undefined) ctx.type = 'application/json';
};

/** Adds a route below `/v3`. */
export function page(
  routes: Routes,
  method: string,
  path: string,
  guard: Guard,
  run: Page,
  { since = 0 }: Since = {},
): void {
  routes.on(method, `/v3${path}`, guard, async (ctx, caller, params) => {
    const { urlProject, volumeMinor = 0 } = stateOf(ctx);
    const { projectId } = caller;
    if (urlProject !== undefined && urlProject !== projectId) {
      throw badRequest(
        `Malformed request URL: URL's project_id '${urlProject}' doesn't match Context's project_id '${projectId}'`,
      );
    }
    if (volumeMinor < since) throw new Fault('notFound', missingRoute);
    const base = `${serviceUrl(ctx)}/v3${urlProject === undefined ? '' : `/${urlProject}`}`;
    answer(ctx, await run({ ctx, caller, projectId, minor: volumeMinor, params, query: queryOf(ctx), base }));
  });
}

/** The project that something is made in. @throws forbidden for a token of none */
export function projectOf({ projectId }: Visit): string {
  if (projectId === null) throw forbidden('The token is of no project.');
  return projectId;
}

const placeOf = (path: string): string => path.split('/').at(-1) ?? '';

/** The JSON body, if a schema has it. @throws badRequest with Cinder's words */
export async function bodyBy<T>({ ctx }: Visit, schema: Schema): Promise<T> {
  const body = await readJson(ctx);
  const problem = problemOf(schema, body);
  if (problem === null) return body as T;
  const { instancePath, message = 'is wrong', params } = problem;
  const extra = (params as { additionalProperty?: string }).additionalProperty;
  if (extra !== undefined) throw badRequest(`Additional properties are not allowed ('${extra}' was unexpected)`);
  if (instancePath === '') throw badRequest(`Invalid input: the body ${message}`);
  throw badRequest(`Invalid input for field/attribute ${placeOf(instancePath)}. ${instancePath.slice(1)} ${message}`);
}
