import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conflict } from '../../../src/base/errors.ts';
import type { Observed, Provider } from '../../../src/operator/provider.ts';
import { makeKvm } from '../../../src/operator/providers/kvm.ts';
import { makePlugs } from '../../../src/operator/providers/kvm-networks.ts';
import { reconcile, type Reconciling, release } from '../../../src/operator/reconcile.ts';
import type { VirtualMachine, VirtualMachineStatus } from '../../../src/operator/types.ts';

const size = { cpu: 1, memoryMb: 1024 };

const server = (id: string, createdAt: string): Observed => ({
  ...{ id, createdAt, state: 'running', status: 'ACTIVE', task: null, fault: null, node: null, addresses: [] },
  sizes: {
    ...{ target: size, claimed: size, confirmed: size, floor: size, ceiling: size },
    ...{ adjusting: false, message: null },
  },
});

/** A provider whose servers all carry the machine's tag once they are adopted. */
function world(own: Observed[], others: Observed[] = []) {
  const servers = [...own];
  const done: string[] = [];
  const refused = (): never => assert.fail('nothing of that is asked for');
  const provider: Provider = {
    find: async () => servers.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt)),
    show: async (id) => servers.find((one) => one.id === id) ?? null,
    async adopt(id) {
      done.push(`adopt ${id}`);
      servers.push(...others.filter((one) => one.id === id));
    },
    async remove(id) {
      done.push(`remove ${id}`);
      servers.splice(
        servers.findIndex((one) => one.id === id),
        1,
      );
    },
    ...{ create: refused, start: refused, stop: refused, adjust: refused, clean: refused, snapshots: refused },
    ...{ snapshot: refused, removeSnapshot: refused, changedSince: refused, usage: refused },
  };
  const deps: Reconciling = {
    ...{ provider, hookPrefixes: [], tell: () => {}, now: () => 0, aside: (wait) => wait() },
    readSecret: async () => null,
  };
  return { deps, done };
}

const machine = (status: VirtualMachineStatus, adopt?: string): VirtualMachine => ({
  ...{ apiVersion: 'novacron.io/v1alpha1', kind: 'VirtualMachine', status },
  metadata: {
    ...{ name: 'a', namespace: 'own', uid: 'u' },
    ...(adopt === undefined ? {} : { annotations: { 'novacron.io/adopt': adopt } }),
  },
  spec: {
    template: {
      spec: { resources: { cpu: 1, memory: '1Gi', disk: '1Gi', floor: size }, image: { source: 'image://a' } },
    },
  } as unknown as VirtualMachine['spec'],
});

describe('a look at a machine', () => {
  it('leaves one of two servers that two operators made, also where the younger one was noted', async () => {
    const { deps, done } = world([server('old', '2026-01-01'), server('young', '2026-01-02')]);
    const vm = machine({ serverID: 'young', phase: 'Provisioning' });
    const { status } = await reconcile(deps, vm, server('young', '2026-01-02'));
    assert.deepEqual([status.serverID, done], ['old', ['remove young']]);
  });

  it('adopts nothing for a machine that has a server, whatever its status lost', async () => {
    const precious = server('precious', '2026-01-02');
    const { deps, done } = world([server('own', '2026-01-01')], [precious]);
    const { status } = await reconcile(deps, machine({}, 'precious'), null);
    assert.deepEqual([status.serverID, done], ['own', []]);
  });

  it('adopts where there is none', async () => {
    const { deps, done } = world([], [server('there', '2026-01-01')]);
    const { status } = await reconcile(deps, machine({}, 'there'), null);
    assert.deepEqual([status.serverID, done], ['there', ['adopt there']]);
  });
});

describe('user data from a Secret', () => {
  it('is passed on byte by byte: gzip is no text', async () => {
    const bytes = Buffer.from([0x1f, 0x8b, 0x08, 0x00, 0xff, 0xfe]);
    const { deps } = world([]);
    let sent: string | undefined;
    const create: Provider['create'] = async ({ userData }) => {
      sent = userData?.toString('hex');
      return 'made';
    };
    const vm = machine({});
    const spec = { template: { spec: { ...vm.spec.template.spec, userDataSecretRef: { name: 's' } } } };
    const reading = { ...deps, readSecret: async () => bytes, provider: { ...deps.provider, create } };
    const { status } = await reconcile(reading, { ...vm, spec }, null);
    assert.deepEqual([status.serverID, sent], ['made', bytes.toString('hex')]);
  });
});

describe('a machine that is to go', () => {
  it('says why it does not', async () => {
    const { deps } = world([server('locked', '2026-01-01')]);
    const told: string[] = [];
    const remove = () => Promise.reject(conflict('Instance locked is locked'));
    const refusing: Reconciling = {
      ...{ ...deps, provider: { ...deps.provider, remove } },
      tell: (_vm, type, reason, message) => told.push(`${type} ${reason}: ${message}`),
    };
    await assert.rejects(release(refusing, machine({ serverID: 'locked' })), /is locked/);
    assert.deepEqual(told, ['Warning NotDeleted: Instance locked is locked']);
  });
});

describe('two machines that name one server at once', () => {
  it('do not share it: deleting one would delete the other', async () => {
    const tags = new Set<string>();
    const pause = () => new Promise((resolve) => setTimeout(resolve, 5));
    const provider = makeKvm({
      ask: () => assert.fail('nothing but compute is asked'),
      async compute(method, path) {
        await pause();
        if (method === 'PUT') return void tags.add(path.split('/').at(-1) ?? '');
        return { server: { id: 's', metadata: { 'novacron.io:namespace': 'own' }, tags: [...tags] } };
      },
    });
    const ends = await Promise.allSettled(['a', 'b'].map((uid) => provider.adopt('s', { uid, namespace: 'own' })));
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
    assert.deepEqual([...tags], ['novacron-operator', 'novacron-uid-a']);
  });
});

describe('the networks of a machine', () => {
  const plugged = (name: string, networks: { id: string; shared?: boolean }[]) =>
    makePlugs({
      ask: async (_service, { path }) => ({
        ...{ status: 200, headers: {} },
        body: { networks: path.includes('?name=') ? networks : [] },
      }),
      compute: () => assert.fail('compute is not asked'),
    }).plug({ uid: 'u', wanted: { networks: [{ name, type: 'bridge' }] } } as never);
  const own = { id: 'own', shared: false };
  const theirs = { id: 'theirs', shared: true };

  it("are the project's own before those that others share under the same name", async () => {
    assert.deepEqual(await plugged('prod', [theirs, own]), [{ uuid: 'own' }]);
    assert.deepEqual(await plugged('default', [theirs, own]), [{ uuid: 'own' }]);
    assert.deepEqual(await plugged('public', [theirs]), [{ uuid: 'theirs' }]);
    assert.equal(await plugged('default', [theirs]), 'auto', 'nobody asked for that one');
    await assert.rejects(plugged('prod', [own, { id: 'another' }]), /several networks prod/);
    await assert.rejects(plugged('prod', [theirs, { ...theirs, id: 'another' }]), /several networks prod/);
  });
});
