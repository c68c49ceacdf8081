import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { english } from '../../../../src/faces/dashboard/page/lib/english.ts';
import { base64, choicesOf, launchBody } from '../../../../src/faces/dashboard/page/lib/launch.ts';
import { costAt, isFree, memoryStep, stepsOf } from '../../../../src/faces/dashboard/page/lib/sizes.ts';
import { drawingOf } from '../../../../src/faces/dashboard/page/lib/topology.ts';
import type { Adjustment, Server, Template } from '../../../../src/faces/dashboard/page/lib/types.ts';

const adjustment = (more: Partial<Adjustment> = {}): Adjustment => ({
  server_id: 's',
  status: 'idle',
  vcpus: { current: 1, target: 1, minimum: 1, maximum: 4, claimed: 1, guest_online: 1 },
  memory_mb: {
    ...{ current: 1024, target: 1024, minimum: 1024, maximum: 4096, claimed: 1024 },
    ...{ guest_available: null, method: 'balloon', block_mb: 1 },
  },
  ...{ persist: true, request_id: null, updated_at: null, message: null },
  ...more,
});

describe('a size that is wished for', () => {
  const prices = { hour: '0.008', vcpu_hour: '0.003', memory_gb_hour: '0.0015' };
  const cost = { currency: 'USD', prices, cost_per_hour: '0', cost: '0' };

  it('costs its floor and what is above it', () => {
    assert.equal(costAt(cost, adjustment(), { vcpus: 1, memoryMb: 1024 }), 0.008);
    assert.ok(Math.abs(costAt(cost, adjustment(), { vcpus: 3, memoryMb: 3072 }) - 0.017) < 1e-9);
    assert.equal(costAt({ ...cost, prices: null }, adjustment(), { vcpus: 3, memoryMb: 3072 }), 0);
    assert.ok(isFree({ ...cost, prices: null }));
    assert.ok(!isFree(cost));
  });

  it('is requested, then held by the host, then confirmed by the guest', () => {
    const grows = { ...adjustment().vcpus, target: 3 };
    const asked = adjustment({ status: 'adjusting', vcpus: grows });
    assert.deepEqual(stepsOf(asked), { requested: 'done', claimed: 'now', confirmed: 'open' });
    const held = adjustment({ status: 'adjusting', vcpus: { ...grows, claimed: 3 } });
    assert.deepEqual(stepsOf(held), { requested: 'done', claimed: 'done', confirmed: 'now' });
    const has = adjustment({ vcpus: { ...grows, claimed: 3, current: 3 } });
    assert.deepEqual(stepsOf(has), { requested: 'done', claimed: 'done', confirmed: 'done' });
    assert.equal(stepsOf({ ...held, status: 'partial' }).confirmed, 'failed');
    assert.equal(stepsOf({ ...asked, status: 'error' }).claimed, 'failed');
    assert.equal(stepsOf({ ...held, status: 'pending_reboot' }).confirmed, 'open');
  });

  it('can reach both ends of a slider, by whole steps of what moves memory', () => {
    const sizes = fc.record({
      floor: fc.integer({ min: 64, max: 4096 }),
      more: fc.integer({ min: 1, max: 100_000 }),
      block: fc.constantFrom(1, 2),
    });
    fc.assert(
      fc.property(sizes, ({ floor, more, block }) => {
        const { memory_mb } = adjustment();
        const range = more * block;
        const step = memoryStep(
          adjustment({ memory_mb: { ...memory_mb, minimum: floor, maximum: floor + range, block_mb: block } }),
        );
        assert.equal(range % step, 0);
        assert.equal(step % block, 0);
      }),
    );
  });
});

describe('a launch', () => {
  const template: Template = {
    name: 'web-server',
    version: 1,
    description: '',
    variables: {
      properties: { port: { type: 'integer', default: 80 }, packages: { type: 'array', default: [] } },
      required: [],
    },
  };
  const launch = {
    ...{ name: 'n', count: 1, flavorId: 'f', imageId: 'i', networks: [], keyName: '', userData: '' },
    ...{ template, variables: { port: '8080' } },
  };

  it('says of a template what differs from its defaults, and of the rest what was chosen', () => {
    assert.deepEqual(launchBody(launch), {
      server: {
        ...{ name: 'n', flavorRef: 'f', imageRef: 'i', networks: 'auto' },
        metadata: { 'xloud:template': 'web-server', 'xloud:template.port': '8080' },
      },
    });
    const { server } = launchBody({
      ...launch,
      count: 3,
      keyName: 'k',
      networks: ['x'],
      template: null,
      userData: '#c',
    });
    assert.deepEqual(server['networks'], [{ uuid: 'x' }]);
    assert.deepEqual([server['min_count'], server['key_name'], server['metadata']], [3, 'k', {}]);
    assert.equal(server['user_data'], base64('#c'));
  });

  it('writes user data in any script', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(Buffer.from(base64(text), 'base64').toString('utf8'), text);
      }),
    );
  });

  it('offers what has a price first, from small to large', () => {
    const flavor = (id: string, vcpus: number) => ({ id, name: id, vcpus, ram: 512, disk: 1 });
    const plan = (id: string) => ({
      ...{ id, name: id, description: null, vcpus: 1, memory_mb: 1, disk_gb: 1, floor: { vcpus: 1, memory_mb: 1 } },
      ...{ price_per_hour: '0.5', above_floor: { vcpu_per_hour: '0', memory_gb_per_hour: '0' } },
    });
    const found = choicesOf(
      [flavor('free', 1), flavor('large', 8), flavor('small', 2)],
      [plan('large'), plan('small')],
    );
    assert.deepEqual(
      found.map(({ id, hour }) => [id, hour]),
      [
        ['small', 0.5],
        ['large', 0.5],
        ['free', null],
      ],
    );
  });
});

describe('the drawing of networks', () => {
  const network = (id: string, external = false) => ({
    ...{ id, name: id, shared: false, status: 'ACTIVE', subnets: [] },
    'router:external': external,
  });
  const port = (network_id: string, device_id: string, device_owner = 'compute:nova') => ({
    ...{ id: `${network_id}-${device_id}`, network_id, device_id, device_owner, fixed_ips: [] },
  });
  const named = (id: string) => ({ id, name: id, addresses: {} }) as unknown as Server;
  const drawn = (count: number) =>
    drawingOf({
      networks: [network('outside', true), network('shop'), network('office')],
      subnets: [{ id: 's', network_id: 'shop', cidr: '10.0.1.0/24' }],
      routers: [{ id: 'r', name: 'gate', external_gateway_info: { network_id: 'outside' } }],
      ports: [
        port('shop', 'r', 'network:router_interface'),
        ...Array.from({ length: count }, (_, at) => port('shop', `server${at}`)),
        port('office', 'server0'),
        port('shop', 'of another project'),
      ],
      servers: new Map(Array.from({ length: count }, (_, at) => [`server${at}`, named(`server${at}`)])),
    });

  it('joins what is joined: outside, router, network, and a server of two networks to both', () => {
    const { nodes, edges } = drawn(3);
    const edgesOf = edges.map(({ key }) => key).sort();
    assert.deepEqual(edgesOf, ['network-office-server-server0', 'outside-outside-router-r', 'router-r-network-shop']);
    assert.deepEqual(
      nodes.filter(({ kind }) => kind === 'server').map(({ name }) => name),
      ['server0', 'server1', 'server2'],
    );
    assert.equal(nodes.find(({ key }) => key === 'network-shop')?.detail, '10.0.1.0/24');
  });

  it('draws nothing over another thing, and within its frame; of too many the rest is a number', () => {
    const { nodes, width, height } = drawn(100);
    for (const [at, one] of nodes.entries()) {
      assert.ok(one.x >= 0 && one.x + one.width <= width && one.y + one.height <= height, one.key);
      for (const other of nodes.slice(at + 1)) {
        const apart =
          one.x + one.width <= other.x ||
          other.x + other.width <= one.x ||
          one.y + one.height <= other.y ||
          other.y + other.height <= one.y;
        assert.ok(apart, `${one.key} and ${other.key}`);
      }
    }
    const shown = nodes.filter(({ kind }) => kind === 'server').length;
    assert.equal(Number(nodes.find(({ kind }) => kind === 'more')?.name) + shown, 100);
  });
});

describe('the sentences of the page', () => {
  const folder = join(import.meta.dirname, '../../../../src/faces/dashboard/page');
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('english.ts'))
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));

  it('are each said somewhere', () => {
    const all = sources.map(({ text }) => text).join('\n');
    const stems = [...all.matchAll(/`([\w.-]+\.)\$\{/g)].map(([, stem = '']) => stem);
    const unsaid = Object.keys(english).filter(
      (key) =>
        !all.includes(`'${key}'`) &&
        !all.includes(`"${key}"`) &&
        !stems.some((stem) => key.startsWith(stem)) &&
        !key.startsWith('copies.'),
    );
    assert.deepEqual(unsaid, []);
  });

  it('never become markup', () => {
    for (const { name, text } of sources) {
      assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/, name);
    }
  });
});
