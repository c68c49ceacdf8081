import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { copiedImage, snapshotOf } from '../../../../src/domain/servers/snapshot.ts';
import { testImage } from '../../../support/neighbours.ts';
import { aFlavor, aServer } from '../../../support/samples.ts';

const maker = { userName: 'ann', projectName: 'demo', roles: ['member', 'reader'] };
const asker = { userId: 'u', projectId: 'p' };
const wish = { name: 'n', type: 'snapshot', properties: {} } as const;

const of = (properties: Readonly<Record<string, string>>, more = {}) =>
  aServer({ projectId: 'p', imageRef: 'base', image: testImage({ properties, ...more }) });

describe('the image of a server', () => {
  it('inherits what is not of the old image’s bytes, and what the caller says goes first', () => {
    const property = fc.dictionary(fc.stringMatching(/^(img_|hw_|os_glance_|os_)[a-z]{1,8}$/), fc.string(), {
      maxKeys: 6,
    });
    fc.assert(
      fc.property(property, property, (inherited, own) => {
        const { properties } = snapshotOf(of(inherited), maker, asker, { ...wish, properties: own });
        for (const [name, value] of Object.entries(own)) assert.equal(properties[name], value);
        for (const [name, value] of Object.entries(inherited)) {
          const expected = own[name] ?? (name.startsWith('os_glance') ? undefined : value);
          assert.equal(properties[name], expected, name);
        }
      }),
    );
    const signed = snapshotOf(of({ img_signature: 'x', cache_in_nova: 'y', bittorrent: 'z' }), maker, asker, wish);
    for (const name of ['img_signature', 'cache_in_nova', 'bittorrent']) assert.ok(!(name in signed.properties), name);
  });

  it('is private to its project, and shared with it where another project asks', () => {
    const own = snapshotOf(of({}), maker, asker, wish);
    assert.deepEqual([own.visibility, own.sharedWith], ['private', null]);
    for (const projectId of ['other', null]) {
      const foreign = snapshotOf(of({}), maker, { userId: 'admin', projectId }, wish);
      assert.deepEqual([foreign.visibility, foreign.sharedWith], ['shared', 'p']);
      assert.equal(foreign.properties['user_id'], 'admin');
    }
  });

  it('needs a disk as large as the server’s', () => {
    const flavor = aFlavor({ rootGb: 10 });
    for (const [minDiskGb, needed] of [
      [2, 10],
      [20, 20],
    ] as const) {
      const server = { ...of({}, { minDiskGb, minRamMb: 64 }), flavor };
      const { minDiskGb: shown, minRamMb } = snapshotOf(server, maker, asker, wish);
      assert.deepEqual([shown, minRamMb], [needed, 64]);
    }
  });

  it('has the formats of its copy; a backup begins with those of the old image', () => {
    const server = of({}, { diskFormat: 'qcow2', containerFormat: 'ami' });
    assert.equal(snapshotOf(server, maker, asker, wish).diskFormat, null);
    assert.equal(snapshotOf(server, maker, asker, { ...wish, type: 'backup' }).diskFormat, 'qcow2');
    assert.deepEqual(copiedImage(server, 'raw').formats, { disk: 'raw', container: 'bare' });
    const packed = of({}, { containerFormat: 'ova' });
    assert.deepEqual(copiedImage(packed, 'qcow2').formats, { disk: 'qcow2', container: 'ova' });
  });

  it('says once it is whole that it is, and keeps its kernel', () => {
    const { set } = copiedImage(of({ kernel_id: 'k', ramdisk_id: '', os_type: 'linux' }), 'raw');
    assert.deepEqual(set, {
      kernel_id: 'k',
      os_type: 'linux',
      image_location: 'snapshot',
      image_state: 'available',
      owner_id: 'p',
    });
  });
});
