import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { unavailable } from '../../../src/base/errors.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { makeWeb } from '../../../src/web/app.ts';
import { novaEnvelope } from '../../../src/web/faults.ts';
import { loggedPath } from '../../../src/web/logged-path.ts';

describe('the path of a request in the log', () => {
  it('is without its query, which may carry a token', () => {
    assert.equal(loggedPath('/v2.1/servers?marker=1'), '/v2.1/servers');
    assert.equal(loggedPath('/console/vnc_lite.html?path=%3Ftoken%3Dx'), '/console/vnc_lite.html');
    assert.equal(loggedPath('/?token=x?token=y\n'), '/');
  });

  it('has no token, however the path is written', () => {
    const masked = '/v2.1/os-console-auth-tokens/{token}';
    for (const path of [
      '/v2.1/os-console-auth-tokens/secret',
      '/v2.1/os-console-auth-tokens/secret/',
      '/v2.1/os-console-auth-tokens/secret/more',
      '/v2.1/os-console-auth-tokens/%73ecret?x=1',
      '/v2.1/os-console%2Dauth-tokens/secret',
      '/v2.1/os-console-auth-tokens%2Fsecret',
      '/v2.1/os-console-auth-tokens//secret',
    ])
      assert.equal(loggedPath(path), masked, path);
    assert.equal(loggedPath('/v2/p/os-console-auth-tokens/secret'), '/v2/p/os-console-auth-tokens/{token}');
    assert.equal(loggedPath('/v2.0/tokens/secret/endpoints'), '/v2.0/tokens/{token}');
  });

  it('is any other as it came', () => {
    for (const path of [
      '/',
      '/v3/auth/tokens',
      '/v2.1/os-console-auth-tokens',
      '/v2.1/os-console-auth-tokens/',
      '/v2.1/servers/%E0%A4%A',
      '/v2.1/servers/%20tokens',
      '/v2.1/mytokens/x',
    ])
      assert.equal(loggedPath(path), path);
  });

  it('has none either in the lines that say why a request was not answered', async () => {
    let said = '';
    const log = pino(
      new Writable({
        write(bytes, _encoding, done) {
          said += String(bytes);
          done();
        },
      }),
    );
    const observer = { answered: () => undefined };
    const app = makeWeb({ service: 'compute', envelope: novaEnvelope, clock: systemClock, log, observer });
    app.use((ctx) => {
      ctx.state.route = '/os-console-auth-tokens/{token}';
      throw ctx.method === 'GET' ? new Error('a fault of ours') : unavailable('later');
    });
    const handle = app.callback();
    const server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2.1/os-console-auth-tokens/secret?token=secret`;
    const statuses = [await fetch(url), await fetch(url, { method: 'DELETE' })].map(({ status }) => status);
    server.close();
    assert.deepEqual(statuses, [500, 503]);
    const lines = said.trim().split('\n');
    assert.equal(lines.length, 4);
    for (const line of lines) assert.equal(JSON.parse(line).path, '/v2.1/os-console-auth-tokens/{token}');
    assert.ok(!said.includes('secret'));
  });
});
