// VirtualMachines on a real API server, by kubectl as people use it, and the servers that come of them. The hypervisor is the fake one; guests that
// are asked from inside are in libvirt.test.ts.

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Kubernetes, kubernetesPath, startKubernetes } from '../support/kubernetes.ts';
import { type OperatorProcess, startOperatorProcess } from '../support/operator.ts';
import { eventually, type Service, startService } from '../support/serve.ts';

/** From the issue of those who run it: so long after a disturbance the status is true again. */
const TRUE_MS = 30_000;
const NEWEST = { 'OpenStack-API-Version': 'compute 2.90' };

const path = await kubernetesPath();
if (path === null) throw new Error('no kube-apiserver was built: tools/kubernetes.sh build');

interface Wish {
  readonly name: string;
  readonly cpu?: number;
  readonly memory?: string;
  readonly source?: string;
  readonly machine?: object;
  readonly spec?: object;
  readonly annotations?: object;
}

const manifest = ({
  name,
  cpu = 2,
  memory = '2Gi',
  source = 'marketplace://ubuntu-22.04-lts',
  machine = {},
  spec = {},
  annotations = {},
}: Wish) =>
  JSON.stringify({
    ...{ apiVersion: 'novacron.io/v1alpha1', kind: 'VirtualMachine', metadata: { name, annotations } },
    spec: {
      template: { spec: { resources: { cpu, memory, disk: '5Gi' }, image: { source }, ...machine } },
      ...spec,
    },
  });

describe('the Kubernetes operator', () => {
  let kubernetes: Kubernetes;
  let kubeconfig: string;
  let service: Service;
  let operator: OperatorProcess;
  let hooks: Server;
  let hookUrl: string;
  const hooked: { hook: string; metadata: { name: string } }[] = [];
  let hookStatus = 200;

  const ask = async (method: string, to: string, body?: unknown) => {
    const reply = await service.request('xloud-demo', method, `/compute/v2.1${to}`, body, NEWEST);
    assert.ok(reply.status < 300, `${method} ${to}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  const kubectl = (...words: string[]) => kubernetes.kubectl(words);
  const apply = (wish: Wish) => kubernetes.kubectl(['apply', '-f', '-'], manifest(wish));
  const patch = (name: string, spec: object) =>
    kubectl('patch', 'vm', name, '--type', 'merge', '-p', JSON.stringify({ spec }));
  const resources = (more: object) => ({ template: { spec: { resources: more } } });
  const vm = (name: string) => kubernetes.get('vm', name);
  const conditionOf = async (name: string, type: string) =>
    (await vm(name)).status?.conditions?.find((one: { type: string }) => one.type === type);
  const phase = (name: string, wanted: string, ms = TRUE_MS) =>
    eventually(
      `${name} ${wanted}`,
      ms,
      async () => {
        const found = await vm(name);
        return found.status?.phase === wanted ? found : null;
      },
      250,
    ).catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${JSON.stringify((await vm(name)).status)}\n${operator.log().slice(-3_000)}`);
    });
  const condition = (name: string, type: string, reason: string) =>
    eventually(
      `${name}: ${type} ${reason}`,
      TRUE_MS,
      async () => {
        const found = await conditionOf(name, type);
        return found?.reason === reason ? found : null;
      },
      250,
    ).catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${JSON.stringify((await vm(name)).status)}\n${operator.log().slice(-3_000)}`);
    });
  const serversOf = async (name: string) => {
    const { servers } = await ask('GET', '/servers/detail');
    return servers.filter((one: { metadata: Record<string, string> }) => one.metadata['novacron.io:name'] === name);
  };
  const run = async (...more: string[]) => {
    operator = await startOperatorProcess(service, kubeconfig, ['--allow-hook', hookUrl, ...more]);
  };

  before(async () => {
    hooks = createServer((request, response) => {
      let text = '';
      request.on('data', (part: Buffer) => (text += part.toString()));
      request.on('end', () => {
        hooked.push(JSON.parse(text) as (typeof hooked)[number]);
        response.writeHead(hookStatus).end();
      });
    });
    await new Promise<void>((resolve) => hooks.listen(0, '127.0.0.1', resolve));
    hookUrl = `http://127.0.0.1:${(hooks.address() as AddressInfo).port}/`;
    kubernetes = await startKubernetes(path);
    service = await startService({
      driver: 'fake',
      env: {
        ...{ XLOUD_COMPUTE__FAKE_HOSTS: '2', XLOUD_QUOTA__INSTANCES: '700', XLOUD_QUOTA__CORES: '2000' },
        ...{ XLOUD_QUOTA__RAM: '4000000', XLOUD_COMPUTE__SIZED_FLAVORS: '100' },
      },
    });
    const image = { name: 'ubuntu-22.04-lts', disk_format: 'raw', container_format: 'bare', visibility: 'public' };
    const { body } = await service.request('xloud', 'POST', '/image/v2/images', image);
    const bytes = { 'Content-Type': 'application/octet-stream' };
    await service.request('xloud', 'PUT', `/image/v2/images/${body.id}/file`, Buffer.alloc(1024), bytes);
    kubeconfig = await kubernetes.installOperator();
    await run();
  });
  after(async () => {
    await operator.kill('SIGTERM');
    await service.close();
    await kubernetes.stop();
    hooks.close();
    hooks.closeAllConnections();
  });

  it('makes a server of a machine, and shows it in columns', async () => {
    assert.match(await kubectl('get', 'crd', 'virtualmachines.novacron.io'), /virtualmachines\.novacron\.io/);
    assert.match(await apply({ name: 'my-vm' }), /created/);
    const made = await phase('my-vm', 'Running');
    const { server } = await ask('GET', `/servers/${made.status.serverID}`);
    assert.deepEqual(
      [server.name, server.status, server.flavor.vcpus, server.flavor.ram],
      ['my-vm', 'ACTIVE', 2, 2048],
    );
    assert.ok(server.tags.includes(`novacron-uid-${made.metadata.uid}`));
    const size = { cpu: 2, memory: '2048Mi' };
    assert.deepEqual(made.status.resources, {
      ...{ requested: size, claimed: size, confirmed: size, ceiling: size, floor: { cpu: 1, memory: '512Mi' } },
    });
    assert.equal(made.status.observedGeneration, made.metadata.generation);
    await condition('my-vm', 'Adjusted', 'Confirmed');
    assert.match(await kubectl('get', 'virtualmachines'), /^my-vm +Running +true +2 +2048Mi/m);
    assert.match(await kubectl('get', 'vm', '-o', 'wide'), /Confirmed/);
    const described = await kubectl('describe', 'vm', 'my-vm');
    assert.match(described, /Created .*novacron-operator/);
    const events = await kubectl('get', 'events', '--field-selector', 'involvedObject.name=my-vm');
    assert.match(events, /Normal +Created/);
  });

  it('stops and starts it', async () => {
    await patch('my-vm', { running: false });
    const { status } = await phase('my-vm', 'Stopped');
    assert.equal((await ask('GET', `/servers/${status.serverID}`)).server.status, 'SHUTOFF');
    await condition('my-vm', 'Ready', 'Stopped');
    await patch('my-vm', { running: true });
    await phase('my-vm', 'Running');
    assert.equal((await ask('GET', `/servers/${status.serverID}`)).server.status, 'ACTIVE');
  });

  it('adjusts it in place between floor and ceiling, and says so where that is not possible', async () => {
    const { serverID } = (await vm('my-vm')).status;
    const launched = (await ask('GET', `/servers/${serverID}`)).server['OS-SRV-USG:launched_at'];
    await patch('my-vm', resources({ cpu: 1, memory: '1Gi' }));
    const small = await eventually('it is small', TRUE_MS, async () => {
      const { status } = await vm('my-vm');
      return status.resources.confirmed.memory === '1024Mi' && status.resources.confirmed.cpu === 1 ? status : null;
    });
    assert.deepEqual(small.resources.requested, { cpu: 1, memory: '1024Mi' });
    const adjusted = await ask('GET', `/os-xloud-adjust/${serverID}`);
    assert.deepEqual([adjusted.vcpus.current, adjusted.memory_mb.current, adjusted.memory_mb.claimed], [1, 1024, 1024]);
    assert.equal((await ask('GET', `/servers/${serverID}`)).server['OS-SRV-USG:launched_at'], launched);
    await patch('my-vm', resources({ cpu: 3 }));
    const above = await condition('my-vm', 'Adjusted', 'OutOfRange');
    assert.match(
      above.message,
      /3 vCPUs and 1024 MiB is above the ceiling that the machine was made with, 2 vCPUs and 2048 MiB/,
    );
    assert.equal((await ask('GET', `/os-xloud-adjust/${serverID}`)).vcpus.current, 1);
    await patch('my-vm', resources({ cpu: 2, memory: '2Gi' }));
    await condition('my-vm', 'Adjusted', 'Confirmed');
  });

  it('begins with the floor where the ceiling is further, and grows to what is wanted', async () => {
    const resourcesWanted = {
      cpu: 2,
      memory: '1Gi',
      disk: '5Gi',
      floor: { cpu: 1, memory: '512Mi' },
      ceiling: { cpu: 4, memory: '4Gi' },
    };
    await apply({ name: 'elastic', machine: { resources: resourcesWanted } });
    await phase('elastic', 'Running');
    await condition('elastic', 'Adjusted', 'Confirmed');
    const { resources: shown } = (await vm('elastic')).status;
    assert.deepEqual(
      [shown.confirmed, shown.ceiling],
      [
        { cpu: 2, memory: '1024Mi' },
        { cpu: 4, memory: '4096Mi' },
      ],
    );
  });

  it('repairs what somebody did past it', async () => {
    const { serverID } = (await vm('my-vm')).status;
    await ask('POST', `/servers/${serverID}/action`, { 'os-stop': null });
    await eventually(
      'it is off',
      TRUE_MS,
      async () => ((await ask('GET', `/servers/${serverID}`)).server.status === 'SHUTOFF' ? true : null),
      20,
    );
    await eventually('it runs again', TRUE_MS, async () =>
      (await ask('GET', `/servers/${serverID}`)).server.status === 'ACTIVE' ? true : null,
    );
    await ask('POST', `/os-xloud-adjust/${serverID}`, { current_memory_mb: 1024 });
    await eventually('its size is again what is wanted', TRUE_MS, async () =>
      (await ask('GET', `/os-xloud-adjust/${serverID}`)).memory_mb.current === 2048 ? true : null,
    );
    await ask('DELETE', `/servers/${serverID}`);
    const anew = await eventually('another server', TRUE_MS, async () => {
      const { status } = await vm('my-vm');
      return status.serverID !== serverID && status.phase === 'Running' ? status : null;
    });
    assert.equal((await serversOf('my-vm')).length, 1);
    assert.equal((await ask('GET', `/servers/${anew.serverID}`)).server.status, 'ACTIVE');
  });

  it('refuses by definition, and by condition, with the reason', async () => {
    const refused = (wish: Wish, words: RegExp) => assert.rejects(apply(wish), words);
    await refused({ name: 'bad', cpu: 0 }, /spec.template.spec.resources.cpu/);
    await refused(
      { name: 'bad', machine: { networks: [{ name: 'a', ipv4: { method: 'static' } }] } },
      /a static address must be given/,
    );
    await refused({ name: 'bad', spec: { provider: 'xen' } }, /Unsupported value: "xen"/);
    await assert.rejects(
      patch('my-vm', { template: { spec: { image: { source: 'image://other' } } } }),
      /the image of a machine cannot be changed/,
    );
    await apply({ name: 'cloudy', spec: { provider: 'aws' } });
    assert.match(
      (await condition('cloudy', 'Accepted', 'Refused')).message,
      /there is no provider aws yet; kvm is the one there is/,
    );
    await apply({ name: 'no-image', source: 'marketplace://nothing' });
    assert.match((await condition('no-image', 'Ready', 'Refused')).message, /There is no image nothing/);
    await apply({
      name: 'gpu',
      machine: { devices: [{ type: 'gpu', vendor: 'nvidia', model: 'tesla-t4', count: 1 }] },
    });
    assert.match((await condition('gpu', 'Accepted', 'Refused')).message, /devices of hosts are had by a flavor/);
    await apply({ name: 'labelled', machine: { nodeSelector: { 'node.novacron.io/type': 'compute' } } });
    const nowhere = await eventually('it fails', TRUE_MS, async () => {
      const found = await conditionOf('labelled', 'Ready');
      return found?.reason === 'Failed' ? found : null;
    });
    assert.match(nowhere.message, /No valid host/);
    for (const name of ['cloudy', 'no-image', 'gpu', 'labelled']) await kubectl('delete', 'vm', name, '--timeout=30s');
  });

  it('goes to hosts with the labels that are asked for', async () => {
    const admin = async (method: string, to: string, body?: unknown) =>
      (await service.request('xloud', method, `/compute/v2.1${to}`, body, NEWEST)).body;
    const { services } = await admin('GET', '/os-services?binary=nova-compute');
    const host = services[1].host as string;
    const { aggregate } = await admin('POST', '/os-aggregates', { aggregate: { name: 'compute' } });
    await admin('POST', `/os-aggregates/${aggregate.id}/action`, { add_host: { host } });
    const metadata = { 'label:node.novacron.io:type': 'compute', 'label:node.novacron.io:region': 'us-east-1' };
    await admin('POST', `/os-aggregates/${aggregate.id}/action`, { set_metadata: { metadata } });
    const matchExpressions = [{ key: 'node.novacron.io/region', operator: 'In', values: ['us-east-1', 'us-west-2'] }];
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } };
    const machine = { nodeSelector: { 'node.novacron.io/type': 'compute' }, affinity: { nodeAffinity: required } };
    for (const name of ['near-1', 'near-2', 'near-3']) await apply({ name, cpu: 1, memory: '512Mi', machine });
    for (const name of ['near-1', 'near-2', 'near-3']) {
      const { status } = await phase(name, 'Running');
      const { server } = await admin('GET', `/servers/${status.serverID}`);
      assert.equal(server['OS-EXT-SRV-ATTR:host'], host);
    }
    await kubectl('delete', 'vm', 'near-1', 'near-2', 'near-3', '--timeout=60s');
  });

  it('gives the guest its user data, from a Secret too', async () => {
    await kubectl(
      'create',
      'secret',
      'generic',
      'cloud-init',
      '--from-literal=userData=#cloud-config\nhostname: secret\n',
    );
    await apply({ name: 'told', cpu: 1, memory: '512Mi', machine: { userDataSecretRef: { name: 'cloud-init' } } });
    const { status } = await phase('told', 'Running');
    const reply = await service.request('xloud', 'GET', `/compute/v2.1/servers/${status.serverID}`, undefined, NEWEST);
    const text = Buffer.from(reply.body.server['OS-EXT-SRV-ATTR:user_data'], 'base64').toString();
    assert.match(text, /hostname: secret/);
    await apply({ name: 'untold', machine: { userDataSecretRef: { name: 'no-such' } } });
    assert.match(
      (await condition('untold', 'Ready', 'Refused')).message,
      /There is no key userData in a Secret no-such/,
    );
    await kubectl('delete', 'vm', 'told', 'untold', '--timeout=60s');
  });

  it('calls hooks before it starts and stops, and waits for them', async () => {
    const at = (name: string): string => `${hookUrl}${name}`;
    const machine = { hooks: { preStart: { url: at('start') }, preStop: { url: at('stop') } } };
    hookStatus = 503;
    await apply({ name: 'hooked', cpu: 1, memory: '512Mi', machine });
    await eventually('the hook was called', TRUE_MS, () => (hooked.length > 0 ? true : null));
    assert.equal((await serversOf('hooked')).length, 0, 'what is held up is not made');
    hookStatus = 200;
    await phase('hooked', 'Running');
    await patch('hooked', { running: false });
    await phase('hooked', 'Stopped');
    assert.deepEqual(
      [...new Set(hooked.map(({ hook, metadata }) => `${hook} ${metadata.name}`))],
      ['preStart hooked', 'preStop hooked'],
    );
    await apply({ name: 'elsewhere', machine: { hooks: { preStart: { url: 'http://169.254.169.254/' } } } });
    assert.match(
      (await condition('elsewhere', 'Ready', 'Refused')).message,
      /neither a service of its namespace nor allowed/,
    );
    await kubectl('delete', 'vm', 'hooked', 'elsewhere', '--timeout=60s');
  });

  it('adopts a server whose owner allows it, and no other', async () => {
    const made = await service.request('xloud-demo', 'GET', '/image/v2/images');
    const imageRef = made.body.images[0].id as string;
    const { flavor } = await ask('POST', '/os-xloud-sized-flavors', {
      flavor: { vcpus: 2, memory_mb: 1024, disk_gb: 5 },
    });
    const { server } = await ask('POST', '/servers', {
      server: { name: 'old', imageRef, flavorRef: flavor.id, networks: 'none' },
    });
    await eventually('it is there', TRUE_MS, async () =>
      (await ask('GET', `/servers/${server.id}`)).server.status === 'ACTIVE' ? true : null,
    );
    const annotations = { 'novacron.io/adopt': server.id };
    await apply({ name: 'adopted', cpu: 1, memory: '1Gi', annotations });
    assert.match(
      (await condition('adopted', 'Ready', 'Refused')).message,
      /its owner must set its property novacron.io:namespace to default/,
    );
    await ask('POST', `/servers/${server.id}/metadata`, { metadata: { 'novacron.io:namespace': 'default' } });
    await eventually('it is adopted', 60_000, async () =>
      (await vm('adopted')).status.serverID === server.id ? true : null,
    );
    await condition('adopted', 'Adjusted', 'Confirmed');
    assert.equal((await ask('GET', `/os-xloud-adjust/${server.id}`)).vcpus.current, 1);
    await apply({ name: 'thief', annotations });
    assert.match((await condition('thief', 'Ready', 'Refused')).message, /is another machine's/);
    await kubectl('delete', 'vm', 'adopted', 'thief', '--timeout=60s');
    assert.equal((await service.request('xloud-demo', 'GET', `/compute/v2.1/servers/${server.id}`)).status, 404);
  });

  it('doubles nothing and loses nothing, whenever it is killed', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `kill-${at}`);
    for (const [at, name] of names.entries()) {
      await apply({ name, cpu: 1, memory: '512Mi' });
      if (at % 3 === 2) {
        await operator.kill('SIGKILL');
        await run();
      }
    }
    for (const delayMs of [20, 80, 200]) {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await operator.kill('SIGKILL');
      await run();
    }
    for (const name of names) await phase(name, 'Running', 60_000);
    for (const name of names) {
      const servers = await serversOf(name);
      assert.equal(servers.length, 1, name);
      assert.equal(servers[0].id, (await vm(name)).status.serverID);
    }
    const deleting = kubectl('delete', 'vm', ...names, '--timeout=120s');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await operator.kill('SIGKILL');
    await run();
    await deleting;
    for (const name of names) assert.deepEqual(await serversOf(name), [], name);
  });

  it('leads alone: a second one waits, and takes over', async () => {
    const second = await startOperatorProcess(service, kubeconfig);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    assert.doesNotMatch(second.log(), /machines are watched/);
    await operator.kill('SIGKILL');
    operator = second;
    await eventually('it leads', TRUE_MS, () => (/machines are watched/.test(second.log()) ? true : null));
    await patch('my-vm', { running: false });
    await phase('my-vm', 'Stopped');
    await patch('my-vm', { running: true });
    await phase('my-vm', 'Running');
  });

  it('goes on when the service, or the API server, was away', async () => {
    await service.kill('SIGKILL');
    await patch('my-vm', resources({ memory: '1Gi' }));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await service.start();
    await eventually('its size', 60_000, async () =>
      (await vm('my-vm')).status.resources.confirmed.memory === '1024Mi' ? true : null,
    );
    // one whose lease is shorter than the outage ends itself, and is started again by whoever runs it
    await operator.kill('SIGTERM');
    await run('--lease-seconds', '120');
    await eventually('it leads', TRUE_MS, () => (/machines are watched/.test(operator.log()) ? true : null));
    await kubernetes.crash();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await kubernetes.start();
    // a leader that could not renew its lease ended itself, and is started again as a Deployment would
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    if (operator.hasEnded()) await run();
    await patch('my-vm', resources({ memory: '2Gi' }));
    await eventually('its size', 60_000, async () =>
      (await vm('my-vm')).status.resources.confirmed.memory === '2048Mi' ? true : null,
    );
    assert.equal((await serversOf('my-vm')).length, 1);
  });

  it('tells its five metrics', async () => {
    const text = await operator.metrics();
    assert.match(text, /^novacron_vm_total\{phase="Running"\} 2$/m);
    for (const name of ['novacron_vm_cpu_usage_cores', 'novacron_vm_memory_usage_bytes'])
      assert.match(text, new RegExp(`^# TYPE ${name} gauge`, 'm'));
    assert.match(text, /^novacron_reconcile_total\{result="success"\} [1-9]/m);
    assert.match(text, /^novacron_reconcile_duration_seconds_count [1-9]/m);
  });

  it('leaves nothing when machines are deleted', async () => {
    await kubectl('delete', 'vm', '--all', '--timeout=60s');
    assert.deepEqual((await ask('GET', '/servers')).servers, []);
    assert.match(await kubectl('get', 'vm').catch(String), /^$/);
  });
});
