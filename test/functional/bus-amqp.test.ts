// The bus over a real RabbitMQ: what every bus does, and what only a broker can do to one.

import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Channel, type ConfirmChannel, connect } from 'amqplib';
import { calculateJwkThumbprint, CompactSign, exportJWK } from 'jose';
import { systemClock } from '../../src/base/clock.ts';
import { Fault, unavailable } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { makeLog, silentLog } from '../../src/base/log.ts';
import { openAmqpBus } from '../../src/bus/amqp.ts';
import { keepConnection } from '../../src/bus/amqp/connection.ts';
import { type Call, makeSeal, makeUnseal, newKeys } from '../../src/bus/amqp/seal.ts';
import { reportKey } from '../../src/bus/amqp/topology.ts';
import type { AgentHandler } from '../../src/bus/bus.ts';
import type { AgentReport } from '../../src/bus/contract.ts';
import { userCommands } from '../../src/main/bus-keys.ts';
import { busContract } from '../support/bus-contract.ts';
import { type Rabbitmq, startRabbitmq } from '../support/rabbitmq.ts';
import { aSpec } from '../support/samples.ts';

const PATIENCE_MS = 60_000;

const log = process.env['XLOUD_TEST_LOG'] ? makeLog('debug') : silentLog;

describe('the bus over RabbitMQ', { concurrency: 1 }, () => {
  let broker: Rabbitmq;
  const keys = newKeys();
  before(async () => {
    broker = await startRabbitmq();
  });
  after(() => broker.stop());

  const both = async (timeoutMs: Readonly<Record<string, number>> = {}) => {
    const shared = { urls: [broker.url], clock: systemClock, log, timeoutMs };
    const seal = await makeSeal(keys.signing, 'signing');
    const unseal = await makeUnseal([{ pem: keys.trusted, where: 'trusted' }]);
    const client = await openAmqpBus({ ...shared, seal, unseal: null });
    const server = await openAmqpBus({ ...shared, seal: null, unseal });
    return { client, server, close: async () => void (await Promise.all([client.close(), server.close()])) };
  };

  busContract('RabbitMQ', { inspectMs: 500, deliverMs: 5_000 }, both);

  const anId = () => randomUUID();
  const until = async (what: string, look: () => Promise<boolean> | boolean): Promise<void> => {
    const giveUpAt = Date.now() + PATIENCE_MS;
    while (!(await look())) {
      assert.ok(Date.now() < giveUpAt, what);
      await sleep(50);
    }
  };
  const codeOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'answered',
      (error: unknown) => (error instanceof Fault ? error.code : String(error)),
    );
  /** Whatever is written to the broker by hand, past the bus. */
  async function write(exchange: string, key: string, content: Buffer, url = broker.url): Promise<void> {
    const connection = await connect(url);
    connection.on('error', () => undefined);
    try {
      const channel = await connection.createConfirmChannel();
      const failed = Promise.withResolvers<never>();
      failed.promise.catch(() => undefined);
      channel.on('error', failed.reject);
      channel.publish(exchange, key, content, {});
      await Promise.race([channel.waitForConfirms(), failed.promise]);
    } finally {
      await connection.close().catch(() => undefined);
    }
  }

  it('makes a connection anew of which a part failed while the rest was being made', async () => {
    let attempts = 0;
    const connection = await keepConnection({
      urls: [broker.url],
      clock: systemClock,
      log,
      async setUp({ connection: made }) {
        attempts += 1;
        if (attempts > 1) return;
        const own = await made.createChannel();
        own.on('error', (error: Error) => made.emit('error', error));
        own.checkQueue(`none-${anId()}`).catch(() => undefined);
        // what else is made takes its time
        await sleep(PATIENCE_MS, undefined, { ref: false });
      },
    });
    try {
      await until('another connection', () => connection.current() !== null);
      assert.deepEqual([attempts, connection.problem()], [2, null]);
    } finally {
      await connection.close();
    }
  });

  /** A host that counts what it is asked, and how often it refuses. */
  async function aHost(handler: AgentHandler = async () => null as never) {
    const host = `host-${anId()}`;
    const refused: string[] = [];
    const asked: string[] = [];
    const unseal = await makeUnseal([{ pem: keys.trusted, where: 'trusted' }]);
    const bus = await openAmqpBus({
      ...{ urls: [broker.url], clock: systemClock, log, seal: null, unseal },
      refused: (why) => refused.push(why),
    });
    await bus.serveAgent(host, async (method, args, asker) => {
      asked.push(method);
      return handler(method, args, asker);
    });
    return { host, bus, refused, asked };
  }

  it('says at once that nobody is there, where no agent ever was', async () => {
    const { client, close } = await both();
    const began = Date.now();
    assert.equal(await codeOf(client.call(`host-${anId()}`, 'spawn', { spec: aSpec() })), 'bus.nobody');
    assert.ok(Date.now() - began < 2_000, 'it waited');
    await close();
  });

  it('takes calls that are signed, for this host, in time and once; keeps the others where they are seen', async () => {
    const { client, close } = await both();
    const { host, bus, refused, asked } = await aHost();
    const seal = await makeSeal(keys.signing, 'signing');
    const stranger = await makeSeal(newKeys().signing, 'a stranger');
    const call = (more: object = {}): Call => ({
      ...{ id: anId(), host, method: 'destroy', args: { uuid: 'u' }, asker: null, reply: 'nowhere' },
      expiresAt: Date.now() + 60_000,
      ...more,
    });
    const queue = `xloud.host.${host}`;
    const deadBefore = await client.dead();
    const attempts: readonly (readonly [string, Buffer])[] = [
      ['not signed', Buffer.from(JSON.stringify({ v: 1, ...call() }))],
      ['not trusted', await stranger(call())],
      ['for another host', await seal(call({ host: 'host-x' }))],
      ['too late', await seal(call({ expiresAt: Date.now() - 60_000 }))],
      ['no call', await seal(call({ method: '' }))],
    ];
    for (const [why, content] of attempts) {
      await write('', queue, content);
      await until(why, () => refused.at(-1) === why);
    }
    // signed by a trusted key, with one byte of the arguments changed
    const [header, payload, signature] = (await seal(call())).toString().split('.') as [string, string, string];
    const other = Buffer.from(Buffer.from(payload, 'base64url').toString().replace('"uuid":"u"', '"uuid":"v"'));
    await write('', queue, Buffer.from([header, other.toString('base64url'), signature].join('.')));
    await until('changed', () => refused.length === attempts.length + 1);
    assert.equal(refused.at(-1), 'not signed');
    assert.deepEqual(asked, [], 'something of it was done');

    const good = await seal(call());
    await write('', queue, good);
    await until('the call', () => asked.length === 1);
    await write('', queue, good);
    await until('the repetition', () => refused.at(-1) === 'asked twice');
    assert.deepEqual(asked, ['destroy'], 'it was done twice');
    await until('the dead', async () => (await client.dead()) === deadBefore + refused.length);
    await bus.close();
    await close();
  });

  it('refuses another version in words, and passes over what it does not know', async () => {
    const { client, close } = await both();
    const { host, bus, asked } = await aHost();
    // a control plane of the next release
    const key = createPrivateKey(keys.signing);
    const kid = await calculateJwkThumbprint(await exportJWK(createPublicKey(keys.trusted)));
    const sealed = async (fields: object) =>
      Buffer.from(
        await new CompactSign(Buffer.from(JSON.stringify(fields))).setProtectedHeader({ alg: 'EdDSA', kid }).sign(key),
      );
    const connection = await connect(broker.url);
    const channel = await connection.createChannel();
    const { queue: reply } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(reply, 'xloud.replies', reply);
    const answers: { id: string; fault?: { kind: string; code: string; message: string }; reply?: unknown }[] = [];
    await channel.consume(reply, (message) => void answers.push(JSON.parse(String(message?.content))), { noAck: true });
    const call = { host, method: 'destroy', args: { uuid: 'u' }, asker: null, expiresAt: Date.now() + 60_000, reply };
    for (const fields of [
      { ...call, v: 2, id: 'newer', form: 'unknown' },
      { ...call, v: 1, id: 'more', priority: 7, asker: { action: 1, step: 's', attempt: 1, why: 'new' } },
      { ...call, v: 1, id: 'method', method: 'teleport' },
    ])
      await write('', `xloud.host.${host}`, await sealed(fields));
    await until('the answers', () => answers.length === 3);
    const by = (id: string) => answers.find((one) => one.id === id);
    assert.deepEqual([by('newer')?.fault?.kind, by('newer')?.fault?.code], ['notImplemented', 'bus.version']);
    assert.match(by('newer')?.fault?.message ?? '', /speaks version 1 of the bus, not 2/);
    assert.deepEqual([by('more')?.fault, by('more')?.reply], [undefined, null]);
    assert.equal(by('method')?.fault?.code, 'bus.method');
    assert.deepEqual(asked, ['destroy']);
    await connection.close();
    await bus.close();
    await close();
    assert.ok(client);
  });

  it('works on so many calls at once and leaves the rest to wait', async () => {
    const { client, close } = await both();
    let under = 0;
    let most = 0;
    const go = Promise.withResolvers<void>();
    const { host, bus } = await aHost(async () => {
      under += 1;
      most = Math.max(most, under);
      await go.promise;
      under -= 1;
      return null as never;
    });
    const all = Array.from({ length: limits.busCallsAtOnce + 40 }, () =>
      client.call(host, 'destroy', { uuid: anId() }),
    );
    await until('as many as may', () => most === limits.busCallsAtOnce);
    await sleep(300);
    assert.equal(most, limits.busCallsAtOnce);
    go.resolve();
    await Promise.all(all);
    await bus.close();
    await close();
  });

  it('gives what an agent was at when it died to the next one, and what one that ends does not take', async () => {
    const { client, close } = await both();
    const first = await aHost(() => new Promise(() => undefined));
    const answer = client.call(first.host, 'destroy', { uuid: 'u' });
    await until('the first', () => first.asked.length === 1);
    await first.bus.close();
    const unseal = await makeUnseal([{ pem: keys.trusted, where: 'trusted' }]);
    const ending = await openAmqpBus({ urls: [broker.url], clock: systemClock, log, seal: null, unseal });
    await ending.serveAgent(first.host, async () => {
      throw unavailable('The agent is shutting down.', { code: 'agent.closing' });
    });
    await sleep(300);
    await ending.close();
    const next = await openAmqpBus({ urls: [broker.url], clock: systemClock, log, seal: null, unseal });
    await next.serveAgent(first.host, async () => null as never);
    assert.equal(await answer, null);
    await next.close();
    await close();
  });

  it('brings one host’s reports to one worker in their order, all hosts’ to all workers', async () => {
    const { client, server, close } = await both();
    const second = await openAmqpBus({
      ...{ urls: [broker.url], clock: systemClock, log, unseal: null },
      seal: await makeSeal(keys.signing, 'signing'),
    });
    const heard: { worker: number; host: string; uuid: string }[] = [];
    const listen = (worker: number) => async (report: AgentReport) => {
      if (report.kind !== 'guest' || !report.host.startsWith('many-')) return;
      heard.push({ worker, host: report.host, uuid: report.event.uuid ?? '' });
    };
    const stops = [await client.onReport(listen(1)), await second.onReport(listen(2))];
    const hosts = Array.from({ length: 16 }, (_, index) => `many-${index}`);
    const tell = async (round: number) => {
      for (const host of hosts)
        await server.report({
          ...{ kind: 'guest', host, view: null },
          event: { kind: 'stopped', uuid: String(round), reason: 'shutdown' },
        });
    };
    let round = 0;
    // the first worker had them all, until it sees that there are two
    const workers = () => new Set(heard.slice(-hosts.length * 4).map(({ worker }) => worker));
    await until('both workers', async () => {
      await tell((round += 1));
      return workers().size === 2;
    });
    await until('all', () => heard.length === hosts.length * round);
    for (const host of hosts) {
      const rounds = heard.filter((one) => one.host === host).map(({ uuid }) => Number(uuid));
      assert.deepEqual(
        rounds,
        rounds.toSorted((a, b) => a - b),
        `${host} in its order`,
      );
    }
    // one that dies leaves its share to the other
    await second.close();
    const before = heard.length;
    await tell((round += 1));
    await until('the rest', () => heard.length >= before + hosts.length);
    for (const stop of stops) await stop().catch(() => undefined);
    await close();
  });

  it('lets a host’s user read its own queue, answer and report for itself, and nothing else', async () => {
    const { client, close } = await both();
    const { bus: other, host: others } = await aHost();
    const host = 'compute-1.example.org';
    // the commands as they are printed, which is what an operator runs
    const lines = userCommands(host, '/').split('\n');
    const password = /^rabbitmqctl add_user '[^']+' '([^']+)'$/.exec(lines[0] ?? '')?.[1] ?? '';
    for (const line of lines.slice(0, 3)) {
      const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
      await broker.ctl(...words.slice(1));
    }
    const url = broker.url.replace('guest:guest', `xloud-${host}:${password}`);
    const unseal = await makeUnseal([{ pem: keys.trusted, where: 'trusted' }]);
    const agent = await openAmqpBus({ urls: [url], clock: systemClock, log, seal: null, unseal });
    await agent.serveAgent(host, async () => null as never);
    assert.equal(agent.problem(), null);
    assert.equal(await client.call(host, 'inspect', { uuid: 'u' }), null);
    const heard: string[] = [];
    const stop = await client.onReport(async (report) => void heard.push(report.host));
    await agent.report({ kind: 'heartbeat', host });
    await until('its report', () => heard.includes(host));

    const forbidden = async (what: string, work: (channel: Channel) => Promise<unknown>) => {
      const connection = await connect(url);
      connection.on('error', () => undefined);
      const channel = await connection.createConfirmChannel();
      const failed = Promise.withResolvers<never>();
      failed.promise.catch(() => undefined);
      channel.on('error', failed.reject);
      await assert.rejects(Promise.race([work(channel), failed.promise]), /ACCESS_REFUSED/, what);
      await connection.close().catch(() => undefined);
    };
    const confirmed = (exchange: string, key: string) => async (channel: Channel) => {
      channel.publish(exchange, key, Buffer.from('{}'));
      await (channel as ConfirmChannel).waitForConfirms();
    };
    await forbidden('read of another host', (channel) => channel.consume(`xloud.host.${others}`, () => undefined));
    await forbidden('read of reports', (channel) => channel.consume('xloud.reports.0', () => undefined));
    await forbidden('read of the dead', (channel) => channel.get('xloud.dead'));
    await forbidden('a call', confirmed('', `xloud.host.${others}`));
    await forbidden('a nudge', confirmed('xloud.nudges', ''));
    await forbidden('a report for another', confirmed('xloud.reports', reportKey(others)));
    await forbidden('a queue of its own', (channel) => channel.assertQueue('mine'));
    await forbidden('to listen to answers', (channel) => channel.bindQueue(`xloud.host.${host}`, 'xloud.replies', '#'));
    await forbidden('to end another’s queue', (channel) => channel.deleteQueue(`xloud.host.${others}`));
    await stop();
    await agent.close();
    await other.close();
    await close();
  });

  it('has a problem while the broker is away, fails calls meanwhile, and mends itself', async () => {
    const { client, server, close } = await both();
    const host = `host-${anId()}`;
    await server.serveAgent(host, async () => null as never);
    const slow = await aHost(async () => {
      await sleep(4_000);
      return null as never;
    });
    const heard: string[] = [];
    await client.onReport(async (report) => void heard.push(report.host));
    const under = codeOf(client.call(slow.host, 'destroy', { uuid: 'u' }));
    await until('the call', () => slow.asked.length === 1);
    // a queue that is younger may be lost to a broker that is killed
    await sleep(1_000);
    await broker.crash();
    assert.equal(await under, 'bus.away');
    await until('the problem', () => client.problem() !== null && server.problem() !== null);
    assert.equal(await codeOf(client.call(host, 'inspect', { uuid: 'u' })), 'bus.away');
    assert.equal(await codeOf(server.report({ kind: 'heartbeat', host })), 'bus.away');
    client.nudge(1);
    await sleep(2_000);
    await broker.start();
    await until('the broker', () => client.problem() === null && server.problem() === null);
    assert.equal(await client.call(host, 'inspect', { uuid: 'u' }), null);
    await server.report({ kind: 'heartbeat', host });
    await until('the report', () => heard.includes(host));
    // the broker gave the call again that was under way: it was not done twice
    await until('the second host', async () => (await codeOf(client.call(slow.host, 'list', {}))) === 'answered');
    assert.deepEqual(slow.asked, ['destroy', 'list']);
    await slow.bus.close();
    await close();
  });
});
