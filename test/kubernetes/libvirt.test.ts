// A VirtualMachine on a real hypervisor: what kubectl asks for is what the guest has, by its own word.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Kubernetes, kubernetesPath, startKubernetes } from '../support/kubernetes.ts';
import { type OperatorProcess, startOperatorProcess } from '../support/operator.ts';
import { type GuestService, startGuestService } from '../support/serve-guest.ts';
import { eventually } from '../support/serve.ts';

const BOOT_MS = 240_000;
const path = await kubernetesPath();
if (path === null) throw new Error('no kube-apiserver was built: tools/kubernetes.sh build');

describe('a VirtualMachine on libvirt', () => {
  let kubernetes: Kubernetes;
  let kubeconfig: string;
  let world: GuestService;
  let operator: OperatorProcess;
  let serverID: string;
  before(async () => {
    [kubernetes, world] = await Promise.all([
      startKubernetes(path),
      startGuestService({ flavor: { vcpus: 1, ram: 256 } }),
    ]);
    kubeconfig = await kubernetes.installOperator();
    operator = await startOperatorProcess(world.service, kubeconfig);
  });
  after(async () => {
    await operator.kill('SIGTERM');
    await world.close();
    await kubernetes.stop();
  });

  const status = async () => (await kubernetes.get('vm', 'guest')).status;
  const patch = (resources: object) =>
    kubernetes.kubectl([
      'patch',
      'vm',
      'guest',
      '--type',
      'merge',
      '-p',
      JSON.stringify({ spec: { template: { spec: { resources } } } }),
    ]);
  const confirmed = (cpu: number, memory: string) =>
    eventually(
      `${cpu} vCPUs, ${memory}`,
      BOOT_MS,
      async () => {
        const { resources, conditions = [] } = (await status()) ?? {};
        const adjusted = conditions.find(({ type }: { type: string }) => type === 'Adjusted');
        return adjusted?.reason === 'Confirmed' &&
          resources.confirmed.cpu === cpu &&
          resources.confirmed.memory === memory
          ? resources
          : null;
      },
      500,
    ).catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${JSON.stringify(await status())}\n${operator.log().slice(-2_000)}`);
    });
  const inside = async () => {
    const online = (await world.inside(serverID, 'cat /sys/devices/system/cpu/online')).trim();
    const kib = Number(/MemAvailable: +(\d+)/.exec(await world.inside(serverID, 'cat /proc/meminfo'))?.[1]);
    return { online, availableMb: kib / 1024 };
  };

  it('boots', async () => {
    const resources = {
      cpu: 1,
      memory: '256Mi',
      disk: '1Gi',
      floor: { cpu: 1, memory: '256Mi' },
      ceiling: { cpu: 3, memory: '768Mi' },
    };
    const spec = { template: { spec: { resources, image: { source: 'image://guest' } } } };
    const vm = { apiVersion: 'novacron.io/v1alpha1', kind: 'VirtualMachine', metadata: { name: 'guest' }, spec };
    await kubernetes.kubectl(['apply', '-f', '-'], JSON.stringify(vm));
    await eventually('it runs', BOOT_MS, async () => ((await status())?.phase === 'Running' ? true : null), 500);
    ({ serverID } = await status());
    await eventually('its agent', BOOT_MS, () => inside().catch(() => null), 1_000);
    assert.match(await world.virsh('list', '--uuid'), new RegExp(serverID));
    await confirmed(1, '256Mi');
  });

  it('grows while it runs, and the guest has it', async () => {
    const before = await inside();
    await patch({ cpu: 3, memory: '768Mi' });
    const shown = await confirmed(3, '768Mi');
    assert.deepEqual(shown.claimed, { cpu: 3, memory: '768Mi' });
    const now = await inside();
    assert.equal(now.online, '0-2');
    assert.ok(now.availableMb > before.availableMb + 400, `${before.availableMb} then ${now.availableMb}`);
  });

  it('shrinks, and gives the memory back', async () => {
    const before = await inside();
    await patch({ cpu: 1, memory: '256Mi' });
    const shown = await confirmed(1, '256Mi');
    assert.equal(shown.claimed.memory, '256Mi');
    const now = await inside();
    assert.equal(now.online, '0');
    assert.ok(now.availableMb < before.availableMb - 400, `${before.availableMb} then ${now.availableMb}`);
  });

  it('leaves nothing', async () => {
    await kubernetes.kubectl(['delete', 'vm', 'guest', '--timeout=60s']);
    assert.equal(await world.virsh('list', '--all', '--uuid'), '');
  });
});
