import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { X_FORWARDED, trustOf } from '../../../src/web/forwarded.ts';
import { type Reached, reachedBy, type ReachedOptions, reachNoter } from '../../../src/web/reached.ts';

const PROXY = '10.0.0.7';

function reached(
  headers: Readonly<Record<string, string>>,
  { peer = PROXY, ...options }: Partial<ReachedOptions> & { peer?: string } = {},
): Reached {
  const socket = { remoteAddress: peer, localAddress: '127.0.0.1', localPort: 8774 };
  const request = { headers: { host: 'inside:8774', ...headers }, socket } as unknown as IncomingMessage;
  const isTrusted = trustOf(['10.0.0.0/8', 'fd00::1']);
  reachNoter({ publicUrl: '', serviceUrls: {}, isTrusted, forwardedHeaders: X_FORWARDED, ...options })(request);
  return reachedBy(request);
}

/** Of proxies that set `Forwarded`. */
const FORWARDED: Partial<ReachedOptions> = { forwardedHeaders: ['forwarded'] };

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
    assert.equal(reached({ forwarded }, FORWARDED).root, 'https://cloud.example.org:8443');
    assert.equal(reached({ forwarded }, { ...FORWARDED, peer: 'fd00::1' }).root, 'https://cloud.example.org:8443');
    assert.equal(
      reached({ forwarded }, { ...FORWARDED, peer: '::ffff:10.0.0.9' }).root,
      'https://cloud.example.org:8443',
    );
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
    assert.equal(reached({ forwarded: 'for="unfinished' }, FORWARDED).root, 'http://inside:8774');
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
    assert.equal(reached({ forwarded: 'for="[2001:db8::17]:4711", for=10.0.0.3' }, FORWARDED).client, '2001:db8::17');
    assert.equal(reached({ 'x-forwarded-for': '10.0.0.5, 10.0.0.3' }).client, '10.0.0.5');
  });

  it('has it with or without a port, in every form that proxies write', () => {
    const forms = [
      ['203.0.113.9', '203.0.113.9'],
      ['203.0.113.9:50123', '203.0.113.9'],
      ['203.0.113.9:_port', '203.0.113.9'],
      ['::ffff:203.0.113.9', '203.0.113.9'],
      ['2001:db8::17', '2001:db8::17'],
      ['[2001:db8::17]', '2001:db8::17'],
      ['[2001:db8::17]:50123', '2001:db8::17'],
    ] as const;
    for (const [form, client] of forms) {
      assert.equal(reached({ 'x-forwarded-for': `6.6.6.6, ${form}` }).client, client, form);
      assert.equal(reached({ 'x-forwarded-for': `6.6.6.6, ${form}, 10.0.0.3:443` }).client, client, form);
      assert.equal(reached({ forwarded: `for=6.6.6.6, for="${form}"` }, FORWARDED).client, client, form);
      assert.equal(
        reached({ forwarded: `for=6.6.6.6, for="${form}", for="10.0.0.3:443"` }, FORWARDED).client,
        client,
        form,
      );
    }
  });

  it('does not look past a hop that it cannot read: then the last trusted one is all that is known', () => {
    for (const hop of ['_hidden', 'unknown', 'not-an-address', '', '1.2', '203.0.113.999', '[203.0.113.9', '::1::']) {
      assert.equal(reached({ 'x-forwarded-for': `6.6.6.6, ${hop}` }).client, PROXY, hop);
      assert.equal(reached({ 'x-forwarded-for': `6.6.6.6, ${hop}, 10.0.0.3` }).client, '10.0.0.3', hop);
      assert.equal(reached({ forwarded: `for=6.6.6.6, for="${hop}"` }, FORWARDED).client, PROXY, hop);
      assert.equal(
        reached({ forwarded: `for=6.6.6.6, for="${hop}", for=10.0.0.3` }, FORWARDED).client,
        '10.0.0.3',
        hop,
      );
    }
    assert.equal(reached({ forwarded: 'for=6.6.6.6, proto=https' }, FORWARDED).client, PROXY);
  });

  it('is not told by a header that the proxy does not set and passes on from its client', () => {
    const forwarded = 'for=6.6.6.6;proto=https;host=evil.example';
    const others = {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-prefix': '/evil',
    };
    const { root, client } = reached({ forwarded, 'x-forwarded-for': '203.0.113.9' });
    assert.deepEqual([root, client], ['http://inside:8774', '203.0.113.9']);
    const told = reached({ ...others, forwarded: 'for=203.0.113.9;host=cloud.example.org' }, FORWARDED);
    assert.deepEqual([told.root, told.client], ['http://cloud.example.org', '203.0.113.9']);
    const two = reached({ forwarded, ...others }, { forwardedHeaders: ['x-forwarded-for', 'x-forwarded-proto'] });
    assert.deepEqual([two.root, two.client], ['https://inside:8774', '6.6.6.6']);
    assert.equal(reached({ forwarded, ...others }, { forwardedHeaders: [] }).client, PROXY);
  });

  it('has the prefix of a header of its own beside Forwarded, where that is named', () => {
    const headers = {
      forwarded: 'for=203.0.113.9;proto=https;host=cloud.example.org',
      'x-forwarded-prefix': '/openstack',
    };
    assert.equal(reached(headers, FORWARDED).root, 'https://cloud.example.org');
    assert.equal(
      reached(headers, { forwardedHeaders: ['forwarded', 'x-forwarded-prefix'] }).root,
      'https://cloud.example.org/openstack',
    );
  });
});
