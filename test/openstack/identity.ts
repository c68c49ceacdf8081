// Why: who may do what is Keystone's to say, in all the ways that it knows. Each is a line here, tried with the real one.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { passwordIdentity, projectScope } from '../support/keystone.ts';
import { eventually } from '../support/serve.ts';
import { type Json, NEW, PATIENCE_MS, type World } from './world.ts';

interface Ask {
  readonly token: string;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** @param given of the whole cloud, in which project `demo` has server `web` */
export function describeIdentity(given: () => { readonly world: World }): void {
  describe('who Keystone says that somebody is', { concurrency: 1 }, () => {
    let world: World;
    let demo: { readonly user: string; readonly project: string };

    async function ask({
      token,
      method = 'GET',
      path,
      headers = {},
      body,
    }: Ask): Promise<{ status: number; body: Json }> {
      const response = await fetch(`${world.cloud.cluster.apis[0]?.url}/compute/v2.1${path}`, {
        method,
        headers: { 'X-Auth-Token': token, 'Content-Type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
    }
    const status = async (token: string, path = '/servers', method = 'GET', body?: object): Promise<number> =>
      (await ask({ token, path, method, ...(body === undefined ? {} : { body }) })).status;
    /** What Keystone answers somebody. */
    async function atKeystone(token: string, method: string, path: string, body: object): Promise<Json> {
      const response = await fetch(`${world.cloud.keystone.authUrl}${path}`, {
        method,
        headers: { 'X-Auth-Token': token, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
      const said = (await response.json()) as Json;
      assert.equal(response.status, 201, JSON.stringify(said));
      return said;
    }
    const login = (auth: unknown) => world.cloud.keystone.login(auth);
    const byCredential = ({ id, secret }: Json) =>
      login({ identity: { methods: ['application_credential'], application_credential: { id, secret } } });

    before(async () => {
      ({ world } = given());
      const id = (...words: string[]) => world.value('xloud', 'id', ...words);
      demo = { user: await id('user', 'show', 'demo'), project: await id('project', 'show', 'demo') };
    });

    const checks: readonly (readonly [what: string, check: () => Promise<void>])[] = [
      [
        'nobody: without a token, and with one that Keystone never gave, 401 and where to ask for one',
        async () => {
          const { url } = world.cloud.cluster.apis[0] ?? assert.fail();
          const response = await fetch(`${url}/compute/v2.1/servers`);
          assert.equal(response.status, 401);
          assert.match(response.headers.get('WWW-Authenticate') ?? '', new RegExp(world.cloud.keystone.authUrl));
          assert.equal(await status('gAAAAABinvented'), 401);
        },
      ],
      [
        'an unscoped token: no project, nothing to see',
        async () => {
          const token = await login({ identity: passwordIdentity('demo', 'demo'), scope: 'unscoped' });
          assert.ok([401, 403].includes(await status(token)), String(await status(token)));
        },
      ],
      [
        'an application credential: as its owner, in his project',
        async () => {
          const credential = await world.json('demo', 'application', 'credential', 'create', 'plain');
          const token = await byCredential(credential);
          const { body } = await ask({ token, path: '/servers' });
          assert.ok(body.servers.some((one: Json) => one.name === 'web'));
          assert.equal(await status(token, '/os-services'), 403);
        },
      ],
      [
        'one with access rules: what they name, and nothing else, also at what is passed on',
        async () => {
          const rules = [
            { service: 'compute', method: 'GET', path: '/v2.1/servers' },
            { service: 'compute', method: 'GET', path: '/v2.1/servers/{server_id}' },
          ];
          const owner = await world.token('demo');
          const { application_credential: credential } = await atKeystone(
            owner,
            'POST',
            `/users/${demo.user}/application_credentials`,
            {
              application_credential: { name: 'looking', access_rules: rules },
            },
          );
          const token = await byCredential(credential);
          const id = await world.idOf('web');
          assert.deepEqual(
            [await status(token), await status(token, `/servers/${id}`), await status(token, '/servers/detail')],
            [200, 200, 200],
          );
          for (const [method, path, body] of [
            ['GET', '/flavors'],
            ['GET', '/os-keypairs'],
            ['DELETE', `/servers/${id}`],
            ['POST', `/servers/${id}/action`, { reboot: { type: 'HARD' } }],
          ] as const)
            assert.ok([401, 403].includes(await status(token, path, method, body)), `${method} ${path}`);
          const { url } = world.cloud.cluster.apis[0] ?? assert.fail();
          const passedOn = await fetch(`${url}/network/v2.0/networks`, { headers: { 'X-Auth-Token': token } });
          assert.ok([401, 403].includes(passedOn.status), `networks: ${passedOn.status}`);
        },
      ],
      [
        'a trust: somebody acts in the project of another, with the roles that were lent, until it is taken back',
        async () => {
          const other = await world.value('xloud', 'id', 'user', 'show', 'other');
          const owner = await world.token('demo');
          const { trust } = await atKeystone(owner, 'POST', '/OS-TRUST/trusts', {
            trust: {
              ...{ trustor_user_id: demo.user, trustee_user_id: other, project_id: demo.project },
              ...{ impersonation: false, roles: [{ name: 'member' }] },
            },
          });
          const token = await login({
            identity: passwordIdentity('other', 'other'),
            scope: { 'OS-TRUST:trust': { id: trust.id } },
          });
          const { body } = await ask({ token, path: '/servers' });
          assert.ok(body.servers.some((one: Json) => one.name === 'web'));
          assert.equal(await status(token, '/os-services'), 403);
          await fetch(`${world.cloud.keystone.authUrl}/OS-TRUST/trusts/${trust.id}`, {
            method: 'DELETE',
            headers: { 'X-Auth-Token': owner },
          });
          const again = login({
            identity: passwordIdentity('other', 'other'),
            scope: { 'OS-TRUST:trust': { id: trust.id } },
          });
          await assert.rejects(again);
        },
      ],
      [
        'the scope of the system: no project, and so nothing of compute, as of Nova since 2023.1',
        async () => {
          const token = await login({
            identity: passwordIdentity(world.cloud.keystone.adminPassword),
            scope: { system: { all: true } },
          });
          for (const path of ['/os-services', '/os-hypervisors', '/servers/detail?all_tenants=1'])
            assert.equal(await status(token, path), 403, path);
        },
      ],
      [
        'a service token beside that of a user: that of a service is believed, another changes nothing, a bad one is refused',
        async () => {
          const user = await world.token('demo');
          const service = await login({ identity: passwordIdentity('nova', 'nova'), scope: projectScope('service') });
          const beside = async (extra: string) =>
            (await ask({ token: user, path: '/servers', headers: { 'X-Service-Token': extra } })).status;
          assert.equal(await beside(service), 200);
          assert.equal(await beside(await world.token('other')), 200);
          assert.equal(await beside('gAAAAABinvented'), 401);
        },
      ],
      [
        'a reader: sees, and changes nothing',
        async () => {
          await world.openstack('xloud', 'user', 'create', 'eyes', '--password', 'eyes');
          await world.openstack('xloud', 'role', 'add', '--user', 'eyes', '--project', 'demo', 'reader');
          const token = await login({ identity: passwordIdentity('eyes', 'eyes'), scope: projectScope('demo') });
          assert.equal(await status(token), 200);
          const id = await world.idOf('web');
          assert.equal(await status(token, `/servers/${id}/action`, 'POST', { 'os-stop': null }), 403);
        },
      ],
      [
        'somebody who is disabled at Keystone: his next token is none, and the one that he has ends with what is remembered',
        async () => {
          await world.openstack('xloud', 'user', 'set', '--disable', 'eyes');
          await assert.rejects(login({ identity: passwordIdentity('eyes', 'eyes'), scope: projectScope('demo') }));
        },
      ],
    ];
    for (const [what, check] of checks) it(what, { timeout: PATIENCE_MS }, check);

    it('goes on where Keystone is started again', { timeout: PATIENCE_MS }, async () => {
      const token = await world.token('demo');
      assert.equal(await status(token), 200);
      const restarted = world.cloud.keystone.restart();
      await sleep(500);
      // known, so that Keystone need not be asked
      assert.equal(await status(token), 200);
      await restarted;
      assert.equal(await status(await world.token('demo')), 200);
      assert.equal(await status(token), 200, 'Fernet tokens outlive the process');
    });

    it('hears a user whose token is over meanwhile where a service passes on what he asked', {
      timeout: PATIENCE_MS,
    }, async () => {
      const { keystone } = world.cloud;
      await keystone.restart({ tokenSeconds: 5 });
      const late = await world.token('demo');
      assert.equal(await status(late), 200);
      await keystone.restart({ tokenSeconds: 3600 });
      await eventually('its end', PATIENCE_MS, async () => ((await status(late)) === 401 ? true : null), 500);
      const beside = async (extra: string) =>
        (await ask({ token: late, path: '/servers', headers: { 'X-Service-Token': extra } })).status;
      const service = await login({ identity: passwordIdentity('nova', 'nova'), scope: projectScope('service') });
      assert.equal(await beside(service), 200);
      assert.equal(await beside(await world.token('other')), 401);
    });

    it('finds a service that has moved in the catalog', { timeout: PATIENCE_MS }, async () => {
      const [endpoint] = await world.json('xloud', 'endpoint', 'list', '--service', 'compute', '--interface', 'public');
      const url = endpoint.URL as string;
      await world.openstack('xloud', 'endpoint', 'set', '--url', url.replace('127.0.0.1', 'localhost'), endpoint.ID);
      assert.match(await world.value('demo', 'Name', 'server', 'list'), /^web$/m);
      await world.openstack('xloud', 'endpoint', 'set', '--url', url, endpoint.ID);
    });
  });
}

/** Last, since Keystone keeps that kind of tokens. */
export function describeJws(given: () => { readonly world: World }): void {
  describe('tokens that are signed (JWS)', { concurrency: 1 }, () => {
    it('are what Keystone gives from now on, and those of before are none any more', {
      timeout: 2 * PATIENCE_MS,
    }, async () => {
      const { world } = given();
      const { url } = world.cloud.cluster.apis[0] ?? assert.fail();
      const look = async (token: string) =>
        (await fetch(`${url}/compute/v2.1/servers`, { headers: { 'X-Auth-Token': token } })).status;
      const before = await world.token('demo');
      assert.ok(before.startsWith('gAAAA'));
      await world.cloud.keystone.restart({ provider: 'jws' });
      const signed = await world.token('demo');
      assert.equal(signed.split('.').length, 3);
      assert.equal(await look(signed), 200);
      const [head, body, signature = ''] = signed.split('.');
      const forged = [head, body, signature.replace(/^./, (one) => (one === 'A' ? 'B' : 'A'))].join('.');
      assert.equal(await look(forged), 401);
      assert.equal(await look(before), 401, 'Keystone does not know it any more');
    });

    it('carry a short day: a server with a port of Neutron, an image of Glance, and nothing left', {
      timeout: 2 * PATIENCE_MS,
    }, async () => {
      const { world } = given();
      const demo = (...words: string[]) => world.openstack('demo', ...words);
      await demo('server', 'create', 'signed', '--image', 'own', '--flavor', 'small', '--network', 'lan', '--wait');
      const address = (await world.json('demo', 'server', 'show', 'signed')).addresses.lan[0];
      await eventually('its address', PATIENCE_MS, async () =>
        (await world.inside('signed', 'ip -4 addr')).includes(`${address}/24`) ? true : null,
      );
      await demo('server', 'image', 'create', '--name', 'signed', '--wait', 'signed');
      assert.equal(await world.value('demo', 'status', 'image', 'show', 'signed'), 'active');
      const from = await world.hostOf('signed');
      await world.openstack(
        'xloud',
        'server',
        'migrate',
        '--live-migration',
        ...NEW,
        '--wait',
        await world.idOf('signed'),
      );
      assert.notEqual(await world.hostOf('signed'), from);
      await demo('server', 'delete', '--wait', 'signed');
      await demo('image', 'delete', 'signed');
      assert.doesNotMatch(await world.value('demo', 'Name', 'server', 'list'), /signed/);
    });
  });
}
