// Why: all that answers requests, on one port: the services by their paths, their pages, the consoles, and the probes.

import type { RequestListener } from 'node:http';
import { makeCompute } from '../api/app.ts';
import { computeRoutes } from '../api/compute/index.ts';
import { CONSOLES } from '../domain/servers/remote-consoles.ts';
import { followConsoleToken } from '../ops/index.ts';
import type { Web } from '../web/app.ts';
import { mount } from '../web/mount.ts';
import { reachedBy } from '../web/reached.ts';
import { conditions } from './conditions.ts';
import { type Consoles, makeConsoles } from './consoles.ts';
import type { ControlPlane } from './control-plane.ts';
import { type ServedDashboard, serveDashboard } from './dashboard.ts';
import { type Condition, withHealth } from './health.ts';
import type { Callers, Neighbours } from './neighbours.ts';
import type { Novacron } from '../faces/novacron/app.ts';
import { openNovacron } from './novacron-face.ts';
import { relayedMetadata } from './metadata.ts';
import { type Parts, webParts } from './parts.ts';
import { rootPages } from './root.ts';

const callbackOf = (app: Web): RequestListener => {
  const handle = app.callback();
  return (request, response) => void handle(request, response);
};

/** What is asked within the process is there. */
const nothing: RequestListener = (_request, response) => {
  response.writeHead(404);
  response.end();
};

function computeOf(parts: Parts, { identity, authenticate }: Callers, { ops }: ControlPlane): Web {
  const { config, database, policy } = parts;
  const { clock, log, observer, bodyMs } = webParts(parts);
  return makeCompute({
    routes: computeRoutes,
    authenticate,
    observer,
    bodyMs,
    services: {
      db: database.read,
      ops,
      policy,
      clock,
      log,
      settings: {
        pageSize: config.api.page_size,
        hostDownMs: config.compute.down_seconds * 1000,
        defaultZone: config.compute.zone,
        currency: config.compute.currency,
        imageUrl: null,
      },
      knowsProject: (caller, id) => identity.service.knowsProject(caller, id),
    },
  });
}

function consolesOf({ config, log, metrics }: Parts, { deps }: ControlPlane): Consoles {
  const consolesOpen = metrics.gauge('xloud_consoles_open', 'Consoles that are open');
  return makeConsoles({
    baseUrlOf: (request) => deps.config.consoleBaseUrl ?? `${reachedBy(request).root}${CONSOLES}`,
    allowedHosts: config.compute.console_allowed_origins,
    open: (token) => followConsoleToken(deps, token),
    log,
    count: (open) => consolesOpen.set(open),
  });
}

export interface Front {
  readonly handler: RequestListener;
  readonly consoles: Consoles;
  readonly novacron: Novacron;
  readonly dashboard: ServedDashboard;
}

export function makeFront(
  parts: Parts,
  callers: Callers,
  { images, networks, volumes }: Neighbours,
  plane: ControlPlane,
  more: readonly Condition[] = [],
): Front {
  const { identity } = callers;
  const consoles = consolesOf(parts, plane);
  const identityApp = identity.app === null ? null : callbackOf(identity.app);
  const dashboard = serveDashboard(parts, callers.authenticate, identityApp);
  const apis = {
    ...(identityApp === null ? {} : { '/identity': identityApp }),
    '/compute': callbackOf(computeOf(parts, callers, plane)),
    '/image': callbackOf(images.app),
    '/network': callbackOf(networks.app),
    '/volume': callbackOf(volumes.app),
  };
  const novacron = openNovacron(parts, identity.service, mount(apis, nothing));
  const relayed = relayedMetadata(parts);
  const services = mount(
    {
      ...(relayed === null ? {} : { '/metadata': relayed }),
      ...apis,
      '/api': novacron.handler,
      [CONSOLES]: consoles.pages,
      '/dashboard': dashboard.pages,
    },
    rootPages(
      [
        ...(identity.app === null ? [] : [{ name: 'identity', version: '/v3' } as const]),
        { name: 'compute', version: '/v2.1' },
        { name: 'image', version: '' },
        { name: 'network', version: '' },
        { name: 'volume', version: '/v3' },
        { name: 'api', version: '/v1' },
      ],
      computeRoutes,
    ),
  );
  const all = [
    conditions.database(parts),
    conditions.disk(parts.dataDir),
    conditions.bus(plane.bus),
    { name: 'identity', problem: () => identity.service.problem() },
    conditions.hosts(parts),
    ...images.conditions,
    ...networks.conditions,
    ...volumes.conditions,
    ...more,
  ];
  return { handler: withHealth(parts.metrics, all, parts.log, services), consoles, dashboard, novacron };
}
