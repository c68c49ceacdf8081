// The secret of metadata and the keys that are made of it: by one command, each for its host, and none replaced.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hostKey } from '../../../src/domain/servers/metadata-signature.ts';
import { writeMetadataKeys } from '../../../src/main/bus-keys.ts';

describe('keys of metadata', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'xloud-keys-'));
  });
  after(() => rmSync(dir, { recursive: true }));
  const read = (name: string) => readFileSync(join(dir, name), 'utf8').trim();

  it('are one secret, and of it a key for each host', () => {
    const words = writeMetadataKeys(dir, ['host-1', 'host-2']);
    const secret = read('metadata-secret');
    assert.ok(secret.length >= 32);
    for (const host of ['host-1', 'host-2']) {
      assert.equal(read(`metadata-${host}.key`), hostKey(secret, host));
      assert.match(words, new RegExp(`agent of ${host}`));
    }
    assert.notEqual(read('metadata-host-1.key'), read('metadata-host-2.key'));
    for (const name of ['metadata-secret', 'metadata-host-1.key'])
      assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600, name);
    assert.ok(!words.includes(secret) && !words.includes(read('metadata-host-1.key')), 'no key is shown');
  });

  it('come for further hosts, and replace none', () => {
    const secret = read('metadata-secret');
    writeMetadataKeys(dir, ['host-3']);
    assert.equal(read('metadata-secret'), secret);
    assert.throws(() => writeMetadataKeys(dir, ['host-3']), { kind: 'conflict' });
    for (const bad of ['', '../x', 'a b', '-x'])
      assert.throws(() => writeMetadataKeys(dir, [bad]), { kind: 'badRequest' });
  });
});
