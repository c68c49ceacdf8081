// Why: what a machine says of its networks becomes what a new server is plugged into; ports that are made for it are found again by their names.

import { conflict, Fault, notFound } from '../../base/errors.ts';
import { segment } from '../../client/compute.ts';
import type { Session } from '../../client/session.ts';
import type { NewMachine } from '../provider.ts';
import type { Network } from '../types.ts';

const portName = (uid: string, at: number): string => `novacron-${uid}-${at}`;
/** Of one machine, as its schema says. */
const MOST_PORTS = 16;

interface Found {
  readonly id: string;
  /** It may be another project's. */
  readonly shared?: boolean;
}

/** Null for what is not there. */
export const absent = (error: unknown): null => {
  if (error instanceof Fault && error.kind === 'notFound') return null;
  throw error;
};

/** @param session as whoever owns the servers */
export function makePlugs(session: Session) {
  const network = async <T>(method: string, path: string, body?: unknown): Promise<T> =>
    (await session.ask('network', { method, path, body })).body as T;

  async function networkId(name: string): Promise<string | null> {
    const { networks } = await network<{ networks: Found[] }>('GET', `/v2.0/networks?name=${segment(name)}`);
    // others may share networks of any name: nobody is plugged into theirs for that
    const own = networks.filter(({ shared }) => shared !== true);
    const [found, ...more] = own.length > 0 || name === 'default' ? own : networks;
    if (more.length > 0) throw conflict(`There are several networks ${name}: name one by its id.`);
    if (found !== undefined) return found.id;
    const byId = await network<{ networks: { id: string }[] }>('GET', `/v2.0/networks?id=${segment(name)}`);
    if (byId.networks[0] !== undefined) return byId.networks[0].id;
    if (name === 'default') return null;
    throw notFound(`There is no network ${name}.`);
  }

  /** A port that passes a device of its host on; found again by its name. */
  async function directPort(
    uid: string,
    at: number,
    networkIdOf: string,
    fixedIp: string | undefined,
  ): Promise<string> {
    const name = portName(uid, at);
    const { ports } = await network<{ ports: { id: string }[] }>('GET', `/v2.0/ports?name=${name}`);
    if (ports[0] !== undefined) return ports[0].id;
    const port = {
      ...{ name, network_id: networkIdOf, 'binding:vnic_type': 'direct' },
      ...(fixedIp === undefined ? {} : { fixed_ips: [{ ip_address: fixedIp }] }),
    };
    return (await network<{ port: { id: string } }>('POST', '/v2.0/ports', { port })).port.id;
  }

  async function plugOf(uid: string, { name, type, ipv4 }: Network, at: number): Promise<object | null> {
    const uuid = await networkId(name);
    const fixedIp = ipv4?.method === 'static' ? ipv4.address?.split('/')[0] : undefined;
    if (uuid === null) return null;
    if (type === 'sr-iov') return { port: await directPort(uid, at, uuid, fixedIp) };
    return { uuid, ...(fixedIp === undefined ? {} : { fixed_ip: fixedIp }) };
  }

  async function plug({ uid, wanted }: NewMachine): Promise<object[] | 'auto'> {
    const plugs: object[] = [];
    for (const [at, one] of wanted.networks.entries()) {
      const plugged = await plugOf(uid, one, at);
      if (plugged !== null) plugs.push(plugged);
    }
    return plugs.length === 0 ? 'auto' : plugs;
  }

  return {
    /** The `networks` of a new server. */
    plug,
    /** Removes the ports that were made for a machine. */
    async clean(uid: string): Promise<void> {
      const names = Array.from({ length: MOST_PORTS }, (_, at) => `name=${portName(uid, at)}`).join('&');
      const { ports } = await network<{ ports: { id: string }[] }>('GET', `/v2.0/ports?${names}`);
      for (const { id } of ports) await network('DELETE', `/v2.0/ports/${id}`).catch(absent);
    },
  };
}
