// Why: documents and tests read the routes of the built-in services as data, without a database behind them.

import type { RouteData } from '../standalone/access.ts';
import { makeRoutes } from '../standalone/http.ts';
import { identityRoutes } from '../standalone/identity/identity.ts';
import type { Parts } from '../standalone/identity/service.ts';
import type { DataParts } from '../standalone/image/data.ts';
import { addMetadefRoutes } from '../standalone/image/metadefs.ts';
import { addImageRoutes } from '../standalone/image/routes.ts';
import { basicEngine } from '../standalone/network/engine.ts';
import type { NetworkParts } from '../standalone/network/parts.ts';
import { addNetworkRoutes } from '../standalone/network/routes.ts';
import type { VolumeParts } from '../standalone/volume/parts.ts';
import { addAllVolumeRoutes } from '../standalone/volume/service.ts';

export type ServiceName = 'identity' | 'image' | 'network' | 'volume';

/** The routes are listed and never run, so nothing of what they need is there. */
const listed = <P>(parts: Partial<P> = {}): P => parts as P;

function imageList(): readonly RouteData[] {
  const routes = makeRoutes();
  addImageRoutes(routes, listed<DataParts>());
  addMetadefRoutes(routes);
  return routes.list;
}

function networkList(): readonly RouteData[] {
  const routes = makeRoutes();
  addNetworkRoutes(routes, listed<NetworkParts>({ floatingIps: true, engine: { ...basicEngine, kind: 'ovn' } }));
  return routes.list;
}

function volumeList(): readonly RouteData[] {
  const routes = makeRoutes();
  addAllVolumeRoutes(routes, listed<VolumeParts>());
  return routes.list;
}

/** Every route of each service, by the service, which is also the path that it hangs under. */
export const serviceRoutes: Readonly<Record<ServiceName, readonly RouteData[]>> = {
  identity: identityRoutes(listed<Parts>()),
  image: imageList(),
  network: networkList(),
  volume: volumeList(),
};
