// Why: servers have a second address, /os-volumes_boot, from the days when booting from a volume was asked for there. It leads to
// the very same routes, until 2.102.

import { minorOf } from '../../base/history.ts';
import type { RouteEntry } from '../resource.ts';

const FROM = '/servers';
const TO = '/os-volumes_boot';
const UNTIL = '2.102';

/** The routes of servers that stand there too; of the actions, those that were there before others became their own pages. */
const MIRRORED = new Set([
  'GET /servers',
  'POST /servers',
  'GET /servers/detail',
  'GET /servers/:server_id',
  'PUT /servers/:server_id',
  'DELETE /servers/:server_id',
  ...['confirmResize', 'revertResize', 'reboot', 'resize', 'rebuild', 'createImage', 'os-start', 'os-stop'].map(
    (action) => `POST /servers/:server_id/action#${action}`,
  ),
  'POST /servers/:server_id/action#trigger_crash_dump',
]);

const keyOf = ({ method, path, action }: RouteEntry): string =>
  `${method} ${path}${action === null ? '' : `#${action}`}`;

const later = (a: string, b: string): boolean => minorOf(a) > minorOf(b);

/** A call as the server's own route knows it: pages lead on to there. */
const asServers = <C extends { readonly url: { readonly path: string } }>(call: C): C => ({
  ...call,
  url: { ...call.url, path: call.url.path.replace(TO, FROM) },
});

function mirrored(route: RouteEntry): RouteEntry {
  const { run, view } = route;
  return {
    ...route,
    path: route.path.replace(FROM, TO),
    until: route.until === undefined || later(route.until, UNTIL) ? UNTIL : route.until,
    run: (call) => run(asServers(call)),
    ...(view === undefined
      ? {}
      : { view: (result: unknown, call: Parameters<typeof view>[1]) => view(result, asServers(call)) }),
  };
}

/** The second address of those of the routes that have one. */
export const volumesBoot = (routes: readonly RouteEntry[]): readonly RouteEntry[] =>
  routes
    .filter((route) => MIRRORED.has(keyOf(route)) && (route.since === undefined || !later(route.since, UNTIL)))
    .map(mirrored);
