// Why: tests of servers over HTTP all need the same few: an API with two flavors, a way to make a server, to look at it, and to
// put its row into a state that takes long to reach.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, type ApiOptions, type RequestOptions, startApi } from './api.ts';
import type { Answer } from './http.ts';

/** 1 to 4 vCPUs, 256 to 4096 MiB. */
export const ELASTIC = 'elastic';
/** 1 vCPU, 512 MiB, no more and no less. */
export const PLAIN = 'plain';

type Options = Omit<RequestOptions, 'body'>;

export interface Servers extends Api {
  readonly imageId: string;
  /** POST /servers, with a name, flavor, image and (from 2.37) networks where they are not given; null leaves one out. */
  post(server?: Readonly<Record<string, unknown>>, options?: Options & { readonly beside?: object }): Promise<Answer>;
  /** Creates a server as the member, waits until it is settled, and returns its id. */
  create(server?: Readonly<Record<string, unknown>>, options?: Options): Promise<string>;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  show(id: string, options?: Options): Promise<any>;
  act(id: string, body: unknown, options?: Options): Promise<Answer>;
  /** Writes columns of the row itself. */
  set(id: string, columns: Readonly<Record<string, unknown>>): Promise<void>;
  /** Looks every few milliseconds until the server is as wished; fails after five seconds. */
  until(id: string, isThere: (server: Awaited<ReturnType<Servers['show']>>) => boolean): Promise<void>;
}

const minorOf = (version: string | undefined): number =>
  version === undefined ? 1 : version === 'latest' ? 104 : Number(version.slice(2));

const NETWORKS_FROM = 37;
const PATIENCE_MS = 60_000;

/** Starts the API with its flavors and image; requests come from the member where nobody is named. */
export async function startServers(options: ApiOptions = {}): Promise<Servers> {
  const api = await startApi(options);
  const { world } = api;
  await world.flavor({ id: ELASTIC, specs: { minimum_cpu: '1', minimum_memory: '256' } });
  await world.flavor({ id: PLAIN, vcpus: 1, memoryMb: 512 });
  const { imageId } = world;

  const servers: Servers = {
    ...api,
    imageId,
    post(server = {}, { beside = {}, ...request } = {}) {
      const networks = minorOf(request.version) >= NETWORKS_FROM ? { networks: 'auto' } : {};
      const whole = { name: 'web', flavorRef: PLAIN, imageRef: imageId, ...networks, ...server };
      const given = Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== null));
      return api.request('POST', '/servers', { as: 'member', ...request, body: { server: given, ...beside } });
    },
    async create(server, request) {
      const answer = await servers.post(server, request);
      assert.equal(answer.status, 202, answer.text);
      await world.settled();
      return answer.body.server.id as string;
    },
    async show(id, request) {
      const answer = await api.request('GET', `/servers/${id}`, { as: 'member', ...request });
      assert.equal(answer.status, 200, answer.text);
      return answer.body.server;
    },
    act: (id, body, request) => api.request('POST', `/servers/${id}/action`, { as: 'member', ...request, body }),
    async set(id, columns) {
      await world.database.write('servers').where({ uuid: id }).update(columns);
    },
    async until(id, isThere) {
      const giveUpAt = Date.now() + PATIENCE_MS;
      for (;;) {
        const server = await servers.show(id, { as: 'admin', version: 'latest' });
        if (isThere(server)) return;
        assert.ok(Date.now() < giveUpAt, `still ${server.status} ${server['OS-EXT-STS:task_state']}`);
        await sleep(5);
      }
    },
  };
  return servers;
}
