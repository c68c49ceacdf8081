// What old clients look for: the list of extensions and the version documents behind a token.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Api, startApi } from '../support/api.ts';
import { contentOfFile } from '../support/published-samples.ts';

describe('extensions and versions', () => {
  let api: Api;
  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  const get = (path: string, version?: string) =>
    api.request('GET', path, { as: 'reader', ...(version === undefined ? {} : { version }) });

  it('are those of Nova, in its order', async () => {
    for (const [path, file] of [
      ['/v2.1/extensions', 'extensions-list-resp.json'],
      ['/v2/extensions', 'extensions-list-resp-v21-compatible.json'],
    ] as const) {
      const sample = contentOfFile(`extension-info/${file}`);
      const listed = (await get(path)).body;
      const facts = (list: typeof sample) =>
        list.extensions.map(({ description: _own, ...rest }: { description: string }) => rest);
      assert.deepEqual(facts(listed), facts(sample), path);
    }
  });

  it('one is shown by its alias', async () => {
    const one = await get('/extensions/os-server-password', '2.104');
    assert.deepEqual([one.status, one.body.extension.name], [200, 'ServerPassword']);
    assert.equal((await get('/v2/extensions/OS-EXT-VIF-NET')).status, 200);
    for (const alias of ['OS-EXT-VIF-NET', 'os-nothing']) {
      const missing = await get(`/extensions/${alias}`);
      assert.deepEqual(
        [missing.status, missing.body.itemNotFound.message],
        [404, 'The resource could not be found.'],
        alias,
      );
    }
    assert.equal((await get('/extensions?x=1', '2.101')).status, 200);
    assert.equal((await get('/extensions?x=1', '2.102')).status, 400);
  });

  it('a version is the same document with and without a token', async () => {
    for (const [path, plain, id] of [
      ['/v2.1/versions/v2.1', '/v2.1/', 'v2.1'],
      ['/v2.1/versions/v2.0', '/v2/', 'v2.0'],
      ['/v2/versions/v2.1', '/v2/', 'v2.0'],
    ] as const) {
      const shown = await get(path);
      assert.deepEqual([shown.status, shown.body.version.id], [200, id], path);
      assert.deepEqual(shown.body, (await api.request('GET', plain, { as: 'none' })).body);
    }
    assert.equal((await get('/versions/v3')).body.itemNotFound.message, 'The resource could not be found.');
    assert.equal((await api.request('GET', '/versions/v2.1', { as: 'none' })).status, 401);
  });

  it('the documents of both versions are those that Nova publishes', async () => {
    for (const [path, file] of [
      ['/v2/', 'v2-version-get-resp.json'],
      ['/v2.1/', 'v21-version-get-resp.json'],
    ] as const) {
      const sample = JSON.stringify(contentOfFile(`versions/${file}`));
      const here = sample.replaceAll('http://openstack.example.com', api.url);
      assert.deepEqual((await api.request('GET', path, { as: 'none' })).body, JSON.parse(here), path);
    }
  });
});
