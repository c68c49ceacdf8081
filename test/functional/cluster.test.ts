// APIs, workers and agents as processes apart, on a real RabbitMQ and MariaDB: they are one cloud, and whichever dies, nothing is lost.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { followNews } from '../support/news.ts';
import { eventually } from '../support/serve.ts';

describe('processes apart', { concurrency: 1 }, () => {
  let cluster: Cluster;
  let made: { readonly image: string; readonly flavor: string };
  before(async () => {
    cluster = await startCluster();
    made = await cluster.prepare();
  });
  after(() => cluster?.close());

  const servers = '/compute/v2.1/servers';
  const bodyOf = (name: string) => ({
    server: { name, flavorRef: made.flavor, imageRef: made.image, networks: 'none' },
  });
  async function create(api: number, name: string): Promise<string> {
    const reply = await cluster.request(api, 'POST', servers, bodyOf(name));
    assert.equal(reply.status, 202, JSON.stringify(reply.body));
    return reply.body.server.id as string;
  }
  const show = async (api: number, id: string) => (await cluster.request(api, 'GET', `${servers}/${id}`)).body.server;
  const isActive = (api: number, id: string, ms = 30_000) =>
    eventually(`${id}, active`, ms, async () => {
      const server = await show(api, id);
      assert.notEqual(server.status, 'ERROR', JSON.stringify(server.fault));
      return server.status === 'ACTIVE' ? server : null;
    });

  it('are one cloud, whichever API is asked', async () => {
    await eventually('both hosts', 30_000, async () => {
      const { services } = (await cluster.request(1, 'GET', '/compute/v2.1/os-services?binary=nova-compute')).body;
      return services.filter(({ state }: { state: string }) => state === 'up').length === 2 ? true : null;
    });
    const ids = await Promise.all(Array.from({ length: 8 }, (_, index) => create(index % 2, `s${index}`)));
    const seen = await Promise.all(ids.map((id, index) => isActive((index + 1) % 2, id)));
    const hosts = new Set(seen.map((server) => server['OS-EXT-SRV-ATTR:host']));
    assert.deepEqual(hosts, new Set(['host-1', 'host-2']));
    const [first, second, ...others] = ids as [string, string, ...string[]];
    const adjusted = await cluster.request(1, 'POST', `/compute/v2.1/os-xloud-adjust/${first}`, { current_vcpus: 2 });
    assert.equal(adjusted.status, 202);
    await eventually('the growth', 20_000, async () => {
      const { body } = await cluster.request(0, 'GET', `/compute/v2.1/os-xloud-adjust/${first}`);
      return body.vcpus.current === 2 && body.status === 'idle' ? true : null;
    });
    assert.equal((await cluster.request(0, 'DELETE', `${servers}/${second}`)).status, 204);
    await eventually('the deletion', 20_000, async () =>
      (await cluster.request(1, 'GET', `${servers}/${second}`)).status === 404 ? true : null,
    );
    for (const id of [first, ...others]) await cluster.request(1, 'DELETE', `${servers}/${id}`);
  });

  it('tell the dashboard at one API what was asked of the other', async () => {
    const stop = new AbortController();
    const news = await followNews(cluster.apis[1]?.url ?? '', await cluster.token(1), stop.signal);
    await eventually('a greeting', 20_000, () => news.text().includes('event: hello') || null);
    const id = await create(0, 'news');
    await eventually('its id', 20_000, () => news.text().includes(id) || null);
    stop.abort();
    await remove([id]);
  });

  const stateOf = async (host: string): Promise<string> => {
    const { services } = (await cluster.request(0, 'GET', `/compute/v2.1/os-services?host=${host}&binary=nova-compute`))
      .body;
    return services[0]?.state as string;
  };
  const remove = async (ids: readonly string[]): Promise<void> => {
    for (const [index, id] of ids.entries()) await cluster.request(index % 2, 'DELETE', `${servers}/${id}`);
    for (const id of ids)
      await eventually(`the end of ${id}`, 60_000, async () =>
        (await cluster.request(0, 'GET', `${servers}/${id}`)).status === 404 ? true : null,
      );
  };

  it('lose nothing when the broker is killed in the middle of creations', async () => {
    const ids: string[] = [];
    const creating = (async () => {
      for (let index = 0; index < 40; index += 1) {
        ids.push(await create(index % 2, `broker-${index}`));
        await sleep(25);
      }
    })();
    await sleep(400);
    await cluster.broker.crash();
    // creations are accepted meanwhile: what they ask for is in the database
    await creating;
    const before = await Promise.all(ids.map((id) => show(0, id)));
    assert.ok(
      before.some(({ status }) => status === 'BUILD'),
      'the broker was away while servers were built',
    );
    const { status, body } = await fetch(`${cluster.workers[0]?.url}/readyz`).then(async (response) => ({
      status: response.status,
      body: (await response.json()) as { checks: Record<string, string> },
    }));
    assert.equal(status, 503);
    assert.match(body.checks['bus'] ?? '', /no broker/);
    // longer than a step's attempts would take, were the broker's absence one
    await sleep(Number(process.env['XLOUD_BROKER_AWAY_MS'] ?? 8_000));
    await cluster.broker.start();
    for (const id of ids) await isActive(1, id, 90_000);
    await remove(ids);
  });

  it('answer on when an API is killed, and it comes back', async () => {
    const [api] = cluster.apis;
    assert.ok(api !== undefined);
    await api.kill('SIGKILL');
    const id = await create(1, 'one-api');
    await isActive(1, id);
    await api.start();
    assert.equal((await show(0, id)).status, 'ACTIVE');
    await remove([id]);
  });

  it('go on when a worker is killed: the other one takes over', async () => {
    const [worker] = cluster.workers;
    assert.ok(worker !== undefined);
    const ids = await Promise.all(Array.from({ length: 20 }, (_, index) => create(index % 2, `worker-${index}`)));
    await worker.kill('SIGKILL');
    // what it held is free when its leases are over
    for (const id of ids) await isActive(0, id, 90_000);
    await worker.start();
    await remove(ids);
  });

  it('know of a host whose agent is killed, and have it back', async () => {
    const agent = cluster.agents.get('host-2');
    assert.ok(agent !== undefined);
    await agent.kill('SIGKILL');
    await eventually('host-2, down', 30_000, async () => ((await stateOf('host-2')) === 'down' ? true : null));
    const id = await create(0, 'elsewhere');
    assert.equal((await isActive(1, id))['OS-EXT-SRV-ATTR:host'], 'host-1');
    await agent.start();
    await eventually('host-2, up', 30_000, async () => ((await stateOf('host-2')) === 'up' ? true : null));
    await remove([id]);
  });

  it('end when they are told to, with nothing under way left behind', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, (_, index) => create(index % 2, `told-${index}`)));
    const worker = cluster.workers[1];
    const agent = cluster.agents.get('host-1');
    assert.ok(worker !== undefined && agent !== undefined);
    await Promise.all([worker.kill('SIGTERM'), agent.kill('SIGTERM')]);
    await Promise.all([worker.start(), agent.start()]);
    // a worker that ends gives its leases back: nobody waits for them
    for (const id of ids) await isActive(1, id, 25_000);
    await remove(ids);
    const page = await (await fetch(`${worker.url}/metrics`)).text();
    assert.match(page, /^xloud_bus_dead_messages 0$/m);
  });
});
