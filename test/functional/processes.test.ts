// What processes apart need, and say when they lack it; two `xloud serve` on one database; and TLS to the broker.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openAmqpBus } from '../../src/bus/amqp.ts';
import { makeSeal, makeUnseal, newKeys } from '../../src/bus/amqp/seal.ts';
import { freshMariadb } from '../support/mariadb.ts';
import { type Rabbitmq, startRabbitmq } from '../support/rabbitmq.ts';
import { scratchDir } from '../support/scratch.ts';
import { eventually, type Service, startService } from '../support/serve.ts';
import { xloud } from '../support/xloud.ts';

describe('a process apart that lacks something', () => {
  const dir = mkdtempSync(join(scratchDir(), 'xloud-processes-'));
  after(() => rmSync(dir, { recursive: true }));
  const bus = ['--set', 'bus.url=amqp://127.0.0.1:1'];
  const mysql = ['--set', 'database.connection=mysql://root@127.0.0.1:1/none'];
  const refused = async (words: readonly string[], what: RegExp) => {
    const { status, stderr } = await xloud(...words, '--data-dir', join(dir, 'data'));
    assert.equal(status, 2, stderr);
    assert.match(stderr, what);
  };

  for (const role of ['api', 'worker', 'agent'])
    it(`says so: ${role} without a bus`, () => refused([role], /bus\.url: processes apart speak over RabbitMQ/));
  for (const role of ['api', 'worker'])
    it(`says so: ${role} on SQLite`, () =>
      refused([role, ...bus], /database\.connection: processes apart share a server of MySQL or MariaDB/));
  it('says so: an agent without a way to images', async () => {
    await refused(['agent', '--driver', 'fake', ...bus], /image\.endpoint: an agent fetches images/);
    const endpoint = ['--set', 'image.endpoint=http://127.0.0.1:1/image'];
    await refused(
      ['agent', '--driver', 'fake', ...bus, ...endpoint],
      /identity\.auth_url: the image service needs a token/,
    );
    const auth = ['--set', 'identity.auth_url=http://127.0.0.1:1/identity'];
    await refused(['agent', '--driver', 'fake', ...bus, ...endpoint, ...auth], /bus\.trusted_keys: a host takes only/);
  });
  it('says so: an address that is none', () =>
    refused(['worker', ...bus, ...mysql, '--set', 'worker.listen=nowhere'], /an address and a port/));

  it('has its keys made, once, for their owner alone', async () => {
    const keys = join(dir, 'keys');
    const made = await xloud('bus', 'keys', '--dir', keys);
    assert.equal(made.status, 0, made.stderr);
    const secret = join(keys, 'bus-signing.pem');
    assert.equal(statSync(secret).mode & 0o777, 0o600);
    const before = readFileSync(secret, 'utf8');
    await makeSeal(before, secret);
    await makeUnseal([{ pem: readFileSync(join(keys, 'bus-trusted.pem'), 'utf8'), where: 'trusted' }]);
    assert.equal((await xloud('bus', 'keys', '--dir', keys)).status, 2);
    assert.equal(readFileSync(secret, 'utf8'), before);
    assert.equal((await xloud('bus', 'user', "x'; rm -rf /")).status, 2);
  });
});

describe('two services on one database, with a bus', { concurrency: 1 }, () => {
  let broker: Rabbitmq;
  let database: Awaited<ReturnType<typeof freshMariadb>>;
  const services: Service[] = [];
  const dir = mkdtempSync(join(scratchDir(), 'xloud-two-'));
  before(async () => {
    [broker, database] = await Promise.all([startRabbitmq(), freshMariadb()]);
    const { signing, trusted } = newKeys();
    writeFileSync(join(dir, 'signing.pem'), signing, { mode: 0o600 });
    writeFileSync(join(dir, 'trusted.pem'), trusted);
    for (const host of ['one', 'two'])
      services.push(
        await startService({
          driver: 'fake',
          env: {
            XLOUD_DATABASE__CONNECTION: database.url,
            XLOUD_BUS__URL: broker.url,
            XLOUD_BUS__SIGNING_KEY_FILE: join(dir, 'signing.pem'),
            XLOUD_BUS__TRUSTED_KEYS: join(dir, 'trusted.pem'),
            XLOUD_IDENTITY__KEYS_DIR: join(dir, 'identity'),
            XLOUD_IMAGE__DIRECTORY: join(dir, 'images'),
            XLOUD_COMPUTE__HOST: host,
          },
        }),
      );
  });
  after(async () => {
    for (const service of services) await service.close();
    await broker?.stop();
    await database?.drop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('are two APIs and two workers, each of which reaches the other’s host', async () => {
    const [one, two] = services as [Service, Service];
    const { clouds } = parse(readFileSync(join(one.dataDir, 'clouds.yaml'), 'utf8'));
    const { password } = clouds.xloud.auth;
    const domain = { name: 'Default' };
    const auth = {
      identity: { methods: ['password'], password: { user: { name: 'admin', password, domain } } },
      scope: { project: { name: 'admin', domain } },
    };
    const token = (
      await fetch(`${one.url}/identity/v3/auth/tokens`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ auth }),
      })
    ).headers.get('X-Subject-Token') as string;
    // the token of the one is good at the other
    const at = async (service: Service, method: string, path: string, body?: unknown) => {
      const bytes = body instanceof Uint8Array;
      const response = await fetch(`${service.url}${path}`, {
        method,
        headers: {
          'X-Auth-Token': token,
          'OpenStack-API-Version': 'compute 2.96',
          ...(body === undefined ? {} : { 'Content-Type': bytes ? 'application/octet-stream' : 'application/json' }),
        },
        ...(body === undefined ? {} : { body: bytes ? body : JSON.stringify(body) }),
      } as RequestInit);
      const text = await response.text();
      return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
    };
    const image = (
      await at(one, 'POST', '/image/v2/images', { name: 'i', disk_format: 'raw', container_format: 'bare' })
    ).body.id as string;
    assert.equal((await at(two, 'PUT', `/image/v2/images/${image}/file`, new Uint8Array(512))).status, 204);
    await at(one, 'POST', '/compute/v2.1/flavors', { flavor: { name: 'f', id: 'f', vcpus: 1, ram: 64, disk: 1 } });
    for (const [api, zone] of [
      [one, 'nova:two'],
      [two, 'nova:one'],
    ] as const) {
      const server = { name: 's', flavorRef: 'f', imageRef: image, networks: 'none', availability_zone: zone };
      const made = await at(api, 'POST', '/compute/v2.1/servers', { server });
      assert.equal(made.status, 202, JSON.stringify(made.body));
      const path = `/compute/v2.1/servers/${made.body.server.id}`;
      const seen = await eventually('the server', 30_000, async () => {
        const { server: now } = (await at(api, 'GET', path)).body;
        assert.notEqual(now.status, 'ERROR', JSON.stringify(now.fault));
        return now.status === 'ACTIVE' ? now : null;
      });
      assert.equal(seen['OS-EXT-SRV-ATTR:host'], zone.slice(5));
      // answered by the API itself, from the other's host
      const console = await at(api, 'POST', `${path}/action`, { 'os-getConsoleOutput': {} });
      assert.equal(console.status, 200, JSON.stringify(console.body));
    }
  });
});

describe('TLS to the broker', { concurrency: 1 }, () => {
  const dir = mkdtempSync(join(scratchDir(), 'xloud-tls-'));
  let broker: Rabbitmq;
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: dir, stdio: 'pipe' });
  before(async () => {
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const fresh = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1'];
    openssl('req', ...fresh, '-subj', '/CN=an authority', '-keyout', 'ca-key.pem', '-out', 'ca.pem');
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem'];
    openssl('req', ...fresh, ...signed, ...subject, '-keyout', 'key.pem', '-out', 'cert.pem');
    openssl('req', ...fresh, ...subject, '-keyout', 'other-key.pem', '-out', 'other.pem');
    broker = await startRabbitmq({
      tls: { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem'), ca: join(dir, 'ca.pem') },
    });
  });
  after(async () => {
    await broker?.stop();
    rmSync(dir, { recursive: true });
  });
  const pem = (name: string) => readFileSync(join(dir, name), 'utf8');
  const open = async (tls: object) =>
    openAmqpBus({
      ...{ urls: [broker.tlsUrl as string], tls, clock: systemClock, log: silentLog, unseal: null },
      seal: await makeSeal(newKeys().signing, 'signing'),
    });

  it('is spoken with the certificates that are named, and with no others', async () => {
    const good = await open({ ca: pem('ca.pem'), cert: pem('cert.pem'), key: pem('key.pem') });
    assert.equal(good.problem(), null);
    assert.equal(await good.dead(), 0);
    await good.close();
    const wrongBroker = await open({ ca: pem('other.pem'), cert: pem('cert.pem'), key: pem('key.pem') });
    assert.match(wrongBroker.problem() ?? '', /self.signed|certificate/i);
    await wrongBroker.close();
    const stranger = await open({ ca: pem('ca.pem'), cert: pem('other.pem'), key: pem('other-key.pem') });
    assert.notEqual(stranger.problem(), null);
    await stranger.close();
  });
});
