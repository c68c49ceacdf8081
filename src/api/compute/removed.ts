// Why: a client of an API that Nova removed learns that it is gone for good (410), not that it never was (404).

import { type Route, type RouteEntry, type RouteKey, resource } from '../resource.ts';

/** Path, then methods; a word after `#` is an action. */
const removed: readonly (readonly [path: string, ...methods: readonly string[]])[] = [
  ['/os-agents', 'GET', 'POST'],
  ['/os-agents/:id', 'PUT', 'DELETE'],
  ['/os-cells', 'GET', 'POST'],
  ['/os-cells/capacities', 'GET'],
  ['/os-cells/detail', 'GET'],
  ['/os-cells/info', 'GET'],
  ['/os-cells/sync_instances', 'POST'],
  ['/os-cells/:id', 'GET', 'PUT', 'DELETE'],
  ['/os-cells/:id/capacities', 'GET'],
  ['/os-certificates', 'POST'],
  ['/os-certificates/:id', 'GET'],
  ['/os-cloudpipe', 'GET', 'POST'],
  ['/os-cloudpipe/:id', 'PUT'],
  ['/os-fixed-ips/:id', 'GET'],
  ['/os-fixed-ips/:id/action', 'POST#reserve', 'POST#unreserve'],
  ['/os-floating-ip-dns', 'GET'],
  ['/os-floating-ip-dns/:id', 'PUT', 'DELETE'],
  ['/os-floating-ip-dns/:domain_id/entries/:id', 'GET', 'PUT', 'DELETE'],
  ['/os-floating-ips-bulk', 'GET', 'POST'],
  ['/os-floating-ips-bulk/:id', 'GET', 'PUT'],
  ['/os-fping', 'GET'],
  ['/os-fping/:id', 'GET'],
  ['/os-networks', 'POST'],
  ['/os-networks/add', 'POST'],
  ['/os-networks/:id', 'DELETE'],
  [
    '/os-networks/:id/action',
    'POST#disassociate',
    'POST#disassociate_host',
    'POST#disassociate_project',
    'POST#associate_host',
  ],
  ['/os-security-group-default-rules', 'GET', 'POST'],
  ['/os-security-group-default-rules/:id', 'GET', 'DELETE'],
  ['/os-tenant-networks', 'POST'],
  ['/os-tenant-networks/:id', 'DELETE'],
  ['/servers/:server_id/action', 'POST#resetNetwork', 'POST#os-getRDPConsole'],
  ['/servers/:server_id/consoles', 'GET', 'POST'],
  ['/servers/:server_id/consoles/:id', 'GET', 'DELETE'],
  ['/servers/:server_id/os-virtual-interfaces', 'GET'],
];

/** Where it is otherwise: `until` a version after which a route was no more before it was removed at all (404 there), or another status. */
const special: Readonly<Record<string, Partial<Pick<Route, 'until' | 'status'>>>> = {
  'POST#os-getRDPConsole': { until: '2.5', status: 400 },
};

const gone = (method: string): Route => ({
  summary: 'Removed from Nova.',
  policy: null,
  gone: true,
  status: 410,
  ...special[method],
  run: () => {
    throw new Error('a removed route does not run');
  },
});

export default removed.flatMap(([path, ...methods]): readonly RouteEntry[] =>
  methods.flatMap((word) => {
    const [method, action] = word.split('#') as [string, string?];
    const key = `${method} ${path}${action === undefined ? '' : `#${action}`}` as RouteKey;
    return resource({ [key]: gone(word) });
  }),
);
