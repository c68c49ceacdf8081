// Why: the built-in network service: Neutron's API for clients, and the same networks for compute without HTTP between.

import type { Authenticate } from '../../base/op.ts';
import type { Clock } from '../../base/clock.ts';
import { newUuid } from '../../base/ids.ts';
import { Fault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import type { NetworkService } from '../../cloud/network.ts';
import { makeNetworkService } from '../../cloud/network-service.ts';
import type { Database } from '../../db/engine.ts';
import { databaseFault, isDuplicate } from '../../db/errors.ts';
import { everything, listRows, networkNoun, noFilters } from '../../db/networks.ts';
import { tx } from '../../db/tx.ts';
import { makeWeb, type Web, type WebObserver } from '../../web/app.ts';
import { neutronEnvelope } from '../../web/faults.ts';
import type { Policy } from '../../policies/load.ts';
import { makeAllows } from '../access.ts';
import { makeRoutes } from '../http.ts';
import { parseCidr } from '../../base/ip.ts';
import { hostRange } from './addresses.ts';
import { makeLocalApi } from './api.ts';
import { derivedUuid } from './derived.ts';
import { basicEngine, type NetworkEngine } from './engine.ts';
import { notAllowed } from './faults.ts';
import type { PortNews } from './parts.ts';
import { addNetworkRoutes } from './routes.ts';
import { PRIVATE_RANGES, readRanges } from './subnet-ranges.ts';
import { insertTopology } from './topology.ts';

export interface NetworksOptions {
  readonly database: Database;
  readonly authenticate: Authenticate;
  readonly policy: Pick<Policy, 'allows'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: WebObserver;
  /** How long a JSON body may take to come. */
  readonly bodyMs?: number | undefined;
  /** The shared network of the first start: IPv4, its first address is the gateway. Default: 10.123.0.0/20. */
  readonly defaultCidr?: string;
  /** What its servers ask for names. Default: none, which leaves it to the host's DHCP server (the gateway). */
  readonly dnsServers?: readonly string[];
  /** Who owns it. Default: the program itself, so that only administrators change it. */
  readonly defaultProjectId?: string;
  /** Where subnets of projects lie; default: what is for private use. */
  readonly tenantRanges?: readonly string[];
  /** IPv4 addresses that a project's subnets have in all; -1: no limit. */
  readonly tenantAddresses?: number;
  /** What carries networks. Default: `basic`. */
  readonly engine?: NetworkEngine;
  /** Whether floating addresses are had: where OVN carries them, or nothing real is plugged. */
  readonly floatingIps: boolean;
  /** Told what clients did to ports that have a device, as Neutron tells Nova. */
  readonly tell?: (news: readonly PortNews[]) => void;
}

export interface Networks {
  readonly app: Web;
  readonly service: NetworkService;
  /** Makes the shared default network where there is no network at all, so that the first server needs none named. */
  ensureBootstrap(): Promise<void>;
}

const DEFAULT_NAME = 'private';
const DEFAULT_CIDR = '10.123.0.0/20';
const DEFAULT_OWNER = 'xloud';

export function makeNetworks(options: NetworksOptions): Networks {
  const { database, clock, log, observer, authenticate, dnsServers = [] } = options;
  const { defaultCidr: text = DEFAULT_CIDR, defaultProjectId: projectId = DEFAULT_OWNER } = options;
  const app = makeWeb({
    service: 'network',
    envelope: neutronEnvelope,
    recognize: databaseFault,
    clock,
    log,
    observer,
    bodyMs: options.bodyMs,
  });
  // every address may also be written with `.json` at its end
  app.use((ctx, next) => {
    if (ctx.path.endsWith('.json')) ctx.path = ctx.path.slice(0, -'.json'.length);
    return next();
  });
  const routes = makeRoutes();
  const allows = makeAllows(options.policy);
  const { tenantRanges = PRIVATE_RANGES, tenantAddresses = limits.tenantAddresses } = options;
  const ranges = readRanges(tenantRanges, tenantAddresses);
  const { engine = basicEngine } = options;
  const parts = { database, clock, allows, ranges, engine, floatingIps: options.floatingIps };
  addNetworkRoutes(routes, { ...parts, ...(options.tell === undefined ? {} : { tell: options.tell }) });
  routes.serve(app, {
    service: 'network',
    authenticate,
    allows,
    refusal: notAllowed,
    missing: 'The resource could not be found.',
  });
  return {
    app,
    service: makeNetworkService(makeLocalApi(parts)),
    async ensureBootstrap() {
      const cidr = parseCidr(text);
      if (cidr === null || cidr.version !== 4 || hostRange(cidr).last - hostRange(cidr).first < 1n) {
        throw new Fault(
          'internal',
          `the default network's range '${text}' is not an IPv4 network with room for a server`,
        );
      }
      const any = await listRows(database.read, networkNoun, null, noFilters, { ...everything, limit: 1 });
      if (any === null || any.length > 0) return;
      // Networks have their ids as names on the hosts, where another installation may have its own default network.
      const ids = { id: newUuid(), subnetId: derivedUuid('default subnet', projectId) };
      const description = 'Shared by all projects';
      try {
        await tx(database, (trx) =>
          insertTopology(
            trx,
            { ...ids, name: DEFAULT_NAME, description, projectId, shared: true, cidr, dnsServers },
            { now: clock.now(), engine },
          ),
        );
      } catch (error) {
        if (!isDuplicate(error)) throw error;
      }
    },
  };
}
