// Why: clients begin by asking which identity API is here.

import { withoutEndSlashes } from '../../base/slashes.ts';
import { serviceUrl, type Web } from '../../web/app.ts';

/** Answers `/` (300, as Keystone) and `/v3` before anything asks for a token. */
export function serveVersions(app: Web): void {
  app.use(async (ctx, next) => {
    const path = withoutEndSlashes(ctx.path);
    if ((path !== '' && path !== '/v3') || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next();
    ctx.state.route = path === '' ? '/' : path;
    const href = `${serviceUrl(ctx)}/v3/`;
    const version = {
      id: 'v3.14',
      status: 'stable',
      updated: '2020-04-07T00:00:00Z',
      links: [{ rel: 'self', href }],
      'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
    };
    ctx.vary('X-Auth-Token');
    ctx.type = 'application/json';
    if (path === '') {
      ctx.status = 300;
      ctx.set('Location', href);
      ctx.body = JSON.stringify({ versions: { values: [version] } });
    } else ctx.body = JSON.stringify({ version });
  });
}
