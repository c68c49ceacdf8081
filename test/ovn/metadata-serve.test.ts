// The whole product with OVN: `xloud serve`, a libvirtd and an OVN of its own, and real guests of two projects with one address, which
// have no config drive and learn over the network who they are; killed, started again, and gone without a trace.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { runInside } from '../support/inside.ts';
import { type Libvirtd, startLibvirtd } from '../support/libvirtd.ts';
import { uploadGuest } from '../support/serve-guest.ts';
import { type CloudName, eventually, type Service, startService } from '../support/serve.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '..', '..', 'tools', 'ovn.sh');
const BOOT_MS = 180_000;
const PATIENCE_MS = 60_000;
const META = '/openstack/latest/meta_data.json';
const WHO = ['xloud', 'xloud-demo'] as const;
const RANGE = '10.0.0.0/24';
const ADDRESS = '10.0.0.11';

describe('xloud serve on OVN', { concurrency: 1, timeout: 600_000 }, () => {
  let libvirtd: Libvirtd;
  let service: Service;
  let home: string;
  const netns = `xloud-test-${process.pid}`;
  const networks = new Map<CloudName, string>();
  const servers = new Map<CloudName, string>();
  const userData = (who: CloudName): string => `#!/bin/sh\necho ${who}\n`;

  before(async () => {
    libvirtd = await startLibvirtd({ hostname: 'ovn-host' });
    home = join(libvirtd.dir, 'ovn');
    await libvirtd.exec(SCRIPT, 'central', home);
    await libvirtd.exec(SCRIPT, 'chassis', home, 'chassis-1', `unix:${home}/sb.sock`);
    await run('ip', ['netns', 'attach', netns, String(libvirtd.pid)]);
    service = await startService({
      driver: 'libvirt',
      env: {
        XLOUD_COMPUTE__LIBVIRT_URI: libvirtd.uri,
        XLOUD_COMPUTE__VIRT_TYPE: 'qemu',
        XLOUD_COMPUTE__REPORT_SECONDS: '2',
        XLOUD_NETWORK__ENGINE: 'ovn',
        XLOUD_NETWORK__OVN_NB: `unix:${home}/nb.sock`,
        XLOUD_NETWORK__OVN_GATEWAYS: 'chassis-1',
        XLOUD_NETWORK__OVS_DB: `unix:/proc/${libvirtd.pid}/root/run/openvswitch/db.sock`,
        XLOUD_NETWORK__OVS_NETNS: netns,
      },
    });
  });
  after(async () => {
    await service?.close();
    for (const name of await namespaces()) await run('ip', ['netns', 'del', name]);
    await run('ip', ['netns', 'del', netns]).catch(() => {});
    await libvirtd?.exec(SCRIPT, 'end', home).catch(() => {});
    await libvirtd?.stop();
  });

  /** Those of this cloud's networks. */
  const namespaces = async (): Promise<readonly string[]> => {
    const names = (await run('ip', ['netns', 'list'])).stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
    return names.filter((name) => [...networks.values()].some((id) => name === `xloud-md-${id}`));
  };
  const links = async (): Promise<readonly string[]> =>
    (await libvirtd.exec('ovs-vsctl', 'list-ports', 'br-int')).stdout
      .split('\n')
      .filter((name) => name.startsWith('xmd'));
  const made = async (who: CloudName, path: string, body: object) => {
    const answer = await service.request(who, 'POST', path, body);
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
    return answer.body;
  };
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
        return (JSON.parse((await libvirtd.exec('virsh', ...words)).stdout) as { return: unknown }).return;
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
    const imageRef = await uploadGuest(service);
    const flavor = { name: 'small', vcpus: 1, ram: 256, disk: 1 };
    const flavorRef = (await made('xloud', '/compute/v2.1/flavors', { flavor })).flavor.id;
    for (const who of WHO) {
      const { network } = await made(who, '/network/v2.0/networks', { network: { name: who } });
      networks.set(who, network.id);
      const subnet = { network_id: network.id, cidr: RANGE, ip_version: 4 };
      await made(who, '/network/v2.0/subnets', { subnet });
      const server = {
        ...{ name: who, imageRef, flavorRef, user_data: Buffer.from(userData(who)).toString('base64') },
        ...{ networks: [{ uuid: network.id, fixed_ip: ADDRESS }], metadata: { who } },
      };
      servers.set(who, (await made(who, '/compute/v2.1/servers', { server })).server.id);
    }
    for (const who of WHO) {
      await isTold(who);
      const told = JSON.parse((await ask(who, `GET ${META}`)).body);
      assert.deepEqual([told.name, told.meta], [who, { who }]);
      assert.equal((await ask(who, 'GET /openstack/latest/user_data')).body, userData(who));
      const { links: nics } = JSON.parse((await ask(who, 'GET /openstack/latest/network_data.json')).body);
      assert.match(await inside(who, 'cat /sys/class/net/eth0/address'), new RegExp(nics[0].ethernet_mac_address));
      assert.match(await inside(who, 'ip -4 addr show dev eth0'), new RegExp(`inet ${ADDRESS}/24`));
      const { server } = (await service.request(who, 'GET', `/compute/v2.1/servers/${servers.get(who)}`)).body;
      assert.equal(server.config_drive, '');
    }
    assert.equal((await namespaces()).length, 2);
  });

  it('shows the password that a guest told', async () => {
    assert.equal((await ask('xloud-demo', 'POST /openstack/latest/password', 'c2VhbGVk')).status, 200);
    assert.equal((await ask('xloud-demo', 'POST /openstack/latest/password', 'another')).status, 409);
    const path = `/compute/v2.1/servers/${servers.get('xloud-demo')}/os-server-password`;
    assert.deepEqual((await service.request('xloud-demo', 'GET', path)).body, { password: 'c2VhbGVk' });
  });

  it('tells them again after it was killed', async () => {
    await service.kill('SIGKILL');
    await assert.rejects(ask('xloud', `GET ${META}`));
    await service.start();
    for (const who of WHO) await isTold(who);
  });

  it('leaves nothing on the host of servers and networks that are gone', async () => {
    for (const who of WHO) {
      await service.request(who, 'DELETE', `/compute/v2.1/servers/${servers.get(who)}`);
      const path = `/network/v2.0/networks/${networks.get(who)}`;
      await eventually('the network gone', PATIENCE_MS, async () =>
        (await service.request(who, 'DELETE', path)).status === 204 ? true : null,
      );
    }
    const isEmpty = async () => ((await namespaces()).length + (await links()).length === 0 ? true : null);
    await eventually('nothing', PATIENCE_MS, isEmpty);
  });
});
