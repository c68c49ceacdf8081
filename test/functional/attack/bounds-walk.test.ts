// Whatever is asked within the declared bounds, everybody else is answered at once. Every route of the compute API and of the
// built-in services gets the largest and the strangest that its bounds let through, while a thread of its own asks `/healthz` all
// the time.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { computeRoutes } from '../../../src/api/compute/index.ts';
import type { RouteEntry } from '../../../src/api/resource.ts';
import { isVersioned, minorOf } from '../../../src/base/history.ts';
import { limits } from '../../../src/base/limits.ts';
import { serviceRoutes } from '../../../src/main/service-routes.ts';
import { heavyBodies, heavyNouns, heavyQueries, stumblingHeads } from '../../support/heavy.ts';
import { type Prober, type Pulse, startProber } from '../../support/prober.ts';
import { eventually, type Reply, type Service, startService } from '../../support/serve.ts';

/** Parameters that lists of the built-in services take. */
const LISTS = {
  properties: Object.fromEntries(
    ['limit', 'marker', 'sort_key', 'sort_dir', 'sort', 'name', 'id', 'tag', 'tags', 'fields', 'fixed_ips'].map(
      (name) => [name, { type: 'string' }],
    ),
  ),
};

const BAR_MS = 250;
/** Where the service's thread ran for no longer, nobody waited longer for it: then no answer is waited for, which took most of the time. */
const QUICK_MS = 25;
/** A request during which somebody waited long is asked again: the first one loads code and compiles schemas. */
const TRIES = 3;
const NEWEST = 104;

interface Asked {
  readonly name: string;
  readonly ask: () => Promise<Reply>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- a schema at a version, however it is written
const at = (value: any, minor: number) => (value === undefined ? null : isVersioned(value) ? value.at(minor) : value);

describe('everybody is answered at once', () => {
  let service: Service;
  let prober: Prober;
  let idleMs: number;
  let slowest = { ms: 0, name: 'nothing' };
  const statuses = new Map<number, number>();

  before(async () => {
    service = await startService({ driver: 'fake', env: { XLOUD_LOG__LEVEL: 'error' } });
    prober = startProber(service.url);
    await sleep(500);
    await prober.pulse();
    await sleep(500);
    const idle = await prober.pulse();
    assert.ok(idle.count > 0 && idle.failed === 0, JSON.stringify(idle));
    idleMs = idle.medianMs;
  });
  after(async () => {
    const counts = [...statuses].map(([status, count]) => `${status}: ${count}`).join(', ');
    const ratio = (slowest.ms / idleMs).toFixed(0);
    // oxlint-disable-next-line no-console -- the figure is what this test is for
    console.log(
      `slowest /healthz ${slowest.ms.toFixed(1)} ms, ${ratio} times the median of an idle service (${idleMs.toFixed(2)} ms): ${slowest.name}; answers ${counts}`,
    );
    await prober.close();
    await service.close();
  });

  async function healthy(): Promise<Pulse> {
    const pulse = await prober.pulse();
    assert.equal(pulse.failed, 0, 'whoever asks for its health is told');
    return pulse;
  }

  /**
   * How long somebody else waited at most meanwhile, as far as the service was to blame: for no longer than its thread ran, since
   * a machine that is at something else makes everybody wait.
   */
  async function watched<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly waitedMs: number }> {
    await healthy();
    const before = service.busyMs();
    const result = await work();
    const busyMs = service.busyMs() - before;
    if (busyMs <= QUICK_MS) return { result, waitedMs: busyMs };
    let seen = await healthy();
    // what took less than the pause between two of its questions
    while (seen.count === 0) {
      await sleep(1);
      seen = await healthy();
    }
    return { result, waitedMs: Math.min(seen.slowestMs, service.busyMs() - before) };
  }

  /** Asks, and looks at who had to wait meanwhile; the least of several tries counts. */
  async function walk({ name, ask }: Asked): Promise<Reply> {
    let leastMs = Infinity;
    let reply: Reply | null = null;
    for (let attempt = 0; attempt < TRIES && leastMs > BAR_MS; attempt += 1) {
      const answer = await watched(ask);
      reply ??= answer.result;
      leastMs = Math.min(leastMs, answer.waitedMs);
    }
    if (leastMs > slowest.ms) slowest = { ms: leastMs, name };
    const { status, body } = reply as Reply;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    assert.ok(leastMs <= BAR_MS, `${name}: somebody waited ${leastMs.toFixed(0)} ms`);
    assert.ok(status < 500 || status === 501, `${name}: ${status} ${JSON.stringify(body).slice(0, 300)}`);
    return reply as Reply;
  }

  /** Asks all of them, as somebody who may. What is walked is not only the way to a refusal. */
  async function walkAll(requests: Iterable<Asked>): Promise<void> {
    const kinds = { done: 0, refused: 0 };
    for (const request of requests) {
      const { status } = await walk(request);
      assert.notEqual(status, 401, `${request.name}: the token is no good`);
      if (status < 300) kinds.done += 1;
      if (status === 400) kinds.refused += 1;
    }
    assert.ok(kinds.done > 0 && kinds.refused > 0, JSON.stringify(kinds));
  }

  const post = (path: string, body: unknown) => service.request('xloud', 'POST', path, body);

  function requestsOf(route: RouteEntry): Asked[] {
    const minor = route.until === undefined ? NEWEST : minorOf(route.until);
    const path = route.path.replaceAll(/:\w+/g, 'x');
    const headers = { 'Content-Type': 'application/json', 'OpenStack-API-Version': `compute 2.${minor}` };
    const asked = (version: string, query: string, body?: string): Asked => ({
      name: `${route.method} /${version}${path} ${route.action ?? ''} ?${query.slice(0, 60)} ${body?.slice(0, 60) ?? ''}`,
      ask: () =>
        service.request(
          'xloud-demo',
          route.method,
          `/compute/${version}${path}${query === '' ? '' : `?${query}`}`,
          body === undefined ? undefined : new TextEncoder().encode(body),
          headers,
        ),
    });
    if (route.method === 'GET')
      return heavyQueries(at(route.query, minor) ?? undefined).map((query) => asked('v2.1', query));
    if (route.method === 'DELETE') return [asked('v2.1', '')];
    return heavyBodies(at(route.body, minor)).flatMap((body) => [asked('v2.1', '', body), asked('v2', '', body)]);
  }

  it('during whatever the compute API takes', async () => {
    await walkAll(computeRoutes.flatMap(requestsOf));
  });

  it('during whatever the built-in services take', async () => {
    const all: Asked[] = [];
    const types: Readonly<Record<string, string>> = { PATCH: 'application/openstack-images-v2.1-json-patch' };
    for (const [name, routes] of Object.entries(serviceRoutes)) {
      for (const { method, path } of routes) {
        const filled = path.replaceAll(/:\w+/g, '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111');
        const noun = (path.split('/').findLast((part) => part !== '' && !part.startsWith(':')) ?? 'x')
          .replaceAll('-', '_')
          .replace(/s$/, '');
        const type = (name === 'image' ? types[method] : undefined) ?? 'application/json';
        const asked = (query: string, body?: string): Asked => ({
          name: `${method} /${name}${path} ?${query.slice(0, 60)} ${body?.slice(0, 60) ?? ''}`,
          ask: () =>
            service.request(
              method === 'DELETE' ? 'xloud-demo' : 'xloud',
              method,
              `/${name}${filled}${query === '' ? '' : `?${query}`}`,
              body === undefined ? undefined : new TextEncoder().encode(body),
              { 'Content-Type': type },
            ),
        });
        const requests =
          method === 'GET'
            ? heavyQueries(LISTS).map((query) => asked(query))
            : method === 'DELETE'
              ? [asked('')]
              : heavyNouns(noun).map((body) => asked('', body));
        all.push(...requests);
      }
    }
    await walkAll(all);
  });

  it('during heads of requests that patterns stumble over', async () => {
    const names = ['OpenStack-API-Version', 'X-OpenStack-Nova-API-Version', 'Accept', 'Cookie', 'X-Auth-Token'];
    const forwarded = [
      'Forwarded',
      'X-Forwarded-For',
      'X-Forwarded-Host',
      'X-Forwarded-Prefix',
      'X-OpenStack-Request-Id',
    ];
    const ask = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> => {
      const response = await fetch(`${service.url}${path}`, { headers });
      return { status: response.status, body: await response.text() };
    };
    for (const text of stumblingHeads()) {
      const shown = text.slice(0, 3);
      for (const root of [
        '',
        '/compute',
        '/compute/v2.1/servers',
        '/identity',
        '/image/v2/images',
        '/network/v2.0',
        '/console',
      ]) {
        const path = encodeURI(text).slice(0, 14_000).replaceAll('%22', '"');
        await walk({ name: `GET ${root}/${shown}…`, ask: () => ask(`${root}/${path}`) });
      }
      if (text.includes('\t')) continue;
      for (const name of [...names, ...forwarded]) {
        const value = name === 'OpenStack-API-Version' ? `compute 1${text}` : text;
        await walk({ name: `${name}: ${shown}…`, ask: () => ask('/compute/v2.1/', { [name]: value }) });
      }
    }
  });

  it('while an image has all the properties that it may have, and as many changes', async () => {
    const properties = Object.fromEntries(
      Array.from({ length: limits.imageProperties }, (_, index) => [`p${index}`, 'x'.repeat(400)]),
    );
    const made = await walk({
      name: 'an image full of properties',
      ask: () => post('/image/v2/images', { ...properties, name: 'full' }),
    });
    assert.equal(made.status, 201, JSON.stringify(made.body).slice(0, 300));
    const changes = Array.from({ length: limits.imageChanges }, (_, index) => ({
      op: 'replace',
      path: `/p${index % limits.imageProperties}`,
      value: `y${index}`,
    }));
    const patch = new TextEncoder().encode(JSON.stringify(changes));
    const changed = await walk({
      name: 'a PATCH of an image',
      ask: () =>
        service.request('xloud', 'PATCH', `/image/v2/images/${made.body.id}`, patch, {
          'Content-Type': 'application/openstack-images-v2.1-json-patch',
        }),
    });
    assert.equal(changed.status, 200, JSON.stringify(changed.body).slice(0, 300));
    await walk({ name: 'a list of images', ask: () => service.request('xloud', 'GET', '/image/v2/images?limit=1000') });
  });

  it('during a network of ports, and a server with hundreds of them', async () => {
    const [project] = (await service.request('xloud', 'GET', '/identity/v3/auth/projects')).body.projects;
    await service.request('xloud', 'PUT', `/network/v2.0/quotas/${project.id}`, { quota: { port: -1 } });
    const { network } = (await post('/network/v2.0/networks', { network: { name: 'wide' } })).body;
    await post('/network/v2.0/subnets', { subnet: { network_id: network.id, cidr: '10.77.0.0/18', ip_version: 4 } });
    const ports = Array.from({ length: limits.networkBulk }, () => ({ network_id: network.id }));
    const made = await walk({ name: 'a bulk of ports', ask: () => post('/network/v2.0/ports', { ports }) });
    assert.equal(made.status, 201, JSON.stringify(made.body).slice(0, 300));
    await walk({ name: 'a list of ports', ask: () => service.request('xloud', 'GET', '/network/v2.0/ports') });

    const image = (await post('/image/v2/images', { name: 'i', disk_format: 'raw', container_format: 'bare' })).body.id;
    await service.request('xloud', 'PUT', `/image/v2/images/${image}/file`, new Uint8Array(1024));
    await post('/compute/v2.1/flavors', { flavor: { name: 'f', id: 'f', vcpus: 1, ram: 64, disk: 1 } });
    const networks = Array.from({ length: 200 }, () => ({ uuid: network.id }));
    const body = { server: { name: 's', flavorRef: 'f', imageRef: image, networks } };
    const one = await walk({ name: 'a server with 200 ports', ask: () => post('/compute/v2.1/servers', body) });
    assert.equal(one.status, 202, JSON.stringify(one.body));

    /** A server's whole life, and how long somebody waited in each part of it. */
    async function life(id: string): Promise<ReadonlyMap<string, number>> {
      const path = `/compute/v2.1/servers/${id}`;
      const waited = new Map<string, number>();
      const part = async (name: string, work: () => Promise<unknown>): Promise<void> =>
        void waited.set(name, (await watched(work)).waitedMs);
      const settled = () =>
        eventually('the server', 60_000, async () => {
          const { server } = (await service.request('xloud', 'GET', path)).body;
          return server['OS-EXT-STS:task_state'] === null ? server : null;
        });
      await part('its build', async () => assert.equal((await settled()).status, 'ACTIVE'));
      for (const view of ['', '/os-interface', '/ips']) {
        await part(`its ${view}`, () => service.request('xloud', 'GET', `${path}${view}`));
      }
      await part('its reboot', async () => {
        assert.equal((await post(`${path}/action`, { reboot: { type: 'HARD' } })).status, 202);
        await settled();
      });
      await part('its end', async () => {
        assert.equal((await service.request('xloud', 'DELETE', path)).status, 204);
        await eventually('its end', 60_000, async () =>
          (await service.request('xloud', 'GET', path)).status === 404 ? true : null,
        );
      });
      return waited;
    }
    // as with requests, the least of several tries counts
    const least = new Map<string, number>();
    for (let attempt = 0; attempt < TRIES && (attempt === 0 || Math.max(...least.values()) > BAR_MS); attempt += 1) {
      const { id } = (attempt === 0 ? one : await post('/compute/v2.1/servers', body)).body.server;
      for (const [name, ms] of await life(id)) least.set(name, Math.min(ms, least.get(name) ?? Infinity));
    }
    for (const [name, ms] of least) {
      if (ms > slowest.ms) slowest = { ms, name };
      assert.ok(ms <= BAR_MS, `${name}: somebody waited ${ms.toFixed(0)} ms`);
    }
  });
});
