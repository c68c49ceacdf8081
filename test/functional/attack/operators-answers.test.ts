// What an operator's services may answer that are broken, or somebody else behind their address: a page of a proxy, a redirect, nothing of
// sense. None of it may be taken for "there is nothing": what a server has would be forgotten, and stay behind.

import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Fault } from '../../../src/base/errors.ts';
import { newUuid } from '../../../src/base/ids.ts';
import { silentLog } from '../../../src/base/log.ts';
import { makeCinder } from '../../../src/cloud/cinder.ts';
import { makeGlance } from '../../../src/cloud/glance.ts';
import { barbicanCertificates } from '../../../src/cloud/image-signatures.ts';
import { makeNeighbour } from '../../../src/cloud/neighbour.ts';
import { makeNeutron } from '../../../src/cloud/neutron.ts';
import { makePlacement } from '../../../src/cloud/placement.ts';
import { callers } from '../../support/callers.ts';

const PAGE = '<html><body>Down for maintenance</body></html>';
const SERVER = newUuid();
const ID = newUuid();
const target = { host: 'host-1', ip: '10.0.0.1', arch: 'x86_64', connector: null };

const says =
  (status: number, body: string, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);

/** Answers in which there is no word of the service's. */
const strangers: readonly (readonly [string, RequestListener])[] = [
  ['a page with 200', says(200, PAGE)],
  ['a list with 200', says(200, '[]')],
  ['an object of nothing with 200', says(200, '{}')],
  ['an error with 200', says(200, '{"error": {"message": "no", "code": 500}}')],
  ['nothing with 200', says(200, '')],
  ['what should be a list is a text', says(200, '{"attachments":"x","ports":"x","allocations":"x","images":"x"}')],
  ['a redirect', says(302, '', { Location: 'http://127.0.0.1:9/else' })],
  ['a page with 404', says(404, PAGE)],
  ['too many requests', says(429, '{"overLimit": {"message": "slow down", "code": 429}}')],
  ['a request that took too long', says(408, '')],
];

describe("answers of an operator's services", () => {
  let answer: RequestListener;
  let asked: string[] = [];
  let server: Server;
  const closing: { close(): Promise<void> }[] = [];
  let options: { endpoint: string; serviceToken: () => Promise<string>; timeoutMs: number };
  let cinder: ReturnType<typeof makeCinder>;
  let neutron: ReturnType<typeof makeNeutron>;
  let glance: ReturnType<typeof makeGlance>;
  let placement: ReturnType<typeof makePlacement>;
  const told = () => placement.during(new AbortController().signal);

  before(async () => {
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    options = { endpoint: `http://127.0.0.1:${port}`, serviceToken: async () => 'token', timeoutMs: 5_000 };
    const parts = { images: { find: async () => null }, log: silentLog };
    cinder = makeCinder({ ...options, serviceProject: async () => 'p' }, parts);
    neutron = makeNeutron(options);
    glance = makeGlance(options);
    placement = makePlacement(options);
    closing.push(cinder, neutron, glance, placement);
    // its version is agreed on once
    answer = says(200, '{"versions": [{"max_version": "1.39"}]}');
    await told()
      .name(ID)
      .catch(() => undefined);
  });
  after(async () => {
    await Promise.all(closing.map((one) => one.close()));
    server.closeAllConnections();
    server.close();
  });

  const vm = { uuid: SERVER, projectId: 'p' };
  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['Cinder: end all attachments', () => cinder.releaseAll(SERVER)],
    ['Cinder: keep a volume', () => cinder.reserve(ID, SERVER)],
    ['Cinder: connect a volume', () => cinder.connect(ID, target, '/dev/vdb')],
    ['Cinder: let go of a host', () => cinder.disconnect(ID)],
    ['Cinder: the state of a volume', () => cinder.status(ID)],
    ['Cinder: make a volume', () => cinder.createVolume(callers.member, { ...blank }, 'req-1')],
    ['Cinder: end an attachment', () => cinder.release(ID)],
    ['Cinder: delete a volume', () => cinder.remove(ID, 'req-1')],
    ['Neutron: the ports of a server', () => neutron.portsOf(vm)],
    ['Neutron: give the ports of a server back', () => neutron.release(vm)],
    ['Neutron: whether ports work', async () => neutron.unplugged?.(vm)],
    ['Placement: what a consumer has', () => told().consumer(SERVER)],
    ['Placement: what a host gave', () => told().allocationsOn(ID)],
    ['Placement: the inventories of a host', () => told().inventories(ID)],
    ['Glance: an image', () => glance.find(callers.member, ID)],
    ['Glance: a list', () => glance.list(callers.member, { filters: {}, limit: 10, marker: null })],
  ];
  /** Which of these are what the service itself says. */
  const isItsWord = (call: string, what: string): boolean =>
    // the answer to these has no body of interest
    /end an attachment|delete a volume/.test(call) && /(?:list|nothing|error) with 200|is a text/.test(what);

  for (const [call, work] of calls)
    it(`are no word of the service's where they are none: ${call}`, async () => {
      for (const [what, how] of strangers) {
        if (isItsWord(call, what)) continue;
        answer = how;
        const said = await work().then(
          (value) => `it was taken for ${JSON.stringify(value)}`,
          (error: unknown) => (error instanceof Fault ? error.kind : String(error)),
        );
        assert.equal(said, 'unavailable', `${call}: ${what}`);
      }
    });

  it('are read as numbers and texts only where they are', async () => {
    const odd = '{"toString": 1, "valueOf": 1}';
    const volume = `{"id": "${ID}", "size": 1e999, "status": "available", "bootable": ${odd}, "metadata": {"a": ${odd}, "__proto__": "x"}}`;
    answer = says(200, `{"volume": ${volume}}`);
    const seen = await cinder.volume(callers.member, ID);
    assert.equal(seen.sizeGb, 0);
    assert.equal(seen.metadata['a'], '{"toString":1,"valueOf":1}');
    for (const size of ['-1', '0.5', '1e999', '"9"', '9007199254740993']) {
      answer = says(
        200,
        `{"id": "${ID}", "status": "active", "size": ${size}, "min_disk": ${size}, "min_ram": ${size}}`,
      );
      const found = await glance.find(callers.member, ID);
      assert.deepEqual([found?.sizeBytes, found?.minDiskGb, found?.minRamMb], [null, 0, 0], size);
    }
    for (const inventory of ['null', '{}', '{"total": "x"}', '[]', '1']) {
      answer = says(200, `{"resource_provider_generation": 1, "inventories": {"VCPU": ${inventory}}}`);
      await assert.rejects(told().inventories(ID), { kind: 'unavailable' }, inventory);
    }
  });

  it('are quoted on one line, in whole characters, and no longer than somebody reads', async () => {
    const words = `no\n{"level":"error"}\u001b[2J\ud800 ${'x'.repeat(2_000_000)}`;
    for (const body of [
      { badRequest: { message: words, code: 400 } },
      { NeutronError: { message: words, type: words } },
    ]) {
      answer = says(400, JSON.stringify(body));
      for (const work of [() => cinder.reserve(ID, SERVER), () => neutron.portsOf(vm)]) {
        const error: unknown = await work().catch((thrown: unknown) => thrown);
        assert.ok(error instanceof Fault && error.kind === 'badRequest', String(error).slice(0, 200));
        assert.ok(error.message.length <= 1_000 && error.message.isWellFormed(), `${error.message.length}`);
        assert.doesNotMatch(error.message, /[\p{Cc}]/u);
        assert.ok(JSON.stringify(error.detail).length < 10_000, 'what is logged of it');
      }
    }
  });

  it('are asked of the key manager for secrets alone, whatever an image names as its certificate', async () => {
    const barbican = makeNeighbour('key-manager', options);
    closing.push(barbican);
    answer = says(200, '{"content_types": {"default": "application/octet-stream"}}');
    asked = [];
    for (const id of ['..', '.', '../containers', 'x?y', `${ID}/../..`, '']) {
      assert.equal(await barbicanCertificates(barbican)(id), null);
    }
    assert.deepEqual(asked, []);
  });
});

const blank = {
  ...{ sizeGb: 1, name: 'data', description: null, type: null, zone: null, metadata: {} },
  ...{ imageId: null, snapshotId: null },
};
