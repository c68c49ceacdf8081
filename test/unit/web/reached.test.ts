import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { type Reached, reachedBy, type ReachedOptions, reachNoter, trustOf } from '../../../src/web/reached.ts';

const PROXY = '10.0.0.7';

function reached(
  headers: Readonly<Record<string, string>>,
  { peer = PROXY, ...options }: Partial<ReachedOptions> & { peer?: string } = {},
): Reached {
  const socket = { remoteAddress: peer, localAddress: '127.0.0.1', localPort: 8774 };
  const request = { headers: { host: 'inside:8774', ...headers }, socket } as unknown as IncomingMessage;
  reachNoter({ publicUrl: '', serviceUrls: {}, isTrusted: trustOf(['10.0.0.0/8', 'fd00::1']), ...options })(request);
  return reachedBy(request);
}

describe('how a request reached the program', () => {
  it('is as its Host says, or the socket where there is none that can be a name', () => {
    assert.equal(reached({}, { peer: '192.0.2.1' }).root, 'http://inside:8774');
    for (const host of ['', 'a b', 'a/b', '"><script>', 'a@b', 'a?b']) {
      assert.equal(reached({ host }, { peer: '192.0.2.1' }).root, 'http://127.0.0.1:8774', host);
    }
  });

  it('is as a trusted proxy says, in either form, below a path', () => {
    const https = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'cloud.example.org' };
    assert.equal(reached(https).root, 'https://cloud.example.org');
    assert.equal(
      reached({ ...https, 'x-forwarded-prefix': '/openstack/' }).root,
      'https://cloud.example.org/openstack',
    );
    assert.equal(
      reached({ ...https, 'x-forwarded-prefix': '/openstack' }).urlOf('image'),
      'https://cloud.example.org/openstack/image',
    );
    const forwarded = 'for=192.0.2.60;proto=https;host="cloud.example.org:8443";by=10.0.0.7';
    assert.equal(reached({ forwarded }).root, 'https://cloud.example.org:8443');
    assert.equal(reached({ forwarded }, { peer: 'fd00::1' }).root, 'https://cloud.example.org:8443');
    assert.equal(reached({ forwarded }, { peer: '::ffff:10.0.0.9' }).root, 'https://cloud.example.org:8443');
  });

  it('is not as anybody else says, nor by a word that is no scheme, name or path', () => {
    const lies = {
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-for': '127.0.0.1',
      forwarded: 'host=evil.example;proto=https',
    };
    assert.deepEqual(
      { ...reached(lies, { peer: '192.0.2.1' }), urlOf: null },
      { root: 'http://inside:8774', client: '192.0.2.1', urlOf: null },
    );
    assert.equal(
      reached({
        'x-forwarded-proto': 'javascript',
        'x-forwarded-host': 'a/../b',
        'x-forwarded-prefix': '//evil.example',
      }).root,
      'http://inside:8774',
    );
    assert.equal(reached({ forwarded: 'for="unfinished' }).root, 'http://inside:8774');
  });

  it("is where the operator says, whatever a request's headers are", () => {
    const options = {
      publicUrl: 'https://cloud.example.org/os/',
      serviceUrls: { image: 'https://images.example.org/' },
    };
    const { root, urlOf } = reached({ host: 'evil.example', 'x-forwarded-host': 'evil.example' }, options);
    assert.deepEqual(
      [root, urlOf('image'), urlOf('compute')],
      ['https://cloud.example.org/os', 'https://images.example.org', 'https://cloud.example.org/os/compute'],
    );
  });

  it("has the client's address: the nearest that is no trusted proxy's", () => {
    assert.equal(reached({}).client, PROXY);
    assert.equal(reached({ 'x-forwarded-for': '203.0.113.9, 192.0.2.60, 10.0.0.3' }).client, '192.0.2.60');
    assert.equal(reached({ 'x-forwarded-for': '192.0.2.60, not-an-address' }).client, '192.0.2.60');
    assert.equal(reached({ forwarded: 'for="[2001:db8::17]:4711", for=10.0.0.3' }).client, '2001:db8::17');
    assert.equal(reached({ 'x-forwarded-for': '10.0.0.5, 10.0.0.3' }).client, '10.0.0.5');
  });
});
