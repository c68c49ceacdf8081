// Why: images as the built-in service has them, and networks in memory or in a directory that outlives the process, with
// everything countable that must not be left over.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { badRequest, type Fault, notFound } from '../../src/base/errors.ts';
import { makeMutex } from '../../src/base/mutex.ts';
import { systemCaller } from '../../src/base/op.ts';
import type { ImageService } from '../../src/cloud/image.ts';
import type { NetworkPlan, ServerPorts } from '../../src/cloud/network.ts';
import { findImage, insertImage } from '../../src/db/images.ts';
import { tx } from '../../src/db/tx.ts';
import type { ImageFacts } from '../../src/domain/machines/images.ts';
import type { ServerPort } from '../../src/domain/networks/networks.ts';
import type { NetworkFacts, NicSpec } from '../../src/domain/networks/server-nics.ts';
import type { DataParts } from '../../src/standalone/image/data.ts';
import { makeImageFiles } from '../../src/standalone/image/files.ts';
import { unlimited } from '../../src/standalone/image/quota.ts';
import { makeImageService } from '../../src/standalone/image/service.ts';

/** A uuid that is always the same for the same words. */
export function uuidOf(...words: readonly string[]): string {
  const hex = createHash('sha256').update(words.join(' ')).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export const testImage = (more: Partial<ImageFacts> = {}): ImageFacts => ({
  id: uuidOf('image'),
  name: 'tiny',
  status: 'active',
  owner: null,
  visibility: 'public',
  diskFormat: 'qcow2',
  containerFormat: 'bare',
  minDiskGb: 0,
  minRamMb: 0,
  sizeBytes: 1024,
  virtualSizeBytes: 1024,
  checksum: null,
  osHashAlgo: null,
  osHashValue: null,
  properties: {},
  ...more,
});

export interface TestImages extends ImageService {
  /** Puts an image there as it is, without data. */
  add(image: ImageFacts): Promise<void>;
  /** All images that exist. */
  all(): Promise<readonly ImageFacts[]>;
}

/** The built-in image service over the world's database; data lies in the directory. */
export function makeTestImages(parts: Omit<DataParts, 'files' | 'quota' | 'turns'>, directory: string): TestImages {
  const { database } = parts;
  const now = Date.now();
  const own = { protected: false, hidden: false, tags: [], createdAt: now, updatedAt: now };
  const service = makeImageService({
    ...parts,
    quota: unlimited,
    turns: makeMutex(),
    files: makeImageFiles(directory),
  });
  return {
    ...service,
    add: (image) =>
      tx(database, async (t) => {
        if ((await findImage(t, image.id)) === null) await insertImage(t, { ...own, ...image });
      }),
    all: () => service.list(systemCaller, { filters: {}, limit: 1_000, marker: null }),
  };
}

export const testNetwork: NetworkFacts = {
  id: uuidOf('network'),
  name: 'private',
  projectId: 'p',
  mtu: 1500,
  subnets: [
    {
      id: uuidOf('subnet'),
      cidr: '10.9.0.0/16',
      ipVersion: 4,
      gateway: '10.9.0.1',
      enableDhcp: true,
      dnsServers: [],
      hostRoutes: [],
    },
  ],
};

interface Port {
  readonly serverUuid: string;
  readonly host: string;
  /** The host to which its server is on its way. */
  readonly towards?: string;
  readonly nic: NicSpec;
}

export interface FakeNetworks extends ServerPorts {
  /** All ports that exist. */
  ports(): readonly Port[];
  /** The next calls of a verb reject with these, one after another. */
  failNext(verb: 'plan' | 'allocate' | 'announceMove' | 'rebind' | 'release', ...faults: readonly Fault[]): void;
}

/** One port for each request; nothing asked for: one on the test network. With a directory, ports are files in it. */
export function makeFakeNetworks(directory?: string): FakeNetworks {
  const ports = new Map<string, Port>();
  const failures = {
    plan: [] as Fault[],
    allocate: [] as Fault[],
    announceMove: [] as Fault[],
    rebind: [] as Fault[],
    release: [] as Fault[],
  };
  if (directory !== undefined) {
    mkdirSync(directory, { recursive: true });
    for (const name of readdirSync(directory)) {
      const port = JSON.parse(readFileSync(join(directory, name), 'utf8')) as Port;
      ports.set(port.nic.portId, port);
    }
  }
  const trip = (verb: keyof typeof failures): void => {
    const fault = failures[verb].shift();
    if (fault !== undefined) throw fault;
  };
  const of = (uuid: string): Port[] => [...ports.values()].filter((port) => port.serverUuid === uuid);
  const keep = (port: Port): void => {
    ports.set(port.nic.portId, port);
    if (directory !== undefined) writeFileSync(join(directory, port.nic.portId), JSON.stringify(port));
  };
  const seen = ({ serverUuid, nic }: Port): ServerPort => ({
    portId: nic.portId,
    networkId: nic.network.id,
    serverUuid,
    mac: nic.mac,
    state: 'ACTIVE',
    fixedIps: nic.fixedIps,
  });
  const changeAddresses = (port: Port, addresses: readonly string[]): void => {
    const fixedIps = addresses.map((address) => ({ address, subnetId: testNetwork.subnets[0]?.id ?? '' }));
    keep({ ...port, nic: { ...port.nic, fixedIps } });
  };

  return {
    ports: () => [...ports.values()],
    failNext: (verb, ...faults) => void failures[verb].push(...faults),
    async plan(_caller, wishes): Promise<NetworkPlan> {
      trip('plan');
      if (wishes === 'none') return { requests: [], securityGroups: [] };
      const one = { networkId: testNetwork.id, portId: null, fixedIp: null, tag: null };
      return { requests: typeof wishes === 'string' || wishes === null ? [one] : wishes, securityGroups: [] };
    },
    async planOne(_caller, _server, wish) {
      trip('plan');
      return { requests: [{ ...wish, networkId: testNetwork.id }], securityGroups: [] };
    },
    async allocate(server, plan, first = 0) {
      trip('allocate');
      return plan.requests.map((request, index) => {
        const portId = uuidOf('port', server.uuid, String(first + index));
        const low = Number.parseInt(portId.slice(0, 4), 16);
        const nic: NicSpec = {
          portId,
          mac: `fa:16:3e:00:${portId.slice(0, 2)}:${portId.slice(2, 4)}`,
          network: testNetwork,
          fixedIps: [
            { address: request.fixedIp ?? `10.9.${low >> 8}.${low & 255}`, subnetId: testNetwork.subnets[0]?.id ?? '' },
          ],
          floatingIps: [],
          tag: request.tag,
          vifType: 'nat',
          vifDetails: {},
          securityGroups: [],
          preexisting: false,
        };
        keep({ serverUuid: server.uuid, host: server.host, nic });
        return nic;
      });
    },
    async announceMove({ uuid }, host) {
      trip('announceMove');
      for (const port of of(uuid)) keep({ ...port, towards: host });
    },
    async rebind({ uuid, host }) {
      trip('rebind');
      for (const { serverUuid, nic } of of(uuid)) keep({ serverUuid, host, nic });
      return of(uuid).map((port) => port.nic);
    },
    async release({ uuid }, which) {
      trip('release');
      const only =
        which === undefined ? null : 'portId' in which ? which.portId : uuidOf('port', uuid, String(which.position));
      for (const { nic } of of(uuid)) {
        if (only !== null && nic.portId !== only) continue;
        ports.delete(nic.portId);
        if (directory !== undefined) rmSync(join(directory, nic.portId), { force: true });
      }
    },
    portsOf: async ({ uuid }) => of(uuid).map((port) => port.nic),
    seenPorts: async (_caller, { uuid }) => of(uuid).map(seen),
    async seenPort(_caller, portId) {
      const port = ports.get(portId);
      return port === undefined ? null : seen(port);
    },
    async addFixedIp({ uuid }) {
      const [port] = of(uuid);
      if (port === undefined) throw notFound(`Network could not be found for instance ${uuid}.`);
      changeAddresses(port, [...port.nic.fixedIps.map(({ address }) => address), '10.9.255.1']);
    },
    async removeFixedIp({ uuid }, address) {
      const port = of(uuid).find(({ nic }) => nic.fixedIps.some((ip) => ip.address === address));
      if (port === undefined) throw badRequest(`Instance ${uuid} does not have fixed IP '${address}'.`);
      changeAddresses(
        port,
        port.nic.fixedIps.flatMap((ip) => (ip.address === address ? [] : [ip.address])),
      );
    },
  };
}
