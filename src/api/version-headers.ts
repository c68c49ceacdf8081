// Why: every answer of a versioned service names the version that it was made for, and a request that asks for none gets the first.

import { Fault } from '../base/errors.ts';
import { askedVersion, negotiate } from '../domain/microversions.ts';
import type { WebContext } from '../web/app.ts';

/** A header that cannot be given twice. */
export const header = (ctx: WebContext, name: string): string | undefined =>
  ctx.req.headers[name] as string | undefined;

function setVersion(ctx: WebContext, version: string): void {
  ctx.set('OpenStack-API-Version', `compute ${version}`);
  ctx.set('X-OpenStack-Nova-API-Version', version);
  ctx.append('Vary', 'OpenStack-API-Version, X-OpenStack-Nova-API-Version');
}

export const setVersionHeaders = (ctx: WebContext, minor: number): void => setVersion(ctx, `2.${minor}`);

/** The minor version that a request asks for; the refusal of one that is not served names it, as Nova's does. */
export function minorFor(ctx: WebContext): number {
  const asked = [header(ctx, 'openstack-api-version'), header(ctx, 'x-openstack-nova-api-version')] as const;
  try {
    return negotiate(...asked);
  } catch (error) {
    const version = askedVersion(...asked)?.trim();
    if (error instanceof Fault && error.kind === 'notAcceptable' && version !== undefined) setVersion(ctx, version);
    throw error;
  }
}
