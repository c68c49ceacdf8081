// Why: Nova and our table of routes name the parameters of a path differently. Here a route is found by Nova's name for it, and what is declared of it on both sides says at which versions it must be asked.

import { computeRoutes } from '../../src/api/compute/index.ts';
import type { RouteEntry } from '../../src/api/resource.ts';
import { isVersioned } from '../../src/base/history.ts';
import { beginningsOf, novaEndpoints, spanOf } from './nova.ts';

const VOLUMES = 'no volume service here has its snapshots made by compute';
const BARE_METAL = 'there is no bare metal service';
const HOST_POWER = 'no hypervisor here switches its own host';
const SHARES = 'there is no service of shares';

/** What Nova serves and can only be refused here, each with the reason: `ID`, or `ID at 2.N` for one version. */
export const refusedHere: Readonly<Record<string, string>> = {
  'POST /os-assisted-volume-snapshots': VOLUMES,
  'DELETE /os-assisted-volume-snapshots/{id}': VOLUMES,
  'PUT /servers/{server_id}/os-volume_attachments/{id}': 'a volume is not exchanged while a server has it',
  'GET /os-baremetal-nodes': BARE_METAL,
  'POST /os-baremetal-nodes': BARE_METAL,
  'GET /os-baremetal-nodes/{id}': BARE_METAL,
  'DELETE /os-baremetal-nodes/{id}': BARE_METAL,
  'POST /os-baremetal-nodes/{id}/action#add_interface': BARE_METAL,
  'POST /os-baremetal-nodes/{id}/action#remove_interface': BARE_METAL,
  'PUT /os-hosts/{id}': HOST_POWER,
  'GET /os-hosts/{id}/reboot': HOST_POWER,
  'GET /os-hosts/{id}/shutdown': HOST_POWER,
  'GET /os-hosts/{id}/startup': HOST_POWER,
  'POST /servers/{server_id}/shares': SHARES,
  'GET /servers/{server_id}/shares/{id}': SHARES,
  'DELETE /servers/{server_id}/shares/{id}': SHARES,
  'GET /os-console-auth-tokens/{id} at 2.1': 'tokens were of RDP consoles alone, which are no more',
};

const shapeOf = (id: string): string => id.replaceAll(/\{\w+\}|:\w+/g, '*');

const ours = Map.groupBy(computeRoutes, ({ method, path, action }) =>
  shapeOf(`${method} ${path}${action === null ? '' : `#${action}`}`),
);

/** Our routes for an endpoint of Nova; none where it is not served. */
export const routesOf = (id: string): readonly RouteEntry[] => ours.get(shapeOf(id)) ?? [];

const turnsOf = (value: unknown): readonly number[] =>
  typeof value === 'object' && value !== null && isVersioned(value as never)
    ? (value as { changePoints: number[] }).changePoints
    : [];

export interface Endpoint {
  readonly id: string;
  /** Why it cannot succeed at a minor version here; null where it can. */
  readonly refused: (minor: number) => string | null;
  /** The minor versions at which it must be asked: its first, its last, and each at which something of it changes. */
  readonly minors: readonly number[];
}

/** Every endpoint that Nova has not removed, with the versions at which what it takes or gives changes. */
export function liveEndpoints(): readonly Endpoint[] {
  return (
    novaEndpoints()
      // the page of a version itself is answered before there are routes
      .filter(({ id, removed }) => !id.includes('(root)') && removed === undefined && id !== 'GET /')
      .map((endpoint) => {
        const { id, success, request, query, response } = endpoint;
        const [first, last] = spanOf(endpoint);
        const changePoints = [
          ...[success, request, query, response].flatMap(beginningsOf),
          ...routesOf(id).flatMap((route) => [route.body, route.query, route.status].flatMap(turnsOf)),
        ];
        const minors = new Set([first, last, ...changePoints.filter((turn) => turn > first && turn < last)]);
        return {
          id,
          minors: [...minors].toSorted((a, b) => a - b),
          refused: (minor: number) => refusedHere[id] ?? refusedHere[`${id} at 2.${minor}`] ?? null,
        };
      })
  );
}
