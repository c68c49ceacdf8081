// The disks of a server beside its root disk: divided as its creator says within what the flavor allows, and refused in Nova's words.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const ROOM = 'roomy';
const version = '2.42';

for (const engine of engines) {
  describe(`local disks on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
      const size = { vcpus: 1, memoryMb: 512, rootGb: 1 };
      await servers.world.flavor({ id: ROOM, ...size, ephemeralGb: 3, swapMb: 512 });
      await servers.world.flavor({ id: 'tight', ...size, vcpus: 2, ephemeralGb: 1, swapMb: 512 });
    });
    after(() => servers.close());

    const root = () => ({ uuid: servers.imageId, boot_index: 0, source_type: 'image', destination_type: 'local' });
    const blank = (more: object = {}) => ({ source_type: 'blank', destination_type: 'local', ...more });
    const post = (...devices: object[]) =>
      servers.post({ flavorRef: ROOM, block_device_mapping_v2: [root(), ...devices] }, { version });
    const disksOf = (id: string) => servers.world.drivers.get('host-1')?.store.get(id)?.spec.disks;

    it('are as the request says: sizes, buses, formats, tags', async () => {
      const { status, body, text } = await post(
        blank({ volume_size: 1, disk_bus: 'scsi', guest_format: 'ext3', tag: 'data' }),
        blank({ volume_size: 256, guest_format: 'swap' }),
      );
      assert.equal(status, 202, text);
      await servers.world.settled();
      const usual = { bus: null, device: 'disk', tag: null };
      const local = {
        root: { bus: null, tag: null },
        others: [
          { ...usual, kind: 'ephemeral', size: 1, bus: 'scsi', format: 'ext3', tag: 'data' },
          { ...usual, kind: 'swap', size: 256, format: null },
        ],
      };
      assert.deepEqual(disksOf(body.server.id)?.local, local);
      for (const action of [{ rebuild: { imageRef: servers.imageId } }, { reboot: { type: 'HARD' } }]) {
        assert.equal((await servers.act(body.server.id, action)).status, 202);
        await servers.world.settled();
        assert.deepEqual(disksOf(body.server.id)?.local, local, 'they stay through a rebuild and a reboot');
      }
    });

    it('do not shrink below what was asked for by a resize', async () => {
      const { body } = await post(blank({ volume_size: 2 }));
      await servers.world.settled();
      const answer = await servers.act(body.server.id, { resize: { flavorRef: 'tight' } });
      assert.equal(answer.status, 400);
      assert.match(answer.body.badRequest.message, /^Ephemeral disks requested are larger/);
    });

    const invalid = (why: string) => `Block Device Mapping is Invalid: ${why}`;
    const refusals: readonly (readonly [object[], string | RegExp])[] = [
      [[{ volume_size: 4 }], /^Ephemeral disks requested are larger than the instance type allows/],
      [[{ volume_size: 2 }, { volume_size: 2 }], /^Ephemeral disks requested are larger/],
      [[{ volume_size: 1024, guest_format: 'swap' }], 'Swap drive requested is larger than instance type allows.'],
      [
        [
          { guest_format: 'swap', volume_size: 1 },
          { guest_format: 'swap', volume_size: 1 },
        ],
        invalid('More than one swap drive requested.'),
      ],
      [[{ volume_size: 1 }, { volume_size: 1 }], invalid('You specified more local devices than the limit allows')],
      [
        [{ volume_size: 1, disk_bus: 'foo' }],
        'Block Device Mapping is invalid: The provided disk bus foo is not valid.',
      ],
      [[{ volume_size: 1, device_type: 'foo' }], invalid('Field value foo is invalid')],
      [[{ volume_size: 1, device_type: 'lun' }], /cannot be a lun/],
      [[{ volume_size: 1, device_type: 'floppy' }], /cannot be a floppy/],
      [[{ volume_size: 1, guest_format: 'foo' }], /Unsupported guest_format foo/],
    ];
    for (const [devices, message] of refusals) {
      it(`refuses ${JSON.stringify(devices)}`, async () => {
        const answer = await post(...devices.map(blank));
        assert.equal(answer.status, 400, answer.text);
        const told = answer.body.badRequest.message as string;
        if (typeof message === 'string') assert.equal(told, message);
        else assert.match(told, message);
      });
    }

    it('may be said in the older syntax', async () => {
      const { status, body, text } = await servers.post({
        flavorRef: ROOM,
        block_device_mapping: [{ device_name: 'vdb', virtual_name: 'ephemeral0', volume_size: 2 }],
      });
      assert.equal(status, 202, text);
      await servers.world.settled();
      assert.deepEqual(
        disksOf(body.server.id)?.local?.others.map(({ kind, size }) => [kind, size]),
        [['ephemeral', 2]],
      );
    });
  });
}
