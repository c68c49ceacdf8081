// Why: thirty wire fields in, one CreateServersRequest out; what contradicts itself is refused here in Nova's words.

import { badRequest } from '../../../base/errors.ts';
import { versioned } from '../../../base/history.ts';
import { isUuidLike } from '../../../base/ids.ts';
import { limits } from '../../../base/limits.ts';
import type { CreateServersRequest, NetworkRequest, NetworkRequests } from '../../../domain/servers/create-request.ts';
import type { ImageFacts } from '../../../domain/machines/images.ts';
import type { CreatedServers } from '../../../ops/index.ts';
import { memberLinks } from '../../links.ts';
import { canonicalIpV6, isTrue } from '../../parameters.ts';
import { generatePassword } from './generate-password.ts';
import type { Call } from '../../resource.ts';
import { devicesOf, bootSourceOf } from './block-devices.ts';
import type { BlockDevice } from './create-schema.ts';

interface Nic {
  readonly uuid?: string;
  readonly port?: string | null;
  readonly fixed_ip?: string;
  readonly tag?: string;
}

/** The body of POST /servers after its schema passed. */
export interface CreateBody {
  readonly server: {
    readonly name: string;
    readonly description?: string | null;
    readonly hostname?: string;
    readonly imageRef?: string;
    readonly flavorRef: string | number;
    readonly adminPass?: string;
    readonly metadata?: Record<string, string>;
    readonly networks?: 'auto' | 'none' | readonly Nic[];
    readonly 'OS-DCF:diskConfig'?: 'AUTO' | 'MANUAL';
    readonly accessIPv4?: string;
    readonly accessIPv6?: string;
    readonly personality?: readonly { path?: string; contents?: string }[];
    readonly availability_zone?: string;
    readonly block_device_mapping?: readonly BlockDevice[];
    readonly block_device_mapping_v2?: readonly BlockDevice[];
    readonly config_drive?: boolean | string;
    readonly key_name?: string;
    readonly min_count?: number | string;
    readonly max_count?: number | string;
    readonly return_reservation_id?: boolean | string;
    readonly security_groups?: readonly { name?: string }[];
    readonly user_data?: string;
    readonly tags?: readonly string[];
    readonly trusted_image_certificates?: readonly string[] | null;
    readonly host?: string;
    readonly hypervisor_hostname?: string;
  };
  readonly 'os:scheduler_hints'?: Record<string, unknown>;
  readonly 'OS-SCH-HNT:scheduler_hints'?: Record<string, unknown>;
}

/** What `parseCreate` asks about besides. */
export const createRules: readonly string[] = [
  'os_compute_api:servers:create:forced_host',
  'compute:servers:create:requested_destination',
  'os_compute_api:servers:create:attach_network',
  'os_compute_api:servers:create:attach_volume',
  'os_compute_api:servers:create:zero_disk_flavor',
  'network:attach_external_network',
  'os_compute_api:servers:create:trusted_certs',
];

type CreateCall = Call<'none', CreateBody>;

/** Throws Nova's 400 for fewer servers at most than at least. */
export function counts({ min_count, max_count }: CreateBody['server']): { minCount: number; maxCount: number } {
  const minCount = Number(min_count ?? 1);
  const maxCount = Number(max_count ?? minCount);
  if (minCount > maxCount) throw badRequest('min_count must be <= max_count');
  if (maxCount > limits.serversPerRequest) throw badRequest(`max_count must be <= ${limits.serversPerRequest}`);
  return { minCount, maxCount };
}

function networkRequests({ networks }: CreateBody['server']): NetworkRequests {
  if (networks === undefined) return null;
  if (typeof networks === 'string') return networks;
  const seen = new Set<string>();
  return networks.map((nic): NetworkRequest => {
    const portId = nic.port ?? null;
    const networkId = portId === null ? (nic.uuid ?? null) : null;
    if (portId !== null && seen.has(portId)) {
      throw badRequest(`Port ID '${portId}' was specified twice: you cannot attach a port multiple times.`);
    }
    if (portId !== null && nic.fixed_ip !== undefined) {
      throw badRequest(
        `Specified Fixed IP '${nic.fixed_ip}' cannot be used with port '${portId}': the two cannot be specified together.`,
      );
    }
    if (portId === null && networkId === null) throw badRequest("Bad network format: missing 'uuid'");
    if (networkId !== null && !isUuidLike(networkId)) {
      throw badRequest(`Bad networks format: network uuid is not in proper format (${networkId})`);
    }
    if (portId !== null) seen.add(portId);
    return { networkId, portId, fixedIp: nic.fixed_ip ?? null, tag: nic.tag ?? null };
  });
}

interface Destination {
  readonly zone: string | null;
  readonly forcedHost: string | null;
  readonly forcedNode: string | null;
  readonly requestedHost: string | null;
  readonly requestedNode: string | null;
}

/** `zone`, `zone:host`, `zone:host:node` or `zone::node`, each part null where it is not given. */
export function parseZone(text: string): Pick<Destination, 'zone' | 'forcedHost' | 'forcedNode'> {
  const [zone = '', host = '', node = '', ...rest] = text.split(':');
  if (rest.length > 0) throw badRequest('Invalid input received: Unable to parse availability_zone');
  return { zone: zone || null, forcedHost: host || null, forcedNode: node || null };
}

/** A host or node that is forced needs its policy. */
function destinationOf(call: CreateCall): Destination {
  const { availability_zone = '', host = null, hypervisor_hostname = null } = call.body.server;
  const { zone, forcedHost, forcedNode } = parseZone(availability_zone);
  const forces = forcedHost !== null || forcedNode !== null;
  if (forces) call.enforce('os_compute_api:servers:create:forced_host', {});
  if (host !== null || hypervisor_hostname !== null) {
    call.enforce('compute:servers:create:requested_destination', {});
    if (forces) {
      throw badRequest(
        'One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive.',
      );
    }
  }
  return { zone, forcedHost, forcedNode, requestedHost: host, requestedNode: hypervisor_hostname };
}

/** Files as `personality` gives them; throws 400 for one without a path or contents. */
export function filesOf(
  personality: readonly { readonly path?: string; readonly contents?: string }[] = [],
): CreateServersRequest['files'] {
  return personality.map(({ path, contents }) => {
    if (path === undefined || contents === undefined) {
      throw badRequest(`Bad personality format: missing ${path === undefined ? 'path' : 'contents'}`);
    }
    return { path, contents };
  });
}

const trimmed = (text: string | null | undefined): string | null => (text == null ? null : text.trim());

/**
 * The request behind a POST /servers.
 * @param image what `imageOf` its block devices names, as the caller may see it; null: there is none
 * @throws badRequest for what contradicts itself or is not offered here; forbidden where a part needs a rule of its own
 */
export function parseCreate(call: CreateCall, image: ImageFacts | null): CreateServersRequest {
  const { server } = call.body;
  const { minCount, maxCount } = counts(server);
  if ((server.trusted_image_certificates ?? []).length > 0) {
    call.enforce('os_compute_api:servers:create:trusted_certs');
    throw badRequest('Trusted image certificates cannot be checked here: there is no certificate service.');
  }
  const destination = destinationOf(call);
  const devices = devicesOf(server, image);
  if ((server.block_device_mapping ?? server.block_device_mapping_v2 ?? []).length > 0) {
    call.enforce('os_compute_api:servers:create:attach_volume');
  }
  const source = bootSourceOf(server, devices, maxCount);
  const networks = networkRequests(server);
  if (networks !== null && networks !== 'none' && networks.length > 0) {
    call.enforce('os_compute_api:servers:create:attach_network');
  }
  if (maxCount > 1 && server.hostname !== undefined)
    throw badRequest('Unable to allocate a single hostname to multiple instances');
  return {
    name: server.name.trim(),
    description: server.description ?? (describedByName.at(call.op.minor) ? server.name.trim() : null),
    hostname: server.hostname ?? null,
    flavorRef: idOf(server.flavorRef),
    mayLackDisk: call.allows('os_compute_api:servers:create:zero_disk_flavor'),
    mayAttachExternal: call.allows('network:attach_external_network'),
    ...source,
    networks,
    securityGroups: (server.security_groups ?? []).flatMap(({ name }) => (name === undefined ? [] : [name])),
    keyName: trimmed(server.key_name),
    userData: server.user_data ?? null,
    configDrive: isTrue(server.config_drive ?? false),
    files: filesOf(server.personality),
    metadata: server.metadata ?? {},
    tags: [...new Set(server.tags ?? [])],
    minCount,
    maxCount,
    ...destination,
    adminPass: server.adminPass ?? generatePassword(),
    accessIpV4: server.accessIPv4 ?? null,
    accessIpV6: server.accessIPv6 === undefined ? null : canonicalIpV6(server.accessIPv6),
    autoDiskConfig: server['OS-DCF:diskConfig'] === undefined ? null : server['OS-DCF:diskConfig'] === 'AUTO',
    schedulerHints: hintsOf(call.body['os:scheduler_hints'] ?? call.body['OS-SCH-HNT:scheduler_hints'] ?? {}),
  };
}

/** Hints that begin so are Nova's own, for its scheduler alone: those of a request are dropped. */
const hintsOf = (hints: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(hints).filter(([name]) => !name.startsWith('_nova')));

/** A flavor is named by its id or by any address that ends in it: `http://any.host/flavors/1?x=y`. */
const idOf = (reference: string | number): string =>
  String(reference)
    .replace(/[?#].*$/s, '')
    .replace(/^.*\//s, '');

/** Before 2.19 a server's description was its name. */
const describedByName = versioned(true, ['2.19', false]);

/** The answer of POST: the first server, or the reservation when that was asked for. */
export function createdView(
  { reservationId, autoDiskConfig, servers }: CreatedServers,
  call: Call<'none', CreateBody>,
) {
  const { server } = call.body;
  const [first] = servers;
  if (isTrue(server.return_reservation_id ?? false) || first === undefined) return { reservation_id: reservationId };
  const groups = (server.security_groups ?? []).flatMap(({ name: group }) =>
    group === undefined ? [] : [{ name: group }],
  );
  return {
    server: {
      id: first.uuid,
      links: memberLinks(call.url, 'servers', first.uuid),
      'OS-DCF:diskConfig': autoDiskConfig ? 'AUTO' : 'MANUAL',
      security_groups: groups.length === 0 ? [{ name: 'default' }] : groups,
      adminPass: first.adminPass,
    },
  };
}
