// Why: what OpenStack's services have and the built-in ones have not is refused with the reason: "not found" would say that the client
// had mistaken the address, or that there is none just now. docs/neighbours.md has these too.

import { type Fault, notImplemented } from '../base/errors.ts';

/** Paths of a service that lead nowhere here. */
export interface Absent {
  readonly path: RegExp;
  /** Goes on after "The built-in … service". */
  readonly reason: string;
}

/** The paths of these nouns, below a prefix, and all that is below them. */
const nouns = (prefix: string, names: readonly string[], reason: string): Absent => ({
  path: new RegExp(`^${prefix}/(?:${names.join('|')})(?:/|$)`),
  reason,
});

const v2 = '/v2\\.0';

const network: readonly Absent[] = [
  nouns(v2, ['trunks'], 'has no trunks: a server has a port for each network.'),
  nouns(v2, ['segments', 'network-segment-ranges', 'network_segment_ranges'], 'has networks of one segment each.'),
  nouns(v2, ['bgp-speakers', 'bgp-peers', 'bgpvpn'], 'tells no router outside of its networks (no BGP).'),
  nouns(
    v2,
    ['fwaas', 'firewall_groups', 'firewall_policies', 'firewall_rules'],
    'has security groups, and no firewalls beside them.',
  ),
  nouns(v2, ['vpn', 'vpnaas'], 'has no VPNs.'),
  nouns(v2, ['lbaas', 'loadbalancers'], 'has no load balancers.'),
  nouns(v2, ['sfc', 'taas', 'tap_mirrors', 'tap-mirrors'], 'neither chains nor mirrors what ports send.'),
  nouns(v2, ['metering'], 'meters nothing: servers are billed by what they hold.'),
  nouns(v2, ['local_ips', 'local-ips', 'ndp_proxies', 'ndp-proxies'], 'has neither local addresses nor NDP proxies.'),
  nouns(
    v2,
    ['flavors', 'service_profiles', 'service-profiles', 'service-providers'],
    'has one kind of router and no providers of services to choose.',
  ),
  nouns(v2, ['default-security-group-rules'], "has fixed rules for a project's first security group."),
  nouns(v2, ['network-ip-availabilities'], 'does not count the free addresses of networks.'),
  nouns(v2, ['logging', 'log'], 'logs nothing of what security groups refuse.'),
  nouns(
    `${v2}/qos/policies/[^/]+`,
    ['dscp_marking_rules', 'minimum_bandwidth_rules', 'minimum_packet_rate_rules', 'packet_rate_limit_rules'],
    'has limits of bandwidth, and no other rules of quality.',
  ),
  nouns(
    `${v2}/routers/[^/]+`,
    [
      'conntrack_helpers',
      'l3-agents',
      'add_extraroutes',
      'remove_extraroutes',
      'add_external_gateways',
      'remove_external_gateways',
      'update_external_gateways',
    ],
    'has routers with one gateway, whose routes are set as a whole, and no agents.',
  ),
];

const image: readonly Absent[] = [
  nouns('/v2', ['tasks'], 'has no tasks: an image is uploaded by PUT /v2/images/{id}/file.'),
  nouns(
    '/v2/metadefs',
    ['namespaces', 'resource_types'],
    'has a fixed catalogue of metadata definitions, which can be read and not changed.',
  ),
  nouns('/v2/schemas', ['metadefs'], 'has schemas of its namespaces of metadata definitions alone.'),
  nouns('/v2/schemas', ['task', 'tasks'], 'has no tasks.'),
  nouns(
    '/v2',
    ['cache', 'cached_images', 'queued_images'],
    'keeps its images in files beside it and has no cache of them.',
  ),
  nouns(
    '/v2/images/[^/]+',
    ['stage', 'import', 'locations', 'cache'],
    'takes the bytes of an image by PUT /v2/images/{id}/file alone.',
  ),
  nouns('/v2/stores', ['[^/]+'], 'has one store.'),
];

const volume: readonly Absent[] = [
  nouns('/v3', ['default-types'], 'has one default type of volumes for all projects.'),
  nouns('/v3', ['resource_filters'], 'does not tell which filters its lists take.'),
  nouns('/v3', ['backups'], 'makes no backups of volumes: servers have them (os-xloud-backups).'),
  nouns('/v3', ['consistencygroups', 'cgsnapshots'], 'has no groups of volumes.'),
  nouns('/v3', ['clusters', 'workers'], 'has no clusters: all its workers are alike.'),
  nouns(
    '/v3',
    ['manageable_volumes', 'manageable_snapshots', 'os-volume-manage', 'os-snapshot-manage'],
    'takes over no volumes that it has not made.',
  ),
  nouns('/v3', ['capabilities', 'encryption'], 'has one kind of storage, without encryption.'),
];

const lists = { network, image, volume } as const;

/** The refusal of what is not built; null: there is nothing of this address to know. */
export function absentFault(service: keyof typeof lists, path: string): Fault | null {
  const found = lists[service].find((one) => one.path.test(path));
  return found === undefined
    ? null
    : notImplemented(`The built-in ${service} service ${found.reason}`, { code: 'NotOffered' });
}
