// A Nova with its own nova-compute on libvirt and guests that run: they are taken over while they run, adjusted and deleted here, and what
// is left goes back to Nova, which goes on with it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { glanceMissing, startGlance, type TestGlance } from '../support/glance.ts';
import { cloudsFor, keystoneMissing, register, startKeystone, type TestKeystone } from '../support/keystone.ts';
import { neutronMissing, startNeutron, type TestNeutron } from '../support/neutron-server.ts';
import { novaMissing, startNova, type TestNova } from '../support/nova-server.ts';
import { type OvnService, startOvnService } from '../support/ovn-service.ts';
import { uploadGuest } from '../support/serve-guest.ts';
import { eventually, type Reply } from '../support/serve.ts';

const TIMEOUT_MS = 240_000;
const HOST = 'ovn-host';
const XLOUD = join(import.meta.dirname, '..', '..', 'bin', 'xloud');

const missing = keystoneMissing() ?? neutronMissing() ?? glanceMissing() ?? novaMissing();

describe('a Nova', { skip: missing ?? false, concurrency: 1 }, () => {
  let keystone: TestKeystone;
  let neutron: TestNeutron;
  let glance: TestGlance;
  let nova: TestNova;
  let world: OvnService;
  let environment: Readonly<Record<string, string>>;
  let instancesDir: string;
  /** By name. */
  const servers = new Map<string, string>();
  const processes = new Map<string, string>();
  let keys: readonly string[] = [];

  const done = (method: string, path: string, body?: object): Promise<Reply['body']> =>
    world.done('xloud', method, path, body);
  const compute = (method: string, path: string, body?: object) => done(method, `/compute/v2.1${path}`, body);
  const idOf = (name: string): string => servers.get(name) ?? '';
  const virsh = async (...words: string[]): Promise<string> =>
    (await world.libvirtd.exec('virsh', '-q', '-c', 'qemu:///system', ...words)).stdout.trim();

  /** Seconds for which a guest has run, as it says itself. */
  async function uptime(name: string): Promise<number> {
    const said = await readFile(join(instancesDir, idOf(name), 'console.log'), 'utf8').catch(() => '');
    return Number([...said.matchAll(/ up_s=([\d.]+)/g)].at(-1)?.[1] ?? -1);
  }
  const runsOn = (name: string, since: number) =>
    eventually(`${name} runs on`, TIMEOUT_MS, async () => ((await uptime(name)) > since ? true : null), 500);

  /** The number of a guest's QEMU: another one is another start. */
  const processOf = async (uuid: string): Promise<string> =>
    (await world.libvirtd.exec('pgrep', '-f', '--', `-uuid ${uuid}`)).stdout.trim();

  const words = (command: string, verb: string): readonly string[] => [
    ...[command, verb, '--data-dir', world.service.dataDir, '--format', 'json'],
    ...(verb === 'undo' || verb === 'confirm' ? [] : ['--api-database', nova.databases.api]),
  ];
  const env = () => ({ ...process.env, ...environment, XLOUD_COMPUTE__LIBVIRT_URI: world.libvirtd.uri });
  interface Told {
    readonly lines: readonly { kind: string; name: string; verdict: string; why: readonly string[] }[];
    readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
  }
  /** What a command tells, and its status. */
  async function xloud(command: string, verb: string): Promise<Told & { readonly status: number }> {
    const { status, out } = await new Promise<{ status: number; out: string }>((resolve) => {
      execFile(XLOUD, words(command, verb), { env: env() }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code), out: stdout === '' ? stderr : stdout });
      });
    });
    try {
      return { ...(JSON.parse(out) as Told), status };
    } catch {
      throw new Error(`${command} ${verb}: ${status}: ${out}`);
    }
  }
  const ofServers = ({ lines }: Told) =>
    new Map(lines.filter(({ kind }) => kind === 'server').map((one) => [one.name, one]));

  async function boot(name: string, more: object): Promise<void> {
    const { server } = await nova.done('POST', '/servers', { server: { name, ...more } });
    servers.set(name, server.id);
  }
  const novaStatus = (name: string, wanted: string): Promise<boolean> =>
    eventually(
      `${name} ${wanted} at Nova`,
      TIMEOUT_MS,
      async () => {
        const { status, body } = await nova.ask('GET', `/servers/${idOf(name)}`);
        if (wanted === 'gone') return status === 404 ? true : null;
        assert.notEqual(
          body.server?.status,
          'ERROR',
          `${JSON.stringify(body.server?.fault)} ${(await nova.log('nova-compute')).slice(-4_000)}`,
        );
        return body.server?.status === wanted ? true : null;
      },
      500,
    );
  const status = (name: string, wanted: string): Promise<boolean> =>
    eventually(
      `${name} ${wanted}`,
      TIMEOUT_MS,
      async () => {
        const { server } = await compute('GET', `/servers/${idOf(name)}`);
        assert.notEqual(server.status, 'ERROR', JSON.stringify(server.fault));
        return server.status === wanted && server['OS-EXT-STS:task_state'] === null ? true : null;
      },
      500,
    );

  before(async () => {
    keystone = await startKeystone({ provider: 'fernet' });
    glance = await startGlance(keystone);
    await register(keystone, { user: 'xloud', type: 'xloud', url: 'http://127.0.0.1:1' });
    world = await startOvnService({}, async (home) => {
      instancesDir = join(home, '..', 'instances');
      neutron = await startNeutron(keystone, home);
      environment = {
        XLOUD_IDENTITY__AUTH_URL: keystone.authUrl,
        XLOUD_IDENTITY__USERNAME: 'xloud',
        XLOUD_IDENTITY__PASSWORD: 'xloud',
        XLOUD_IMAGE__SERVICE: 'glance',
        XLOUD_NETWORK__SERVICE: 'neutron',
        XLOUD_NETWORK__ENGINE: 'basic',
        XLOUD_COMPUTE__HOST: HOST,
        XLOUD_COMPUTE__INSTANCES_DIR: instancesDir,
        XLOUD_COMPUTE__DRIVER: 'libvirt',
      };
      return environment;
    });
    await writeFile(join(world.service.dataDir, 'clouds.yaml'), cloudsFor(keystone));
    const { libvirtd } = world;
    nova = await startNova({ keystone, glance: glance.endpoint, libvirtd, host: HOST, instancesDir });
  });
  after(async () => {
    await nova?.stop();
    await world?.close();
    await neutron?.stop();
    await glance?.stop();
    await keystone?.stop();
  });

  it('has three guests that run', { timeout: 3 * TIMEOUT_MS }, async () => {
    const imageRef = await uploadGuest(world.service);
    const { network } = await done('POST', '/network/v2.0/networks', { network: { name: 'one' } });
    const subnet = { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 };
    await done('POST', '/network/v2.0/subnets', { subnet });
    const flavor = { id: 'elastic', name: 'm1.elastic', vcpus: 2, ram: 512, disk: 1 };
    await nova.done('POST', '/flavors', { flavor });
    const extra_specs = { minimum_cpu: '1', minimum_memory: '256' };
    await nova.done('POST', '/flavors/elastic/os-extra_specs', { extra_specs });
    const { keypair } = await nova.done('POST', '/os-keypairs', { keypair: { name: 'mine' } });
    keys = [keypair.fingerprint];
    const { server_group: group } = await nova.done('POST', '/os-server-groups', {
      server_group: { name: 'together', policy: 'soft-affinity' },
    });
    const { aggregate } = await nova.done('POST', '/os-aggregates', {
      aggregate: { name: 'rack', availability_zone: 'east' },
    });
    await nova.done('POST', `/os-aggregates/${aggregate.id}/action`, { add_host: { host: HOST } });
    await nova.done('POST', `/os-aggregates/${aggregate.id}/action`, { set_metadata: { metadata: { shelf: '4' } } });
    const wish = { imageRef, flavorRef: 'elastic', networks: [{ uuid: network.id }], key_name: 'mine' };
    await boot('one', { ...wish, metadata: { of: 'nova' }, tags: ['kept'], config_drive: true });
    await boot('two', wish);
    const { server } = await nova.done('POST', '/servers', {
      server: { name: 'three', ...wish },
      'os:scheduler_hints': { group: group.id },
    });
    servers.set('three', server.id);
    for (const name of servers.keys()) await novaStatus(name, 'ACTIVE');
    for (const name of servers.keys()) {
      await runsOn(name, 0);
      processes.set(name, await processOf(idOf(name)));
    }
  });

  it('is shown what would become of it, while it runs', { timeout: TIMEOUT_MS }, async () => {
    const plan = await xloud('import-nova', 'plan');
    assert.equal(plan.status, 0);
    for (const id of servers.values())
      assert.equal(ofServers(plan).get(id)?.verdict, 'change', JSON.stringify(plan.lines));
    assert.deepEqual(plan.counts['flavor'], { adopt: 1 });
    assert.deepEqual(plan.counts['keypair'], { adopt: 1 });
    assert.deepEqual(plan.counts['aggregate'], { adopt: 1 });
    assert.deepEqual(plan.counts['server_group'], { adopt: 1 });
    assert.deepEqual((await compute('GET', '/flavors')).flavors, []);
    // as long as its nova-compute is there it keeps its servers
    const apply = await xloud('import-nova', 'apply');
    assert.equal(apply.status, 1);
    for (const { verdict, why } of ofServers(apply).values()) {
      assert.equal(verdict, 'refuse');
      assert.match(why.join(), /nova-compute of ovn-host is up/);
    }
    assert.equal((await xloud('import-nova', 'undo')).status, 0);
  });

  it('is taken over while its guests run, though the command is killed', { timeout: TIMEOUT_MS }, async () => {
    await nova.halt();
    await nova.forgetBeats();
    // at the first server that is done
    await new Promise<void>((resolve) => {
      const child = execFile(XLOUD, words('import-nova', 'apply'), { env: env() }, () => resolve());
      child.stdout?.on('data', (text: string) => {
        if (/"kind":"server".*"verdict":"adopted"/.test(text)) child.kill('SIGKILL');
      });
    });
    const apply = await xloud('import-nova', 'apply');
    assert.equal(apply.status, 0, JSON.stringify(apply.lines));
    for (const id of servers.values()) assert.equal(ofServers(apply).get(id)?.verdict, 'adopted');
    for (const name of servers.keys()) {
      await status(name, 'ACTIVE');
      await runsOn(name, await uptime(name));
      assert.equal(await processOf(idOf(name)), processes.get(name));
    }
    assert.match(await virsh('list', '--name'), /^instance-0000000\d\ninstance-0000000\d\ninstance-0000000\d$/);
  });

  it('is here with all that it had', { timeout: TIMEOUT_MS }, async () => {
    const { server } = await compute('GET', `/servers/${idOf('one')}`);
    assert.deepEqual([server.metadata, server.tags, server.key_name], [{ of: 'nova' }, ['kept'], 'mine']);
    assert.equal(server.flavor.original_name, 'm1.elastic');
    assert.match(server.addresses.one[0].addr, /^10\.0\.0\./);
    assert.equal((await compute('GET', '/flavors/elastic')).flavor.name, 'm1.elastic');
    assert.equal((await compute('GET', '/os-keypairs/mine')).keypair.fingerprint, keys[0]);
    const { server_groups: groups } = await compute('GET', '/os-server-groups');
    assert.deepEqual(groups[0].members, [idOf('three')]);
    const { aggregates } = await compute('GET', '/os-aggregates');
    assert.deepEqual(aggregates[0].hosts, [HOST]);
    assert.deepEqual(aggregates[0].metadata, { availability_zone: 'east', shelf: '4' });
    const { instanceActions } = await compute('GET', `/servers/${idOf('one')}/os-instance-actions`);
    assert.ok(instanceActions.some(({ action }: { action: string }) => action === 'create'));
    const { hypervisors } = await compute('GET', '/os-hypervisors/detail');
    const { limits } = await compute('GET', '/limits');
    assert.equal(limits.absolute.totalInstancesUsed, 3);
    assert.equal(limits.absolute.totalRAMUsed, 3 * 512);
    assert.equal(hypervisors.length, 1);
  });

  it('is given back by undo as it was, and taken over again', { timeout: TIMEOUT_MS }, async () => {
    const undo = await xloud('import-nova', 'undo');
    assert.equal(undo.status, 0, JSON.stringify(undo.lines));
    assert.deepEqual((await compute('GET', '/servers')).servers, []);
    assert.deepEqual((await compute('GET', '/flavors')).flavors, []);
    const { limits } = await compute('GET', '/limits');
    assert.equal(limits.absolute.totalInstancesUsed, 0);
    for (const id of servers.values()) assert.ok(!existsSync(join(instancesDir, id, 'owner')));
    assert.equal((await xloud('import-nova', 'apply')).status, 0);
    for (const name of servers.keys()) {
      await status(name, 'ACTIVE');
      assert.equal(await processOf(idOf(name)), processes.get(name));
    }
  });

  it('has servers that are elastic from their next start on', { timeout: 2 * TIMEOUT_MS }, async () => {
    const path = `/os-xloud-adjust/${idOf('one')}`;
    const want = { current_vcpus: 1, current_memory_mb: 256 };
    const plan = (await compute('POST', `${path}/plan`, want)).plan ?? (await compute('POST', `${path}/plan`, want));
    assert.equal(plan.result, 'next_boot', JSON.stringify(plan));
    assert.match(JSON.stringify(plan), /runs as Nova started it/);
    await compute('POST', `/servers/${idOf('one')}/action`, { reboot: { type: 'SOFT' } });
    await status('one', 'ACTIVE');
    await eventually('a fresh start', TIMEOUT_MS, async () =>
      (await processOf(idOf('one'))) === processes.get('one') ? null : true,
    );
    assert.match(await virsh('list', '--name'), /instance-00000001/);
    await eventually(
      'its agent',
      TIMEOUT_MS,
      async () => ((await compute('GET', path)).vcpus.guest_online === 2 ? true : null),
      500,
    );
    await eventually(
      'its start',
      TIMEOUT_MS,
      async () => ((await compute('GET', path)).status === 'idle' ? true : null),
      500,
    );
    await compute('POST', path, want);
    const now = await eventually(
      'its size',
      TIMEOUT_MS,
      async () => {
        const seen = await compute('GET', path);
        return seen.status === 'idle' && seen.memory_mb.current === 256 ? seen : null;
      },
      500,
    );
    assert.equal(now.vcpus.guest_online, 1);
  });

  it('has a server deleted here, whole', { timeout: TIMEOUT_MS }, async () => {
    await done('DELETE', `/compute/v2.1/servers/${idOf('two')}`);
    await eventually('its end', TIMEOUT_MS, async () => {
      const { status: code } = await world.service.request('xloud', 'GET', `/compute/v2.1/servers/${idOf('two')}`);
      return code === 404 ? true : null;
    });
    assert.ok(!existsSync(join(instancesDir, idOf('two'))));
    assert.doesNotMatch(await virsh('list', '--all', '--uuid'), new RegExp(idOf('two')));
    assert.deepEqual((await done('GET', `/network/v2.0/ports?device_id=${idOf('two')}`)).ports, []);
  });

  it('has the rest handed back, and goes on with it', { timeout: 3 * TIMEOUT_MS }, async () => {
    const exported = await xloud('export-nova', 'apply');
    assert.equal(exported.status, 0, JSON.stringify(exported.lines));
    assert.deepEqual((await compute('GET', '/servers')).servers, []);
    const since = await uptime('three');
    await nova.resume();
    await novaStatus('two', 'gone');
    for (const name of ['one', 'three']) await novaStatus(name, 'ACTIVE');
    assert.equal(await processOf(idOf('three')), processes.get('three'));
    await runsOn('three', since);
    for (const name of ['one', 'three']) {
      await nova.done('POST', `/servers/${idOf(name)}/action`, { 'os-stop': null });
      await novaStatus(name, 'SHUTOFF');
      await nova.done('POST', `/servers/${idOf(name)}/action`, { 'os-start': null });
      await novaStatus(name, 'ACTIVE');
      await nova.done('DELETE', `/servers/${idOf(name)}`);
      await novaStatus(name, 'gone');
      assert.ok(!existsSync(join(instancesDir, idOf(name), 'disk')));
    }
    assert.equal(await virsh('list', '--all', '--name'), '');
  });
});
