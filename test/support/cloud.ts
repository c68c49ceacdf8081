// Why: the built-in image, network and volume services are tested over real HTTP, by fetch and by the stock client; a stand-in for
// identity tells who a token is by its name, so that these tests depend on no other service.

import { makePolicy } from '../../src/policies/load.ts';
import { execFile } from 'node:child_process';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { unauthorized } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Caller } from '../../src/base/op.ts';
import type { Database, EngineName } from '../../src/db/engine.ts';
import { type Images, makeImages } from '../../src/standalone/image/images.ts';
import type { ImageQuota } from '../../src/standalone/image/quota.ts';
import { makeNetworks, type Networks, type NetworksOptions } from '../../src/standalone/network/networks.ts';
import type { AttachedVolumes } from '../../src/standalone/volume/parts.ts';
import { defaultVolumeQuota, type VolumeQuota } from '../../src/standalone/volume/quota.ts';
import { makeVolumes, type Volumes, type VolumesOptions } from '../../src/standalone/volume/service.ts';
import { mount } from '../../src/web/mount.ts';
import { freshDatabase } from './database.ts';
import { scratchDir } from './scratch.ts';

const caller = (name: string, projectId: string, isAdmin: boolean): Caller => ({
  userId: `${name}-user`,
  userName: name,
  userDomainId: 'default',
  projectId,
  projectName: name,
  projectDomainId: 'default',
  domainId: null,
  roles: isAdmin ? ['admin', 'member', 'reader'] : ['member', 'reader'],
  systemScope: null,
  isAdmin,
  token: name,
});

/** Whoever may ask here; a caller's token is its name. */
export const callers = {
  admin: caller('admin', '0000000000000000000000000000ad31', true),
  demo: caller('demo', '00000000000000000000000000000de1', false),
  other: caller('other', '0000000000000000000000000000071e', false),
} as const;

export type Who = keyof typeof callers;

export async function authenticate(token: string | undefined): Promise<Caller> {
  const found = Object.values(callers).find((one) => one.token === token);
  if (found === undefined) throw unauthorized('The request you have made requires authentication.');
  return found;
}

const KEYSTONE_VERSION = {
  id: 'v3.14',
  status: 'stable',
  updated: '2020-04-07T00:00:00Z',
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
};

/** The little of Keystone v3 that a client needs to log in; a user's name is its token. */
function fakeKeystone(baseUrl: () => string): RequestListener {
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const answer = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
        response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
        response.end(JSON.stringify(body));
      };
      const links = [{ rel: 'self', href: `${baseUrl()}/identity/v3/` }];
      const path = request.url?.replace(/\?.*/, '').replace(/\/$/, '') ?? '';
      if (path === '/v3') return answer(200, { version: { ...KEYSTONE_VERSION, links } });
      const who = callers[(request.headers['x-auth-token'] ?? 'demo') as Who];
      if (request.method === 'POST' && path === '/v3/auth/tokens') {
        const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
          auth: { identity: { password: { user: { name: Who } } } };
        };
        const user = callers[body.auth.identity.password.user.name];
        const service = (type: string, path: string) => ({
          type,
          name: type,
          id: type,
          endpoints: ['public', 'internal', 'admin'].map((name) => ({
            id: `${type}-${name}`,
            interface: name,
            region: 'RegionOne',
            region_id: 'RegionOne',
            url: `${baseUrl()}${path}`,
          })),
        });
        const token = {
          methods: ['password'],
          user: { id: user.userId, name: user.userName, domain: { id: 'default', name: 'Default' } },
          project: { id: user.projectId, name: user.projectName, domain: { id: 'default', name: 'Default' } },
          roles: user.roles.map((name) => ({ id: name, name })),
          catalog: [
            service('identity', '/identity/v3'),
            service('image', '/image'),
            service('network', '/network'),
            service('block-storage', '/volume/v3'),
          ],
          issued_at: '2026-01-01T00:00:00.000000Z',
          expires_at: '2099-01-01T00:00:00.000000Z',
          audit_ids: ['none'],
        };
        return answer(201, { token }, { 'X-Subject-Token': user.userName });
      }
      const project = { id: who.projectId, name: who.projectName, domain_id: 'default', enabled: true };
      if (path === '/v3/projects') return answer(200, { projects: [project] });
      if (path === `/v3/projects/${who.projectId}`) return answer(200, { project });
      return answer(404, { error: { code: 404, title: 'Not Found', message: 'not here' } });
    });
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any;
}

export interface Cloud {
  readonly database: Database;
  readonly dir: string;
  readonly url: string;
  readonly images: Images;
  readonly networks: Networks;
  readonly volumes: Volumes;
  /** Another process's volume service on the same rows and files; it works on files once it is told to. */
  otherVolumes(programs?: VolumesOptions['programs']): Volumes;
  /** One request; a body that is neither text nor bytes is sent as JSON. */
  ask(who: Who | null, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** The stock client as a user; the parsed JSON of its answer, or its text. Rejects with what it wrote to stderr. */
  openstack(who: Who, ...words: string[]): Promise<unknown>;
  close(): Promise<void>;
}

export interface CloudOptions {
  readonly engine?: EngineName;
  readonly floatingIps?: boolean;
  readonly quota?: ImageQuota;
  readonly volume?: {
    readonly quota?: Partial<VolumeQuota>;
    readonly programs?: VolumesOptions['programs'];
    readonly attached?: AttachedVolumes;
    /** False: nobody works on files until a test does. */
    readonly works?: boolean;
  };
  readonly network?: Pick<NetworksOptions, 'tenantRanges' | 'tenantAddresses' | 'engine'>;
}

/** No host has any volume. */
export const noHosts: AttachedVolumes = { copy: async () => false, grow: async () => false };

/** A fresh database and data folder with image and network services over HTTP on a free port. */
export async function startCloud(options: CloudOptions = {}): Promise<Cloud> {
  const { engine = 'sqlite', floatingIps = false, quota, network = {}, volume = {} } = options;
  const dir = await mkdtemp(join(scratchDir(), 'xloud-cloud-'));
  const store = await freshDatabase(engine);
  const { database } = store;
  const policy = makePolicy({ log: silentLog, clock: systemClock });
  const parts = { database, authenticate, policy, clock: systemClock, log: silentLog, observer: { answered() {} } };
  const images = makeImages({ ...parts, directory: join(dir, 'images'), ...(quota === undefined ? {} : { quota }) });
  const networks = makeNetworks({
    ...parts,
    ...network,
    floatingIps,
    defaultCidr: '10.123.0.0/24',
    defaultProjectId: callers.admin.projectId ?? '',
  });
  const volumeParts = { ...parts, images: images.service, directory: join(dir, 'volumes'), zone: 'nova' };
  const volumesWith = (programs?: VolumesOptions['programs']): Volumes =>
    makeVolumes({
      ...volumeParts,
      quota: { ...defaultVolumeQuota, ...volume.quota },
      ...(programs === undefined ? {} : { programs }),
    });
  const volumes = volumesWith(volume.programs);
  await images.ensureBootstrap();
  await networks.ensureBootstrap();
  await volumes.ensureBootstrap();
  if (volume.works !== false) await volumes.startWork(true, volume.attached ?? noHosts);
  let url = '';
  const listeners = {
    '/image': images.app.callback() as RequestListener,
    '/network': networks.app.callback() as RequestListener,
    '/volume': volumes.app.callback() as RequestListener,
    '/identity': fakeKeystone(() => url),
  };
  const server = createServer(mount(listeners, (_request, response) => response.writeHead(404).end()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    database,
    dir,
    url,
    images,
    networks,
    volumes,
    otherVolumes: volumesWith,
    async ask(who, method, path, body, headers = {}) {
      const raw = typeof body === 'string' || body instanceof Uint8Array;
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(who === null ? {} : { 'X-Auth-Token': callers[who].token ?? '' }),
          ...(body === undefined || raw ? {} : { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined
          ? {}
          : { body: raw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get('Content-Type')?.includes('json') ?? false;
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: isJson && text !== '' ? JSON.parse(text) : null,
      };
    },
    openstack(who, ...words) {
      const env = {
        PATH: process.env['PATH'] ?? '',
        HOME: dir,
        OS_AUTH_URL: `${url}/identity/v3`,
        OS_USERNAME: who,
        OS_PASSWORD: 'none',
        OS_PROJECT_NAME: who,
        OS_USER_DOMAIN_NAME: 'Default',
        OS_PROJECT_DOMAIN_NAME: 'Default',
        OS_REGION_NAME: 'RegionOne',
        OS_IDENTITY_API_VERSION: '3',
      };
      return new Promise((resolve, reject) => {
        execFile('openstack', words, { env, timeout: 60_000 }, (error, stdout, stderr) => {
          if (error !== null) return reject(new Error(`openstack ${words.join(' ')}: ${stderr}`, { cause: error }));
          resolve(words.includes('json') ? JSON.parse(stdout) : stdout);
        });
      });
    },
    async close() {
      await volumes.close();
      images.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
