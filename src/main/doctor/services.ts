// Why: whom the installation speaks with: who says who a caller is, and the service itself, if it runs.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from '../../base/limits.ts';
import { silentLog } from '../../base/log.ts';
import { northboundTables } from '../../cloud/ovn/northbound.ts';
import { openOvsdb } from '../../cloud/ovn/ovsdb/client.ts';
import { hostChassis } from '../../db/hosts.ts';
import { countDirtyUnits } from '../../db/network-units.ts';
import type { Chassis } from '../../domain/placement/hosts.ts';
import { isShared } from '../bus.ts';
import { keysDirectory } from '../directories.ts';
import { openKeystone } from '../identity.ts';
import { northboundOf } from '../network-engine.ts';
import { type Check, type Found, ok, type Patient, problem, warning } from './check.ts';
import { volumes } from './volumes.ts';

const SKEW_SECONDS = 30;

function builtIn({ dataDir, config }: Patient): Found {
  const key = join(keysDirectory(config, dataDir), 'identity-private', 'private.pem');
  if (!existsSync(key))
    return problem(
      `built in, without its key ${key}`,
      'restore it; the next start makes another, and every token must be fetched anew',
    );
  const clouds = join(dataDir, 'clouds.yaml');
  if (!existsSync(clouds) && !isShared(config))
    return problem(`built in, and ${clouds} is gone: the service will not start`, 'xloud identity reset-passwords');
  return ok('built in, with its key');
}

async function skew(url: string, nowMs: () => number): Promise<Found[]> {
  const response = await fetch(url, { signal: AbortSignal.timeout(limits.neighbourMs) });
  const date = Date.parse(response.headers.get('date') ?? '');
  const seconds = Math.round((date - nowMs()) / 1000);
  if (Number.isNaN(seconds)) return [];
  if (Math.abs(seconds) <= SKEW_SECONDS) return [ok("its clock is this machine's")];
  return [
    problem(
      `its clock differs from this machine's by ${seconds} s: tokens count as expired, or too long`,
      'have both follow the same time server (chrony, ntpd)',
    ),
  ];
}

const identity: Check = {
  name: 'identity',
  async look(patient) {
    const { config, clock } = patient;
    const { auth_url: url } = config.identity;
    if (url === '') return builtIn(patient);
    const keystone = await openKeystone({ config, clock, log: silentLog });
    try {
      const why = await keystone.problem();
      if (why !== null) return problem(why, 'mend identity.auth_url, username and password, or start Keystone');
      const found = [ok(`Keystone at ${url}`), ...(await skew(url, () => clock.now()))];
      return config.identity.password === ''
        ? [...found, warning('no password of our own: tokens are checked by their keys alone', 'set identity.password')]
        : found;
    } finally {
      await keystone.close();
    }
  },
};

const READY_MS = 10_000;

/** What the service says of itself; null: nobody listens where it would. */
export async function askService({
  config,
}: Patient): Promise<{ readonly address: string; readonly response: Response | null }> {
  const { host, port } = config.api;
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  try {
    return { address, response: await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(READY_MS) }) };
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED') return { address, response: null };
    throw error;
  }
}

const service: Check = {
  name: 'service',
  async look(patient) {
    const { address, response } = await askService(patient);
    if (response === null) return ok(`does not run at ${address}`);
    if (response.status === 200) return ok(`runs and is ready at ${address}`);
    const { checks = {} } = (await response.json().catch(() => ({}))) as { checks?: Record<string, string> };
    const bad = Object.entries(checks).filter(([, state]) => state !== 'ok');
    if (bad.length === 0)
      return warning(`another program answers at ${address} (${response.status})`, 'set api.port to a free one');
    return bad.map(([name, state]) => problem(`runs and is not ready: ${name}: ${state}`, 'its log has the details'));
  },
};

/** How long OVN's database may take to show what it has. */
const OVN_MS = 15_000;

/** What is to be said of the hosts that carry what goes in and out of routers. */
export function waysOut(
  { ovn_gateways: named, ovn_wire: wire }: Pick<Patient['config']['network'], 'ovn_gateways' | 'ovn_wire'>,
  hosts: ReadonlyMap<string, Chassis>,
): readonly Found[] {
  const carriers = [...hosts.values()].filter(({ wires }) => wires.includes(wire));
  if (named.length === 0 && carriers.length === 0)
    return [
      warning(
        `no host carries what goes in and out of routers: none leads to ${wire || 'a wire'}`,
        'have ovn-bridge-mappings of some host name it, or name chassis in network.ovn_gateways',
      ),
    ];
  // each of two sees nobody any more when the other one falls silent
  if (hosts.size === 2)
    return [
      warning(
        'with two hosts in all, what goes out of routers does not move away from one that falls silent',
        'OVN takes the one that is left for cut off; a third host that runs ovn-controller mends it',
      ),
    ];
  return [];
}

const networks: Check = {
  name: 'networks',
  async look({ config, clock, database }) {
    if (config.network.engine === 'basic') return ok("libvirt's own, behind NAT; security groups are not enforced");
    const where = northboundOf(config);
    const northbound = openOvsdb({
      ...{ ...where, database: 'OVN_Northbound', tables: northboundTables, clock, log: silentLog },
    });
    try {
      const at = where.remotes.join(', ');
      try {
        await northbound.ready(AbortSignal.timeout(OVN_MS));
      } catch {
        return problem(
          `OVN's Northbound database does not answer at ${at}: ${northbound.problem()}`,
          'start it (ovn-central, or tools/ovn.sh), or mend network.ovn_nb; what was changed meanwhile is told then',
        );
      }
      const waiting = database === null ? 0 : await countDirtyUnits(database.read);
      const found = [ok(`OVN answers at ${at}`)];
      if (database !== null) found.push(...waysOut(config.network, await hostChassis(database.read)));
      if (waiting > 0)
        found.push(
          warning(`${waiting} changes wait to be told to OVN`, 'start the service; its log says what is refused'),
        );
      return found;
    } finally {
      await northbound.close();
    }
  },
};

export const serviceChecks: readonly Check[] = [identity, networks, volumes, service];
