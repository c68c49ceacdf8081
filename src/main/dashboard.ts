// Why: most processes never show the dashboard: it is loaded for the first who asks.

import type { RequestListener } from 'node:http';
import type { Authenticate } from '../base/op.ts';
import { serverChanges } from '../db/server-changes.ts';
import type { Dashboard } from '../faces/dashboard/dashboard.ts';
import type { Parts } from './parts.ts';

export interface ServedDashboard {
  /** The page and what belongs to it, as seen from below its path. */
  readonly pages: RequestListener;
  close(): Promise<void>;
}

/** @param identityApp the built-in identity service; null: Keystone is elsewhere */
export function serveDashboard(
  { config, clock, log, metrics, database }: Parts,
  authenticate: Authenticate,
  identityApp: RequestListener | null,
): ServedDashboard {
  const streams = metrics.gauge('xloud_dashboard_streams', 'Pages of the dashboard that hear what changes');
  let dashboard: Promise<Dashboard> | null = null;
  const load = async (): Promise<Dashboard> => {
    const [{ makeDashboard }, { builtInIdentity, keystoneIdentity }] = await Promise.all([
      import('../faces/dashboard/dashboard.ts'),
      import('../faces/dashboard/identity.ts'),
    ]);
    return makeDashboard({
      authenticate,
      identity: identityApp === null ? keystoneIdentity(config.identity.auth_url, log) : builtInIdentity(identityApp),
      findChanges: serverChanges(database.read),
      now: () => clock.now(),
      log,
      count: (open) => streams.set(open),
    });
  };
  return {
    pages: (request, response) => {
      dashboard ??= load();
      dashboard.then(
        ({ handler }) => handler(request, response),
        (error: unknown) => {
          log.error({ err: error }, 'the dashboard cannot be loaded');
          response.writeHead(500).end();
        },
      );
    },
    close: async () => (await dashboard)?.close(),
  };
}
