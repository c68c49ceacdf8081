// A guest's disks, console and screen are for its QEMU and for us, and for nobody else on the machine; and its screen is reached from
// outside the network that its QEMU is in.

import assert from 'node:assert/strict';
import { lstat, readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { GuestSpec } from '../../src/domain/servers/guests.ts';
import { configDriveOf, type LibvirtHost, startHost } from '../support/libvirt-host.ts';

describe('what others on the machine see of a guest', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  let spec: GuestSpec;
  before(async () => {
    host = await startHost({ driver: { screen: 'socket' } });
    spec = host.spec({ configDrive: configDriveOf() });
    await host.driver.spawn({ spec });
  });
  after(() => host.close());

  it('is that it is there: no file of it can be opened', async () => {
    const dir = join(host.instancesDir, spec.uuid);
    const { mode, uid } = await lstat(dir);
    assert.deepEqual([(mode & 0o777).toString(8), uid], ['710', 0], 'QEMU enters it, and makes nothing in it');
    const names = await readdir(dir);
    for (const needed of ['disk', 'disk.config', 'console.log', 'base']) assert.ok(names.includes(needed), needed);
    for (const name of names) {
      const facts = await lstat(join(dir, name));
      if (facts.isFile()) assert.equal(facts.mode & 0o077, 0, `${name} is ${(facts.mode & 0o777).toString(8)}`);
    }
    for (const name of await readdir(join(host.instancesDir, '_images'))) {
      assert.equal((await lstat(join(host.instancesDir, '_images', name))).mode & 0o077, 0, name);
    }
  });

  it('its screen greets whoever runs outside its network and may open the socket', async () => {
    const place = await host.driver.remoteConsole?.({ uuid: spec.uuid, protocol: 'vnc' });
    assert.equal(place?.host, join(host.instancesDir, spec.uuid, 'qemu', 'screen'));
    const greeting = await new Promise<string>((resolve, reject) => {
      const socket = connect({ path: place.host });
      socket.once('data', (bytes) => {
        resolve(String(bytes));
        socket.destroy();
      });
      socket.once('error', reject);
    });
    assert.match(greeting, /^RFB 003\.\d{3}\n$/);
  });
});
