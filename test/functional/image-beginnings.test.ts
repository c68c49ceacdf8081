// An image of a server begins with its action, or not at all: whatever happens in between leaves neither behind.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { forbidden, unavailable } from '../../src/base/errors.ts';
import type { ImageService } from '../../src/cloud/image.ts';
import { listActions } from '../../src/db/instance-actions.ts';
import { createImage } from '../../src/ops/servers/create-image.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { makeOp } from '../support/world.ts';

for (const engine of engines) {
  describe(`the beginning of an image on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
    });
    after(() => servers.close());

    const images = async (uuid: string) =>
      (await servers.world.images.all()).filter(({ properties }) => properties['instance_uuid'] === uuid);
    const actions = async (uuid: string) =>
      (await listActions(servers.world.database.read, uuid)).map(({ action }) => action);
    /** Asks for an image where making it goes like this. */
    const asked = (uuid: string, create: ImageService['create']) => {
      const { deps } = servers.world;
      return createImage(
        { ...deps, image: { ...deps.image, create } },
        makeOp(),
        { uuid },
        { name: 'i', metadata: {} },
      );
    };

    it('is nothing where the image service refuses', async () => {
      const uuid = await servers.create();
      const refusal = forbidden('No more images.');
      await assert.rejects(
        asked(uuid, () => Promise.reject(refusal)),
        refusal,
      );
      assert.equal((await servers.world.server(uuid)).taskState, null);
      assert.deepEqual([await actions(uuid), await images(uuid)], [['create'], []]);
    });

    it('is nothing where the answer of the image service was lost', async () => {
      const uuid = await servers.create();
      const lost = unavailable('No answer.');
      await assert.rejects(
        asked(uuid, async (caller, image) => {
          await servers.world.images.create(caller, image);
          throw lost;
        }),
        lost,
      );
      assert.equal((await servers.world.server(uuid)).taskState, null);
      assert.deepEqual([await actions(uuid), await images(uuid)], [['create'], []]);
    });

    it('waits for the image, and is overtaken by a delete meanwhile', async () => {
      const uuid = await servers.create();
      await assert.rejects(
        asked(uuid, async (caller, image) => {
          servers.world.deps.bus.nudge(0);
          await servers.world.worker().idle();
          assert.equal((await servers.world.server(uuid)).taskState, 'image_snapshot_pending');
          await servers.world.ops.deleteServer(makeOp(), { uuid });
          await servers.world.settled();
          return servers.world.images.create(caller, image);
        }),
        { kind: 'notFound' },
      );
      assert.deepEqual(await images(uuid), []);
    });
  });
}
