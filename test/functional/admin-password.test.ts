// A password set from outside: through the guest's agent, for the user that the image names, and how it is told when it fails.

import assert from 'node:assert/strict';
import { constants, privateDecrypt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { makeSshKey } from '../../src/ops/servers/key-material.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { type Servers, startServers } from '../support/servers.ts';

const change = (adminPass: unknown = 'n3w pass') => ({ changePassword: { adminPass } });

for (const engine of engines) {
  describe(`passwords of guests on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
    });
    after(() => servers.close());

    const guestOf = (id: string) => servers.world.drivers.get('host-1')?.store.get(id);
    const conflict = (answer: Answer, message: string) => {
      assert.equal(answer.status, 409, answer.text);
      assert.equal(answer.body.conflictingRequest.message, message);
    };

    it('is set when the answer comes, for root, and forgotten here', async () => {
      const id = await servers.create();
      const answer = await servers.act(id, change());
      assert.deepEqual([answer.status, answer.text], [202, '']);
      assert.deepEqual(guestOf(id)?.passwords, { root: 'n3w pass' });
      const shown = await servers.show(id);
      assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state']], ['ACTIVE', null]);
      const rows = await servers.world.database.read('instance_actions').where({ server_uuid: id }).orderBy('id');
      assert.equal(rows.at(-1).action, 'changePassword');
      assert.ok(!JSON.stringify(rows).includes('n3w pass'));
    });

    it('is kept for the owner of an RSA key, who can read it, and for nobody else', async () => {
      const password = async (id: string) =>
        (await servers.request('GET', `/servers/${id}/os-server-password`, { as: 'member' })).body.password;
      const keyed = async (publicKey: string) => {
        const id = await servers.create();
        await servers.set(id, { key_data: publicKey });
        return id;
      };
      const { publicKey, privateKey } = await makeSshKey('test');
      const id = await keyed(publicKey);
      for (const text of ['n3w pass', 'ein änderes']) {
        assert.equal((await servers.act(id, change(text))).status, 202);
        const sealed = Buffer.from(await password(id), 'base64');
        const key = { key: privateKey as string, padding: constants.RSA_PKCS1_PADDING };
        assert.equal(privateDecrypt(key, sealed).toString(), text);
      }
      const other = await keyed('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVhcmx5IGJpcmQgY2F0Y2hlcyB0aGUgd29ybSAhIQ== me');
      assert.equal((await servers.act(other, change())).status, 202);
      assert.equal(await password(other), '');
      // what is kept is never an older one
      await servers.act(id, change('x'.repeat(300)));
      assert.equal(guestOf(id)?.passwords?.['root'], 'x'.repeat(300));
      assert.equal(await password(id), '');
    });

    it('is for the user that the image names', async () => {
      for (const [properties, user] of [
        [{ os_admin_user: 'cloud' }, 'cloud'],
        [{ os_type: 'windows' }, 'Administrator'],
      ] as const) {
        const id = await servers.create();
        const { image } = await servers.world.server(id);
        await servers.set(id, { image: JSON.stringify({ ...image, properties }) });
        assert.equal((await servers.act(id, change())).status, 202);
        assert.deepEqual(guestOf(id)?.passwords, { [user]: 'n3w pass' });
      }
    });

    it('shows PASSWORD meanwhile', async () => {
      const id = await servers.create();
      await servers.world.gated(['setAdminPassword'], async (gate) => {
        const asked = servers.act(id, change());
        await gate.reached('setAdminPassword');
        const shown = await servers.show(id);
        assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state']], ['PASSWORD', 'updating_password']);
        gate.pass('setAdminPassword');
        assert.equal((await asked).status, 202);
      });
    });

    it('without an agent it is not offered', async () => {
      const id = await servers.create({ metadata: { xloud_fake: 'mute' } });
      const answer = await servers.act(id, change());
      assert.equal(answer.status, 501, answer.text);
      assert.equal(answer.body.notImplemented.message, 'Unable to set password on instance');
      assert.equal((await servers.show(id))['OS-EXT-STS:task_state'], null);
    });

    it('a failure says so and leaves the server as it was', async () => {
      const id = await servers.create({ metadata: { xloud_fake: 'fail:setAdminPassword' } });
      const message = `Failed to set admin password on ${id} because error setting admin password`;
      conflict(await servers.act(id, change()), message);
      const shown = await servers.show(id);
      assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state'], shown.fault], ['ACTIVE', null, undefined]);
      const off = await servers.create();
      servers.world.drivers.get('host-1')?.powerOffFromInside(off);
      await servers.until(off, (server) => server.status === 'SHUTOFF');
      await servers.set(off, { vm_state: 'active' });
      const why = `Failed to set admin password on ${off} because instance ${off} is not running`;
      conflict(await servers.act(off, change()), why);
    });

    it('is refused in other states, on locked servers and to readers', async () => {
      const id = await servers.create();
      await servers.set(id, { vm_state: 'rescued' });
      conflict(
        await servers.act(id, change()),
        `Cannot 'changePassword' instance ${id} while it is in vm_state rescued`,
      );
      await servers.set(id, { vm_state: 'active', locked_by: 'owner' });
      conflict(await servers.act(id, change()), `Instance ${id} is in an invalid state for 'changePassword'`);
      assert.equal((await servers.act(id, change(), { as: 'admin' })).status, 202);
      assert.equal((await servers.act(id, change(), { as: 'reader' })).status, 403);
      assert.equal((await servers.act(id, change(), { as: 'other' })).status, 404);
      for (const body of [change(null), { changePassword: {} }, { changePassword: null }]) {
        assert.equal((await servers.act(id, body)).status, 400);
      }
    });
  });
}
