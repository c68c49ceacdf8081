// Why: the conformance kit and our table of routes name the parameters of a path differently. Here a route is found by the kit's
// name for it, and what is declared of it on both sides says at which versions it must be asked.

import { computeRoutes } from '../../src/api/compute/index.ts';
import type { RouteEntry } from '../../src/api/resource.ts';
import { isVersioned, minorOf } from '../../src/base/history.ts';
import { MAX_MINOR } from '../../src/domain/microversions.ts';
import { readKit } from './kit.ts';

interface Span {
  readonly min: string;
  readonly max: string | null;
}

/** A route as `routes.json` has it. */
interface KitRoute extends Span {
  /** `POST /flavors/{id}/action#addTenantAccess` */
  readonly id: string;
  readonly root: boolean;
  readonly removedInRelease: string | null;
}

interface KitSchemas {
  readonly endpoints: readonly {
    readonly id: string;
    readonly success: readonly Span[];
    readonly request: readonly Span[];
    readonly query: readonly Span[];
    readonly response: readonly Span[];
  }[];
}

const VOLUMES = 'there is no volume service';
const BARE_METAL = 'there is no bare metal service';
const HOST_POWER = 'no hypervisor here switches its own host';
const SHARES = 'there is no service of shares';

/** What Nova serves and can only be refused here, each with the reason: `ID`, or `ID at 2.N` for one version. */
export const refusedHere: Readonly<Record<string, string>> = {
  'POST /os-assisted-volume-snapshots': VOLUMES,
  'DELETE /os-assisted-volume-snapshots/{id}': VOLUMES,
  'POST /os-snapshots': VOLUMES,
  'GET /os-snapshots/{id}': VOLUMES,
  'DELETE /os-snapshots/{id}': VOLUMES,
  'POST /os-volumes': VOLUMES,
  'GET /os-volumes/{id}': VOLUMES,
  'DELETE /os-volumes/{id}': VOLUMES,
  'POST /servers/{server_id}/os-volume_attachments': VOLUMES,
  'GET /servers/{server_id}/os-volume_attachments/{id}': VOLUMES,
  'PUT /servers/{server_id}/os-volume_attachments/{id}': VOLUMES,
  'DELETE /servers/{server_id}/os-volume_attachments/{id}': VOLUMES,
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

/** Our routes for an endpoint of the kit; none where it is not served. */
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
  const declared = new Map(readKit<KitSchemas>('schemas.json').endpoints.map((one) => [one.id, one]));
  return (
    readKit<{ routes: readonly KitRoute[] }>('routes.json')
      // the page of a version itself is answered before there are routes
      .routes.filter(({ id, root, removedInRelease }) => !root && removedInRelease === null && id !== 'GET /')
      .map(({ id, min, max }) => {
        const [first, last] = [minorOf(min), max === null ? MAX_MINOR : minorOf(max)];
        const { success = [], request = [], query = [], response = [] } = declared.get(id) ?? {};
        const changePoints = [
          ...[...success, ...request, ...query, ...response].map((span) =>
            span.min === '2.0' ? 1 : minorOf(span.min),
          ),
          ...routesOf(id).flatMap((route) => [route.body, route.query, route.status].flatMap(turnsOf)),
        ];
        const minors = new Set([first, last, ...changePoints.filter((turn) => turn > first && turn < last)]);
        return {
          id,
          minors: [...minors].toSorted((a, b) => a - b),
          refused: (minor) => refusedHere[id] ?? refusedHere[`${id} at 2.${minor}`] ?? null,
        };
      })
  );
}
