import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { limits } from '../../../../src/base/limits.ts';
import { silentLog } from '../../../../src/base/log.ts';
import { encodingFor } from '../../../../src/faces/dashboard/assets.ts';
import { isSignIn, keystoneIdentity } from '../../../../src/faces/dashboard/identity.ts';

const listening = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

describe('signing in at a Keystone elsewhere', () => {
  interface Heard {
    readonly method: string | undefined;
    readonly url: string | undefined;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly body: string;
  }
  const heard: Heard[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = Buffer.concat((await request.toArray()) as Buffer[]).toString();
    heard.push({ method: request.method, url: request.url, headers: request.headers, body });
    if (request.url === '/identity/v3/projects') {
      response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end();
      return;
    }
    response.writeHead(201, { 'X-Subject-Token': 'secret', 'Set-Cookie': 'a=b', 'Content-Type': 'text/html' });
    response.end('{"token": {}}');
  };
  const keystone = createServer((request, response) => void answer(request, response));
  let pass: Server;
  let url: string;

  before(async () => {
    pass = createServer(keystoneIdentity(`${await listening(keystone)}/identity/v3/`, silentLog));
    url = await listening(pass);
  });
  after(() => {
    for (const server of [pass, keystone]) {
      server.closeAllConnections();
      server.close();
    }
  });

  it('passes on the request and its token, and of the answer what signing in takes', async () => {
    const answer = await fetch(`${url}/v3/auth/tokens`, {
      method: 'POST',
      body: '{"auth": {}}',
      headers: { 'X-Auth-Token': 't', Cookie: 'session=1', 'Content-Type': 'application/json' },
    });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get('X-Subject-Token'), 'secret');
    assert.equal(answer.headers.get('Set-Cookie'), null);
    assert.equal(answer.headers.get('Content-Type'), 'application/json');
    assert.equal(await answer.text(), '{"token": {}}');
    const [{ method, url: asked, headers, body }] = heard.splice(0) as [Heard];
    assert.deepEqual([method, asked, body], ['POST', '/identity/v3/auth/tokens', '{"auth": {}}']);
    assert.equal(headers['x-auth-token'], 't');
    assert.equal(headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(headers['cookie'], undefined);
  });

  it('takes no more than a sign-in has', async () => {
    const body = 'x'.repeat(limits.dashboardSignInBytes + 1);
    assert.equal((await fetch(`${url}/v3/auth/tokens`, { method: 'POST', body })).status, 413);
    assert.equal(heard.length, 0);
  });

  it('goes nowhere that Keystone sends it, and says that it does not answer', async () => {
    assert.equal((await fetch(`${url}/v3/projects`)).status, 503);
    heard.splice(0);
  });
});

describe('what the dashboard’s page may ask identity for', () => {
  it('is what signing in takes', () => {
    assert.ok(isSignIn('POST', '/v3/auth/tokens'));
    assert.ok(isSignIn('DELETE', '/v3/auth/tokens'));
    assert.ok(isSignIn('GET', '/v3/auth/projects'));
    for (const path of ['/v3/users', '/v3/auth/tokens/', '/v3//auth/tokens', 'constructor', '/v3/auth/tokens?x', ''])
      assert.ok(!isSignIn('POST', path), path);
    assert.ok(!isSignIn('PUT', '/v3/auth/tokens'));
  });
});

describe('the form in which a file is sent', () => {
  it('is the smallest that the browser takes', () => {
    assert.equal(encodingFor('gzip, deflate, br, zstd'), 'br');
    assert.equal(encodingFor('gzip;q=1.0, br;q=0'), 'gzip');
    assert.equal(encodingFor('GZIP'), 'gzip');
    assert.equal(encodingFor('identity'), 'identity');
    assert.equal(encodingFor(undefined), 'identity');
  });
});
