// The whole product with OVN: `xloud serve`, a libvirtd and an OVN of its own, and real guests of two projects with one address, which
// have no config drive and learn over the network who they are; killed, started again, and gone without a trace.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runInside } from '../support/inside.ts';
import { type OvnService, startOvnService } from '../support/ovn-service.ts';
import { uploadGuest } from '../support/serve-guest.ts';
import { type CloudName, eventually } from '../support/serve.ts';

const BOOT_MS = 180_000;
const PATIENCE_MS = 60_000;
const META = '/openstack/latest/meta_data.json';
const WHO = ['xloud', 'xloud-demo'] as const;
const RANGE = '10.0.0.0/24';
const ADDRESS = '10.0.0.11';

describe('xloud serve on OVN', { concurrency: 1, timeout: 600_000 }, () => {
  let world: OvnService;
  const networks = new Map<CloudName, string>();
  const servers = new Map<CloudName, string>();
  const userData = (who: CloudName): string => `#!/bin/sh\necho ${who}\n`;

  before(async () => {
    world = await startOvnService();
  });
  after(() => world?.close());

  const links = async (): Promise<readonly string[]> =>
    (await world.libvirtd.exec('ovs-vsctl', 'list-ports', 'br-int')).stdout
      .split('\n')
      .filter((name) => name.startsWith('xmd'));
  const inside = (who: CloudName, script: string): Promise<string> =>
    runInside(
      async (command) => {
        const words = [
          '-q',
          '-c',
          'qemu:///system',
          'qemu-agent-command',
          servers.get(who) ?? '',
          JSON.stringify(command),
        ];
        return (JSON.parse((await world.libvirtd.exec('virsh', ...words)).stdout) as { return: unknown }).return;
      },
      script,
      PATIENCE_MS,
    );
  const ask = async (who: CloudName, request: string, body = '') => {
    const head = `${request} HTTP/1.0\\r\\nContent-Length: ${body.length}\\r\\n\\r\\n${body}`;
    const said = await inside(who, `printf '${head}' | nc -w 5 169.254.169.254 80`);
    const [, status = '0'] = /^HTTP\/1\.1 (\d+)/.exec(said) ?? [];
    return { status: Number(status), body: said.replace(/^[\s\S]*?\r\n\r\n/, '') };
  };
  const isTold = (who: CloudName) =>
    eventually(
      `metadata of ${who}`,
      BOOT_MS,
      async () => {
        const { status, body } = await ask(who, `GET ${META}`).catch(() => ({ status: 0, body: '' }));
        return status === 200 && JSON.parse(body).uuid === servers.get(who) ? true : null;
      },
      500,
    );

  it('makes servers without config drives, whose guests learn by the network who they are', async () => {
    const imageRef = await uploadGuest(world.service);
    const flavor = { name: 'small', vcpus: 1, ram: 256, disk: 1 };
    const flavorRef = (await world.done('xloud', 'POST', '/compute/v2.1/flavors', { flavor })).flavor.id;
    for (const who of WHO) {
      const { network } = await world.done(who, 'POST', '/network/v2.0/networks', { network: { name: who } });
      networks.set(who, network.id);
      const subnet = { network_id: network.id, cidr: RANGE, ip_version: 4 };
      await world.done(who, 'POST', '/network/v2.0/subnets', { subnet });
      const server = {
        ...{ name: who, imageRef, flavorRef, user_data: Buffer.from(userData(who)).toString('base64') },
        ...{ networks: [{ uuid: network.id, fixed_ip: ADDRESS }], metadata: { who } },
      };
      servers.set(who, (await world.done(who, 'POST', '/compute/v2.1/servers', { server })).server.id);
    }
    for (const who of WHO) {
      await isTold(who);
      const told = JSON.parse((await ask(who, `GET ${META}`)).body);
      assert.deepEqual([told.name, told.meta], [who, { who }]);
      assert.equal((await ask(who, 'GET /openstack/latest/user_data')).body, userData(who));
      const { links: nics } = JSON.parse((await ask(who, 'GET /openstack/latest/network_data.json')).body);
      assert.match(await inside(who, 'cat /sys/class/net/eth0/address'), new RegExp(nics[0].ethernet_mac_address));
      assert.match(await inside(who, 'ip -4 addr show dev eth0'), new RegExp(`inet ${ADDRESS}/24`));
      const { server } = (await world.service.request(who, 'GET', `/compute/v2.1/servers/${servers.get(who)}`)).body;
      assert.equal(server.config_drive, '');
    }
    assert.equal((await world.metadataNamespaces()).length, 2);
  });

  it('shows the password that a guest told', async () => {
    assert.equal((await ask('xloud-demo', 'POST /openstack/latest/password', 'c2VhbGVk')).status, 200);
    assert.equal((await ask('xloud-demo', 'POST /openstack/latest/password', 'another')).status, 409);
    const path = `/compute/v2.1/servers/${servers.get('xloud-demo')}/os-server-password`;
    assert.deepEqual((await world.service.request('xloud-demo', 'GET', path)).body, { password: 'c2VhbGVk' });
  });

  it('tells them again after it was killed', async () => {
    await world.service.kill('SIGKILL');
    await assert.rejects(ask('xloud', `GET ${META}`));
    await world.service.start();
    for (const who of WHO) await isTold(who);
  });

  it('leaves nothing on the host of servers and networks that are gone', async () => {
    for (const who of WHO) {
      await world.service.request(who, 'DELETE', `/compute/v2.1/servers/${servers.get(who)}`);
      const path = `/network/v2.0/networks/${networks.get(who)}`;
      await eventually('the network gone', PATIENCE_MS, async () =>
        (await world.service.request(who, 'DELETE', path)).status === 204 ? true : null,
      );
    }
    const isEmpty = async () =>
      (await world.metadataNamespaces()).length + (await links()).length === 0 ? true : null;
    await eventually('nothing', PATIENCE_MS, isEmpty);
  });
});
