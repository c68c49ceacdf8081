import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseManifest } from '../../../../../src/virt/libvirt/move/manifest.ts';

const file = { name: 'disk', bytes: 5, changedMs: 1, image: null };
const good = { files: [file, { ...file, name: 'disk.eph0' }], live: null, rootBytes: 7, mark: 'm' };
const live = { dir: '/d', xml: '<a/>', persistentXml: '<a/>', online: 2 };

describe('what another host says that it has', () => {
  it('is taken for what it is', () => {
    assert.deepEqual(parseManifest(JSON.stringify(good)), good);
    assert.deepEqual(parseManifest(JSON.stringify({ ...good, live })), { ...good, live });
  });

  it('names no file here that is not a disk of a guest', () => {
    for (const name of ['../disk', '/etc/passwd', 'complete', 'ports.json', 'disk/..', 'disk.eph', 'disk\n', 7, null]) {
      assert.equal(parseManifest(JSON.stringify({ ...good, files: [{ ...file, name }] })), null, String(name));
    }
  });

  it('is refused when it is anything else', () => {
    for (const other of [null, [], 'x', {}, { ...good, mark: 1 }, { ...good, rootBytes: -1 }, { ...good, live: {} }]) {
      assert.equal(parseManifest(JSON.stringify(other)), null, JSON.stringify(other));
    }
    assert.equal(parseManifest(JSON.stringify({ ...good, files: [{ ...file, bytes: 1.5 }] })), null);
  });
});
