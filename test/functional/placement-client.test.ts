// The service beside a Keystone and a Placement that it finds in the catalog: what the stock client's plugin shows of hosts and servers,
// and asks for, is what is here; metrics and the doctor say how it stands.

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cloudsFor, keystoneMissing, register, startKeystone, type TestKeystone } from '../support/keystone.ts';
import { placementMissing, startPlacement, type TestPlacement } from '../support/placement-server.ts';
import { withoutClient } from '../support/openstack/process.ts';
import { eventually, type Service, startService } from '../support/serve.ts';
import { xloud } from '../support/xloud.ts';

const PATIENCE_MS = 90_000;
const PLUGIN = '/usr/lib/python3/dist-packages/osc_placement';
const NEWEST = ['--os-placement-api-version', '1.38'];
const missing =
  keystoneMissing() ??
  placementMissing() ??
  (withoutClient('debian') || null) ??
  (existsSync(PLUGIN) ? null : `${PLUGIN} is not installed (tools/packages.sh ensure placement)`);

// oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
type Json = any;

describe('the stock client and a Placement beside us', { skip: missing ?? false }, () => {
  let keystone: TestKeystone;
  let placement: TestPlacement;
  let service: Service;
  const env = (): Record<string, string> => ({
    XLOUD_IDENTITY__AUTH_URL: keystone.authUrl,
    XLOUD_IDENTITY__USERNAME: 'nova',
    XLOUD_IDENTITY__PASSWORD: 'nova',
    XLOUD_IDENTITY__REGION_NAME: 'RegionOne',
    XLOUD_PLACEMENT__SYNC: 'yes',
    XLOUD_COMPUTE__FAKE_HOSTS: '2',
    XLOUD_COMPUTE__HOST: 'node',
  });

  before(async () => {
    keystone = await startKeystone({ provider: 'fernet' });
    placement = await startPlacement({ keystone, database: 'mariadb' });
    await register(keystone, { user: 'nova', type: 'xloud', url: 'http://127.0.0.1:1' });
    service = await startService({ driver: 'fake', env: env() });
    writeFileSync(join(service.dataDir, 'clouds.yaml'), cloudsFor(keystone), { mode: 0o600 });
  });
  after(async () => {
    await service?.close();
    await placement?.stop();
    await keystone?.stop();
  });

  const shown = async (...words: string[]): Promise<Json> =>
    JSON.parse(await service.openstack('xloud', ...NEWEST, ...words, '-f', 'json'));
  const done = async (method: string, path: string, body?: object): Promise<Json> => {
    const { status, body: said } = await service.request('xloud', method, path, body);
    assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(said)}`);
    return said;
  };
  const becomes = (what: string, look: () => Promise<boolean>) =>
    eventually(what, PATIENCE_MS, async () => ((await look()) ? true : null), 500);
  const hostUuid = async (name: string): Promise<string> => {
    const { hypervisors } = await done('GET', '/compute/v2.1/os-hypervisors');
    return hypervisors.find((one: Json) => one.hypervisor_hostname === name).id;
  };

  it('show hosts, what they have, and where a server would have room', { timeout: 2 * PATIENCE_MS }, async () => {
    await becomes('both hosts in Placement', async () => (await shown('resource', 'provider', 'list')).length === 2);
    const providers: Json[] = await shown('resource', 'provider', 'list');
    assert.deepEqual(new Set(providers.map(({ name }) => name)), new Set(['node', 'node-2']));
    const uuid = await hostUuid('node');
    assert.equal(providers.find(({ name }) => name === 'node').uuid, uuid);
    await becomes('its traits', async () => (await shown('resource', 'provider', 'trait', 'list', uuid)).length > 0);
    const inventory: Json[] = await shown('resource', 'provider', 'inventory', 'list', uuid);
    const { hypervisor } = await done('GET', `/compute/v2.1/os-hypervisors/${uuid}`);
    assert.equal(hypervisor.hypervisor_hostname, 'node');
    assert.deepEqual(new Set(inventory.map((one) => one.resource_class)), new Set(['DISK_GB', 'MEMORY_MB', 'VCPU']));
    const room = ['--resource', 'VCPU=1', '--resource', 'MEMORY_MB=256'];
    assert.equal((await shown('allocation', 'candidate', 'list', ...room)).length, 2);
    await done('PUT', `/compute/v2.1/os-services/${(await computeService('node-2')).id}`, { status: 'disabled' });
    await becomes('a candidate less', async () => {
      const enabled = ['--forbidden', 'COMPUTE_STATUS_DISABLED'];
      return (await shown('allocation', 'candidate', 'list', ...room, ...enabled)).length === 1;
    });
  });

  async function computeService(host: string): Promise<Json> {
    const { services } = await done('GET', `/compute/v2.1/os-services?host=${host}&binary=nova-compute`);
    return services[0];
  }

  it('show what a server has, as it is adjusted, and nothing of one that is gone', {
    timeout: 3 * PATIENCE_MS,
  }, async () => {
    const flavor = { name: 'elastic', vcpus: 4, ram: 1024, disk: 1 };
    const { flavor: made } = await done('POST', '/compute/v2.1/flavors', { flavor });
    const extra_specs = { minimum_cpu: '1', minimum_memory: '256' };
    await done('POST', `/compute/v2.1/flavors/${made.id}/os-extra_specs`, { extra_specs });
    const image = await done('POST', '/image/v2/images', {
      ...{ name: 'small', disk_format: 'raw', container_format: 'bare' },
    });
    await done('PUT', `/image/v2/images/${image.id}/file`, new Uint8Array(512));
    const { server } = await done('POST', '/compute/v2.1/servers', {
      server: { name: 'first', flavorRef: made.id, imageRef: image.id, networks: 'none' },
    });
    const allocation = () => shown('resource', 'provider', 'allocation', 'show', server.id);
    await becomes('the allocation', async () => (await allocation()).length === 1);
    const uuid = await hostUuid('node');
    const [first] = await allocation();
    assert.deepEqual([first.resource_provider, first.resources], [uuid, { DISK_GB: 1, MEMORY_MB: 256, VCPU: 1 }]);
    assert.equal(first.consumer_type, 'INSTANCE');
    await done('POST', `/compute/v2.1/os-xloud-adjust/${server.id}`, { current_vcpus: 3, current_memory_mb: 768 });
    await becomes('its growth', async () => (await allocation())[0]?.resources.VCPU === 3);
    const usage: Json[] = await shown('resource', 'provider', 'usage', 'show', uuid);
    const used = Object.fromEntries(usage.map((one) => [one.resource_class, one.usage]));
    assert.deepEqual(used, { DISK_GB: 1, MEMORY_MB: 768, VCPU: 3 });
    await done('DELETE', `/compute/v2.1/servers/${server.id}`);
    await becomes('its end', async () => (await allocation()).length === 0);
  });

  it('tell of it by metrics and the doctor, also when Placement is away', { timeout: 2 * PATIENCE_MS }, async () => {
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`${service.url}/metrics`)).text();
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    };
    const lag = () => metric('xloud_placement_lag_seconds');
    await becomes('no lag', async () => (await lag()) === 0);
    assert.equal(await metric('xloud_placement_providers{state="told"}'), 2);
    assert.ok((await metric('xloud_placement_requests_total{method="PUT",status="204"}')) >= 2);
    const doctor = async () => {
      const sets = Object.entries(env()).flatMap(([name, value]) => [
        '--set',
        `${name.slice('XLOUD_'.length).toLowerCase().replace('__', '.')}=${value}`,
      ]);
      const { stdout } = await xloud('doctor', '--data-dir', service.dataDir, ...sets);
      return stdout.split('\n').filter((line) => / placement /.test(line));
    };
    assert.match((await doctor()).join('\n'), /^ok +placement +answers, and speaks 1\.\d+$/);
    await placement.pause();
    await done('PUT', `/compute/v2.1/os-services/${(await computeService('node-2')).id}`, { status: 'enabled' });
    await becomes('some lag', async () => (await lag()) > 0);
    await becomes('a turn that failed', async () => {
      return (await metric('xloud_reconciler_runs_total{reconciler="placementMirror",outcome="error"}')) > 0;
    });
    assert.match((await doctor()).join('\n'), /^problem +placement +cannot be reached: .* -> start it, or correct /);
    const ready = await fetch(`${service.url}/readyz`);
    assert.equal(ready.status, 200, 'nothing else is disturbed');
    await placement.resume();
    await becomes('no lag again', async () => (await lag()) === 0);
  });
});
