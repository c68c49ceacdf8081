// Who has a config drive: whoever asks, and where the operator says so everybody.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { engines } from '../support/database.ts';
import { imageFacts } from '../support/guest-spec.ts';
import { startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

for (const engine of engines) {
  describe(`config drives on ${engine}`, () => {
    it('are for servers whose image insists', async () => {
      const servers = await startServers({ engine });
      try {
        const image = imageFacts({ properties: { img_config_drive: 'mandatory' } });
        await servers.world.images.add(image);
        assert.equal((await servers.show(await servers.create({ imageRef: image.id }))).config_drive, 'True');
      } finally {
        await servers.close();
      }
    });

    for (const force of [true, false]) {
      it(`are ${force ? 'for all' : 'only where they are asked for'}`, async () => {
        const servers = await startServers({ engine, config: { ...testConfig, forceConfigDrive: force } });
        try {
          const id = await servers.create({ user_data: 'aGVsbG8=' });
          const spec = () => servers.world.drivers.get('host-1')?.store.get(id)?.spec;
          assert.equal((await servers.show(id)).config_drive, force ? 'True' : '');
          assert.equal(spec()?.configDrive?.userData, force ? 'aGVsbG8=' : undefined);
          assert.equal((await servers.act(id, { rebuild: { imageRef: servers.imageId } })).status, 202);
          await servers.world.settled();
          assert.equal((await servers.show(id)).config_drive, force ? 'True' : '');
        } finally {
          await servers.close();
        }
      });
    }
  });
}
