// A port of this machine leads into a real guest on a network of libvirt's that this machine is not on. Needs root and a hypervisor's
// packages.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { eventually, freePort } from '../support/serve.ts';
import { type GuestService, startGuestService } from '../support/serve-guest.ts';

const run = promisify(execFile);
const BOOT_MS = 240_000;
const PATIENCE_MS = 60_000;

describe('an SSH port of a guest on libvirt', { concurrency: 1, timeout: 600_000 }, () => {
  let world: GuestService;
  const netns = `xloud-ssh-${process.pid}`;
  before(async () => {
    const first = await freePort();
    const env = { XLOUD_COMPUTE__SSH_NETNS: netns, XLOUD_COMPUTE__SSH_PORTS: `${first}-${first + 9}` };
    world = await startGuestService({ flavor: { vcpus: 1, ram: 256 }, env });
    await run('ip', ['netns', 'attach', netns, String(world.libvirtd.pid)]);
  });
  after(async () => {
    await run('ip', ['netns', 'del', netns]).catch(() => {});
    await world?.close();
  });

  it('brings to it what is sent there, and back what it says', async () => {
    const { imageRef, flavorRef } = world;
    const wish = { name: 'one', imageRef, flavorRef, networks: 'auto', config_drive: true };
    const { id } = (await world.compute('POST', '/servers', { server: wish })).body.server;
    const hasAddress = async () =>
      (await world.inside(id, 'ip -4 addr show dev eth0').catch(() => '')).includes('inet ') ? true : null;
    await eventually('its address', BOOT_MS, hasAddress, 1_000);
    // it has no SSH: what stands in for it says who it is and then what it is told
    await world.inside(id, 'setsid nc -ll -p 22 -e sh -c "echo guest; exec cat" >/dev/null 2>&1 </dev/null & sleep 1');
    const { status, body } = await world.compute('PUT', `/servers/${id}/os-xloud-ssh-port`);
    assert.deepEqual([status, body.problem], [200, null], JSON.stringify(body));
    const socket = connect(body.port, body.address);
    let heard = '';
    socket.on('data', (piece) => (heard += piece.toString()));
    await eventually('its word', PATIENCE_MS, () => (heard === 'guest\n' ? true : null));
    socket.write('hello\n');
    await eventually('the echo', PATIENCE_MS, () => (heard === 'guest\nhello\n' ? true : null));
    socket.destroy();
  });
});
