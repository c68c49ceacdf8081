// Why: @koa/router tries its routes one after the other; with hundreds that costs more than the rest of a request. A map on
// the first path segment leads to a small router for that segment alone.

import Router from '@koa/router';
import type { WebContext } from '../web/app.ts';
import type { RouteEntry } from './resource.ts';

/** The routes that share a method and a path: actions by name, and spans of versions. */
export interface RouteGroup {
  /** `/servers/{server_id}/action`, for the log and metrics. */
  readonly template: string;
  readonly hasActions: boolean;
  readonly entries: readonly RouteEntry[];
}

export type RouteHandler = (
  ctx: WebContext,
  group: RouteGroup,
  params: Readonly<Record<string, string>>,
) => Promise<void>;

export interface SegmentRouter {
  /** Runs the handler of the route that fits the method and path, or resolves to false. */
  dispatch(ctx: WebContext, path: string): Promise<boolean>;
  /** Whether a path's first segment is one of ours (else it may be a project id). */
  knows(segment: string): boolean;
}

const nothing = async (): Promise<void> => {};

const segmentOf = (path: string): string => path.split('/', 2)[1] ?? '';

/** Fixed words before parameters, so that `/servers/detail` is not a server named detail. */
function bySpecificity(a: RouteGroup, b: RouteGroup): number {
  const left = a.template.split('/');
  const right = b.template.split('/');
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    const wild = Number((left[i] as string).startsWith('{')) - Number((right[i] as string).startsWith('{'));
    if (wild !== 0) return wild;
  }
  return right.length - left.length;
}

/** Builds the map of routers. Paths match whole and case-sensitively, without a slash at the end, as Nova's do. */
export function makeSegmentRouter(entries: readonly RouteEntry[], handle: RouteHandler): SegmentRouter {
  const groups = new Map<string, RouteEntry[]>();
  for (const entry of entries) {
    const key = `${entry.method} ${entry.path.replace(/:\w+/g, ':')}`;
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  const bySegment = new Map<string, { method: string; path: string; group: RouteGroup }[]>();
  for (const list of groups.values()) {
    const first = list[0] as RouteEntry;
    const group = {
      template: first.path.replace(/:(\w+)/g, '{$1}'),
      hasActions: list.some((entry) => entry.action !== null),
      entries: list,
    };
    const segment = segmentOf(first.path);
    bySegment.set(segment, [...(bySegment.get(segment) ?? []), { method: first.method, path: first.path, group }]);
  }
  const routers = new Map<string, ReturnType<Router['routes']>>();
  for (const [segment, rows] of bySegment) {
    const router = new Router({ strict: true, sensitive: true });
    for (const { method, path, group } of rows.toSorted((a, b) => bySpecificity(a.group, b.group))) {
      router.register(path, [method], async (ctx) => {
        await handle(ctx as unknown as WebContext, group, ctx.params as Record<string, string>);
        (ctx.state as { routed?: boolean }).routed = true;
      });
    }
    routers.set(segment, router.routes());
  }
  return {
    knows: (segment) => routers.has(segment),
    async dispatch(ctx, path) {
      const middleware = routers.get(segmentOf(path));
      // the router would let HEAD in wherever GET is; Nova has it nowhere
      if (middleware === undefined || ctx.method === 'HEAD') return false;
      const routing = ctx as unknown as { newRouterPath: string; state: { routed?: boolean } };
      // The path is decoded already, and the router decodes what it captures; blanks at its end would be cut off on the way.
      // Not `ctx.path`: setting that formats the whole URL anew.
      routing.newRouterPath = path.replaceAll(/[%\s]/g, encodeURIComponent);
      await middleware(ctx as never, nothing);
      return routing.state.routed === true;
    },
  };
}
