// A real Debian of today's clouds on the whole product: cloud-init learns over the network alone who it is and does what a template says;
// the guest is reached from outside by a floating address, and sees what is plugged into it while it runs.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { buildDebianGuest } from '../support/guest.ts';
import type { Machine } from '../support/ovn.ts';
import { type OvnService, startOvnService } from '../support/ovn-service.ts';
import { eventually, freePort } from '../support/serve.ts';

const run = promisify(execFile);
/** An emulated processor, shared with others, takes one to three minutes to a shell, and as long for what the template installs. */
const BOOT_MS = 420_000;
const PATIENCE_MS = 90_000;
const WHO = 'xloud-demo';
const GIB = 2 ** 30;
const PAGE = 'Hello from Debian';
const MARK = 'told by user data';
const PHONE_HOME =
  'phone_home: { url: http://169.254.169.254/xloud/phone-home, post: [pub_key_ed25519, hostname, instance_id], tries: 5 }\n';

/** A program that asks for metadata by the interface with a MAC address, which it is given. */
const askBy = (address: string): string => `
import glob, socket, sys
name = next(p.split("/")[4] for p in glob.glob("/sys/class/net/*/address") if open(p).read().strip() == sys.argv[1])
s = socket.socket()
s.settimeout(20)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode())
s.connect(("${address}", 80))
s.sendall(b"GET /openstack/latest/meta_data.json HTTP/1.0\\r\\n\\r\\n")
said = b""
while piece := s.recv(65536): said += piece
print(said.split(b"\\r\\n\\r\\n", 1)[1].decode())`;

describe('a Debian guest on OVN', { concurrency: 1, timeout: 1_500_000 }, () => {
  let cloud: OvnService;
  let outside: Machine;
  let keys: string;
  let server: string;
  let floating: string;
  let own: string;

  const compute = (method: string, path: string, body?: object) =>
    cloud.done(WHO, method, `/compute/v2.1${path}`, body);
  const network = (method: string, path: string, body?: object) =>
    cloud.done(WHO, method, `/network/v2.0${path}`, body);
  const options = () => {
    const trust = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'];
    return [...trust, '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=20', '-i', join(keys, 'key')];
  };
  /** What a command prints in the guest, by SSH from outside. */
  const ssh = (command: string): Promise<string> => {
    return outside.run('ssh', ...options(), `debian@${floating}`, command);
  };
  const consoleEnd = async (): Promise<string> =>
    (await compute('POST', `/servers/${server}/action`, { 'os-getConsoleOutput': { length: 60 } })).output;
  async function networkWith(name: string, subnet: object) {
    const made = (await network('POST', '/networks', { network: { name } })).network;
    const wish = { network_id: made.id, ip_version: 4, ...subnet };
    return { network: made.id as string, subnet: (await network('POST', '/subnets', { subnet: wish })).subnet.id };
  }

  /** The network of what is outside, as an administrator makes it. */
  async function external(): Promise<string> {
    const wish = { name: 'public', 'router:external': true };
    const { id } = (await cloud.done('xloud', 'POST', '/network/v2.0/networks', { network: wish })).network;
    const subnet = { network_id: id, cidr: '203.0.113.0/24', ip_version: 4, enable_dhcp: false };
    const allocation_pools = [{ start: '203.0.113.20', end: '203.0.113.99' }];
    await cloud.done('xloud', 'POST', '/network/v2.0/subnets', { subnet: { ...subnet, allocation_pools } });
    return id;
  }

  async function openGroup(): Promise<string> {
    const { id } = (await network('POST', '/security-groups', { security_group: { name: 'web' } })).security_group;
    for (const port of [22, 80]) {
      const ports = { port_range_min: port, port_range_max: port };
      const rule = { security_group_id: id, direction: 'ingress', protocol: 'tcp', ...ports };
      await network('POST', '/security-group-rules', { security_group_rule: rule });
    }
    return id;
  }

  async function uploadDebian(): Promise<string> {
    const wish = { name: 'debian', disk_format: 'qcow2', container_format: 'bare', visibility: 'public' };
    const { id } = await cloud.done('xloud', 'POST', '/image/v2/images', wish);
    const bytes = readFileSync(await buildDebianGuest());
    const sent = await cloud.service.request('xloud', 'PUT', `/image/v2/images/${id}/file`, bytes);
    assert.equal(sent.status, 204);
    return id;
  }

  before(async () => {
    keys = await mkdtemp(join(tmpdir(), 'xloud-debian-'));
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'of-a-test', '-f', join(keys, 'key')]);
    const first = await freePort();
    cloud = await startOvnService({ XLOUD_COMPUTE__SSH_PORTS: `${first}-${first + 9}` });
    outside = await cloud.outside('world', '203.0.113.1/24');
    const imageRef = await uploadDebian();
    const flavor = { name: 'debian', vcpus: 2, ram: 768, disk: 2 };
    const flavorRef = (await cloud.done('xloud', 'POST', '/compute/v2.1/flavors', { flavor })).flavor.id;
    const publicNetwork = await external();
    const inner = await networkWith('own', { cidr: '10.0.0.0/24', dns_nameservers: ['192.0.2.53'] });
    own = inner.network;
    const router = { external_gateway_info: { network_id: publicNetwork } };
    const { id: routerId } = (await network('POST', '/routers', { router })).router;
    await network('PUT', `/routers/${routerId}/add_router_interface`, { subnet_id: inner.subnet });
    const group = await openGroup();
    const keypair = { name: 'mine', type: 'ssh', public_key: readFileSync(join(keys, 'key.pub'), 'utf8') };
    await compute('POST', '/os-keypairs', { keypair });
    const port = { network_id: own, security_groups: [group] };
    const portId = (await network('POST', '/ports', { port })).port.id;
    const userData = `#cloud-config\nwrite_files:\n  - path: /etc/told\n    content: ${MARK}\n${PHONE_HOME}`;
    const metadata = { 'xloud:template': 'web-server', 'xloud:template.index': PAGE };
    const wish = { name: 'web-1', imageRef, flavorRef, key_name: 'mine', networks: [{ port: portId }], metadata };
    const user_data = Buffer.from(userData).toString('base64');
    server = (await compute('POST', '/servers', { server: { ...wish, user_data } })).server.id;
    const floatingip = { floating_network_id: publicNetwork, port_id: portId };
    floating = (await network('POST', '/floatingips', { floatingip })).floatingip.floating_ip_address;
  });
  after(async () => {
    await cloud?.close();
    if (keys !== undefined) await rm(keys, { recursive: true });
  });

  it('lets in whoever has the key, by its floating address', async () => {
    const began = Date.now();
    try {
      await eventually(
        'SSH',
        BOOT_MS,
        () =>
          ssh('true').then(
            () => true,
            () => null,
          ),
        2_000,
      );
    } catch (cause) {
      throw new Error(`no SSH; the console ends:\n${await consoleEnd()}`, { cause });
    }
    console.log(`a shell by SSH after ${Math.round((Date.now() - began) / 1_000)} s`);
    assert.equal(await ssh('sudo id -un'), 'root');
  });

  it('has its name, user data and network data by the metadata service alone', async () => {
    const { config_drive } = (await compute('GET', `/servers/${server}`)).server;
    assert.equal(config_drive, '');
    assert.equal(await ssh('hostname'), 'web-1');
    assert.equal(
      await ssh('cloud-init query v1.instance_id v1.cloud_name 2>/dev/null || cloud-init query v1.instance_id'),
      server,
    );
    assert.match(await ssh('cat /run/cloud-init/cloud-id'), /^openstack$/);
    assert.match(await ssh('cat /etc/told'), new RegExp(MARK));
    const [{ fixed_ips, mac_address }] = (await network('GET', `/ports?device_id=${server}`)).ports;
    const links = JSON.parse(await ssh('ip -j addr'));
    const link = links.find((one: { address: string }) => one.address === mac_address);
    assert.equal(link.mtu, (await network('GET', '/networks?name=own')).networks[0].mtu);
    const addresses = link.addr_info.filter((one: { family: string }) => one.family === 'inet');
    assert.deepEqual(
      addresses.map((one: { local: string }) => one.local),
      [fixed_ips[0].ip_address],
    );
    // what networkd was told is of the network data, by which cloud-init names the interface
    assert.match(await ssh('cat /etc/systemd/network/*cloud-init*'), new RegExp(mac_address));
    assert.match(await ssh('resolvectl dns'), /192\.0\.2\.53/);
  });

  it('serves what the template says, to whoever asks its floating address', async () => {
    const page = await eventually(
      'the page',
      BOOT_MS,
      () => outside.run('curl', '-sf', '-m', '10', `http://${floating}/`).catch(() => null),
      2_000,
    );
    assert.equal(page, PAGE);
    assert.match(await ssh('dpkg-query -W nginx-light'), /nginx-light/);
  });

  it('sees a disk that is plugged while it runs, and how it grows', async () => {
    const volume = (method: string, path: string, body?: object) => cloud.done(WHO, method, `/volume/v3${path}`, body);
    const { id } = (await volume('POST', '/volumes', { volume: { name: 'data', size: 1 } })).volume;
    const isNow = (status: string) => () =>
      volume('GET', `/volumes/${id}`).then((shown) => (shown.volume.status === status ? true : null));
    await eventually('the volume', PATIENCE_MS, isNow('available'));
    await compute('POST', `/servers/${server}/os-volume_attachments`, { volumeAttachment: { volumeId: id } });
    const sizes = () => ssh('lsblk -bdno NAME,SIZE | tr -s " "');
    const has = (bytes: number) =>
      eventually('the disk', PATIENCE_MS, async () => ((await sizes()).includes(`vdb ${bytes}`) ? true : null), 1_000);
    await has(GIB);
    await ssh('sudo sh -c "mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt && echo kept > /mnt/file && sync"');
    await eventually('the volume', PATIENCE_MS, isNow('in-use'));
    const grown = await cloud.service.request(
      WHO,
      'POST',
      `/volume/v3/volumes/${id}/action`,
      { 'os-extend': { new_size: 2 } },
      { 'OpenStack-API-Version': 'volume 3.42' },
    );
    assert.equal(grown.status, 202, JSON.stringify(grown.body));
    await has(2 * GIB);
    await ssh('sudo resize2fs /dev/vdb');
    assert.equal(await ssh('cat /mnt/file'), 'kept');
    assert.ok(Number(await ssh('df --output=size -B1 /mnt | tail -1')) > 1.8 * GIB);
  });

  it('sees an interface that is plugged while it runs, and speaks by it', async () => {
    // without a gateway: the way back to who comes from outside stays the first one
    const { network: id } = await networkWith('second', { cidr: '10.9.0.0/24', gateway_ip: null });
    const { interfaceAttachment } = await compute('POST', `/servers/${server}/os-interface`, {
      interfaceAttachment: { net_id: id },
    });
    const [{ ip_address }] = interfaceAttachment.fixed_ips;
    await eventually(
      'the address',
      PATIENCE_MS,
      async () => ((await ssh('ip -4 addr')).includes(`inet ${ip_address}/24`) ? true : null),
      1_000,
    );
    assert.match(await ssh(`ip -o link | grep -c ${interfaceAttachment.mac_addr}`), /^1$/);
    // by that interface alone: what answers knows it by its address there
    const told = await ssh(`sudo python3 -c '${askBy('169.254.169.254')}' ${interfaceAttachment.mac_addr}`);
    assert.equal(JSON.parse(told).uuid, server);
  });

  it('says by its agent that cloud-init is done, without an error', async () => {
    const said = await eventually('its end', BOOT_MS, async () => {
      const now = await compute('GET', `/servers/${server}/os-xloud-cloud-init`);
      return now.status === 'running' ? null : now;
    });
    const { log, seconds, phoned_home, ...told } = said;
    assert.deepEqual(told, {
      ...{ server_id: server, source: 'agent', status: 'done', stage: null, errors: [], warnings: [] },
      datasource: 'DataSourceOpenStackLocal [net,ver=2]',
    });
    assert.match(log, /Setting up nginx-light/);
    assert.match(log, /Cloud-init v\. \S+ finished at /);
    assert.deepEqual(phoned_home.told, {
      ...{ hostname: 'web-1', instance_id: server },
      pub_key_ed25519: await ssh('cat /etc/ssh/ssh_host_ed25519_key.pub'),
    });
    assert.ok(seconds > 1);
    console.log(`cloud-init was done after ${seconds} s`);
  });

  it('is reached by SSH at a port of this machine, until that is taken back', async () => {
    const path = `/servers/${server}/os-xloud-ssh-port`;
    const { port, address, problem } = await compute('PUT', path);
    assert.deepEqual([address, problem], ['127.0.0.1', null]);
    const here = (command: string) =>
      run('ssh', [...options(), '-p', port, 'debian@127.0.0.1', command], { maxBuffer: 2 ** 24 });
    const began = Date.now();
    assert.equal((await here('hostname')).stdout.trim(), 'web-1');
    console.log(`a word by SSH over a port of this machine took ${Date.now() - began} ms`);
    // many bytes, both ways
    const bytes = 3 * 1024 * 1024;
    assert.equal(
      (await here(`head -c ${bytes} /dev/zero | wc -c; head -c ${bytes} /dev/zero`)).stdout.length,
      bytes + `${bytes}\n`.length,
    );
    // by that way too its groups say who is let in
    const [{ id, security_groups }] = (await network('GET', `/ports?device_id=${server}&network_id=${own}`)).ports;
    await network('PUT', `/ports/${id}`, { port: { security_groups: [] } });
    await eventually('nobody let in', PATIENCE_MS, () =>
      here('true').then(
        () => null,
        () => true,
      ),
    );
    await network('PUT', `/ports/${id}`, { port: { security_groups } });
    await eventually('let in', PATIENCE_MS, () =>
      here('true').then(
        () => true,
        () => null,
      ),
    );
    await compute('DELETE', path);
    await assert.rejects(here('true'), /Connection refused/);
  });

  it('has its disk grown to the size of its flavor', async () => {
    assert.ok(Number(await ssh('df --output=size -B1 / | tail -1')) > 1.6 * GIB);
  });

  it('leaves nothing', async () => {
    await compute('DELETE', `/servers/${server}`);
    await eventually('the end', PATIENCE_MS, async () =>
      (await cloud.service.request(WHO, 'GET', `/compute/v2.1/servers/${server}`)).status === 404 ? true : null,
    );
    assert.equal(
      (await cloud.libvirtd.exec('virsh', '-q', '-c', 'qemu:///system', 'list', '--all', '--name')).stdout.trim(),
      '',
    );
  });
});
