// An image of a server begins with its action, or not at all: whatever happens in between leaves neither behind.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { forbidden, unavailable } from '../../src/base/errors.ts';
import type { ImageService } from '../../src/cloud/image.ts';
import { listActions } from '../../src/db/instance-actions.ts';
import type { OpsDeps } from '../../src/ops/deps.ts';
import { makeOps } from '../../src/ops/index.ts';
import { createBackup, createImage } from '../../src/ops/servers/create-image.ts';
import { passTime } from '../support/crash-child.ts';
import { engines } from '../support/database.ts';
import { requestOf } from '../support/request-of.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { adminOp, makeOp } from '../support/world.ts';

/** All that begin with an image. */
const verbs: Readonly<Record<string, (deps: OpsDeps, uuid: string) => Promise<unknown>>> = {
  createImage: (deps, uuid) => createImage(deps, makeOp(), { uuid }, { name: 'i', metadata: {} }),
  createBackup: (deps, uuid) =>
    createBackup(deps, makeOp(), { uuid }, { name: 'b', backupType: 'daily', rotation: 1, metadata: {} }),
  shelve: (deps, uuid) => makeOps(deps).requestAction(makeOp(), { uuid }, requestOf('shelve')),
};

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

    /** A deletion that begins now, and is not over as long as the image may come. */
    async function deleteMeanwhile(uuid: string): Promise<void> {
      await servers.world.ops.deleteServer(makeOp(), { uuid });
      await servers.world.worker().idle();
      assert.equal((await servers.world.server(uuid)).deleted, false);
    }
    async function isGone(uuid: string): Promise<void> {
      await servers.world.settled();
      assert.equal((await servers.world.server(uuid)).deleted, true);
      assert.deepEqual(await images(uuid), []);
    }

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

    it('waits for the image, and is overtaken by a delete meanwhile, which waits for it', async () => {
      const uuid = await servers.create();
      await assert.rejects(
        asked(uuid, async (caller, image) => {
          servers.world.deps.bus.nudge(0);
          await servers.world.worker().idle();
          assert.equal((await servers.world.server(uuid)).taskState, 'image_snapshot_pending');
          await deleteMeanwhile(uuid);
          return servers.world.images.create(caller, image);
        }),
        { kind: 'conflict' },
      );
      await isGone(uuid);
    });

    it('lets the delete go on at once where the image service refuses', async () => {
      const uuid = await servers.create();
      const refusal = forbidden('No more images.');
      await assert.rejects(
        asked(uuid, async () => {
          await deleteMeanwhile(uuid);
          throw refusal;
        }),
        refusal,
      );
      await isGone(uuid);
    });

    it('leaves an image that could not be removed to the action that a delete overtook', async () => {
      const { deps, images: service } = servers.world;
      const uuid = await servers.create();
      const away = unavailable('No answer.');
      const image: ImageService = {
        ...deps.image,
        async create(caller, wanted) {
          await deleteMeanwhile(uuid);
          return service.create(caller, wanted);
        },
        remove: () => Promise.reject(away),
      };
      await assert.rejects(
        createImage({ ...deps, image }, makeOp(), { uuid }, { name: 'i', metadata: {} }),
        (error) => error === away,
      );
      assert.equal((await images(uuid)).length, 1);
      await passTime(servers.world);
      await isGone(uuid);
    });

    it('is undone at once where an administrator frees the server meanwhile', async () => {
      const uuid = await servers.create();
      await assert.rejects(
        asked(uuid, async (caller, image) => {
          await servers.world.ops.resetState(adminOp(), { uuid }, 'active');
          await servers.world.worker().idle();
          return servers.world.images.create(caller, image);
        }),
        { kind: 'unavailable' },
      );
      await servers.world.settled();
      assert.deepEqual(await images(uuid), []);
      assert.equal((await servers.world.server(uuid)).taskState, null);
    });

    for (const [verb, begin] of Object.entries(verbs)) {
      it(`of ${verb} is nothing where a delete overtakes it and its maker dies with the image made`, async () => {
        const { deps, images: service } = servers.world;
        const uuid = await servers.create();
        const made = Promise.withResolvers<undefined>();
        const image: ImageService = {
          ...deps.image,
          async create(caller, wanted) {
            await deleteMeanwhile(uuid);
            await service.create(caller, wanted);
            made.resolve(undefined);
            return new Promise(() => undefined);
          },
        };
        void begin({ ...deps, image }, uuid);
        await made.promise;
        assert.equal((await images(uuid)).length, 1);
        await passTime(servers.world);
        await isGone(uuid);
      });
    }
  });
}
