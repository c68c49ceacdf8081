// What a host does before QEMU opens a volume: shares are mounted by names that are names, and keys reach libvirt alone.

import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Fault, internal } from '../../../../src/base/errors.ts';
import { makeMutex } from '../../../../src/base/mutex.ts';
import type { Run } from '../../../../src/base/run.ts';
import type { VolumeDisk } from '../../../../src/domain/servers/server-volumes.ts';
import type { NfsSource, VolumeSource } from '../../../../src/domain/servers/volume-source.ts';
import { volumePlan } from '../../../../src/virt/libvirt/disks.ts';
import { diskXml } from '../../../../src/virt/libvirt/machine/disk.ts';
import { libvirtFault, virError } from '../../../../src/virt/libvirt/errors.ts';
import type { SecretRef } from '../../../../src/virt/libvirt/rpc/types.ts';
import {
  leaveVolume,
  readConnector,
  type ReachDeps,
  reachVolume,
  volumesWithSecret,
} from '../../../../src/virt/libvirt/volume-reach.ts';
import { fileOf } from '../../../../src/virt/libvirt/volume-source.ts';

const ID = '0f2f5f0a-8f0e-4a43-9f3c-0c8d0a5f4d11';
const SECRET = '457eb676-33da-42ec-9a8c-9293d545c337';
const disk = (source: VolumeSource): VolumeDisk => ({
  ...{ volumeId: ID, readonly: false, bus: 'virtio', name: 'vdb', limits: {}, bootIndex: null },
  ...source,
});
const nfs: NfsSource = {
  kind: 'nfs',
  share: '10.0.0.9:/srv/a b',
  options: 'vers=4.2',
  file: `volume-${ID}`,
  format: 'raw',
};
const rbd = { kind: 'rbd', image: 'v/v', monitors: [], auth: { user: 'cinder', secretUuid: SECRET } } as const;
const iscsi = {
  ...({ kind: 'iscsi', portal: { host: 'a', port: 1 }, target: 'iqn.2010-10.org:v', lun: 3 } as const),
  ...{ initiator: 'iqn.2008-11.org:node', chap: { user: 'u', password: 'hidden' } },
};

const NOTHING = { str1: null, str2: null, str3: null, int1: 0, int2: 0 };
const noSecret = () =>
  libvirtFault('lookup', { code: virError.VIR_ERR_NO_SECRET, domain: 30, level: 2, message: 'none', ...NOTHING });

/** A libvirt that keeps secrets. */
function secrets(given: readonly SecretRef[] = []) {
  const known = new Map(given.map((one) => [one.uuid, one]));
  const values = new Map<string, string>();
  const defined: string[] = [];
  const connection = {
    async secretLookupByUUID(uuid: string) {
      const found = known.get(uuid);
      if (found === undefined) throw noSecret();
      return found;
    },
    async secretDefineXML(xml: string) {
      defined.push(xml);
      const uuid = /<uuid>(.*)<\/uuid>/.exec(xml)?.[1] ?? '';
      const usage = /<(?:name|target)>(.*)<\/(?:name|target)>/.exec(xml)?.[1] ?? '';
      known.set(uuid, { uuid, usageType: 2, usage });
      return known.get(uuid) as SecretRef;
    },
    async secretSetValue({ uuid }: SecretRef, value: Uint8Array) {
      values.set(uuid, Buffer.from(value).toString('base64'));
    },
    async secretUndefine({ uuid }: SecretRef) {
      known.delete(uuid);
      values.delete(uuid);
    },
  } as unknown as ReachDeps['connection'];
  return { connection, known, values, defined };
}

describe('what a volume needs on its host', () => {
  let dir = '';
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'xloud-reach-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const depsOf = (run: Run, connection = secrets().connection): ReachDeps => ({
    ...{ connection, run, instancesDir: dir, cephDir: join(dir, 'ceph'), mounts: makeMutex() },
    keeper: { give: async () => undefined } as unknown as ReachDeps['keeper'],
  });
  const never: Run = async () => assert.fail('a program was started');

  it('is the share of its file, mounted', async () => {
    const asked: (readonly string[])[] = [];
    const path = fileOf(dir, nfs);
    const run: Run = async (file, args) => {
      asked.push([file, ...args]);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, '');
      return '';
    };
    await reachVolume(depsOf(run), disk(nfs));
    assert.deepEqual(asked, [['mount', '-t', 'nfs', '-o', 'vers=4.2', '--', '10.0.0.9:/srv/a b', dirname(path)]]);
    await rm(path);
    await assert.rejects(
      reachVolume(
        depsOf(async () => ''),
        disk(nfs),
      ),
      /has no file volume-/,
    );
  });

  it('is refused where the share cannot be mounted, with what mount said', async () => {
    const run: Run = async () => {
      throw internal('mount failed: unknown filesystem type');
    };
    await assert.rejects(reachVolume(depsOf(run), disk(nfs)), (error: Fault) => {
      assert.equal(error.kind, 'conflict');
      return /cannot be reached from this host: share .* is not mounted at \/.*_mounts\/[0-9a-f]{32} \(.*unknown filesystem type/.test(
        error.message,
      );
    });
    for (const odd of [
      { share: '-o:/x' },
      { share: '/srv' },
      { share: 'a:b' },
      { options: '-o x' },
      { options: 'a;b' },
    ])
      await assert.rejects(
        reachVolume(depsOf(never), disk({ ...nfs, ...odd })),
        /no place|no options/,
        JSON.stringify(odd),
      );
  });

  it("is the key of Ceph's user, of the keyring that the host has, where the operator gave libvirt none", async () => {
    const libvirt = secrets();
    await assert.rejects(reachVolume(depsOf(never, libvirt.connection), disk(rbd)), /no secret with the key of cinder/);
    await mkdir(join(dir, 'ceph'));
    const ring = join(dir, 'ceph', 'ceph.client.cinder.keyring');
    await writeFile(ring, '[client.cinder]\n\tcaps mon = "profile rbd"\n');
    await assert.rejects(reachVolume(depsOf(never, libvirt.connection), disk(rbd)), /has no key/);
    await writeFile(ring, '[client.cinder]\n\tkey = AQBhc2Rm\n');
    for (const _again of [1, 2]) await reachVolume(depsOf(never, libvirt.connection), disk(rbd));
    assert.deepEqual([...libvirt.values], [[SECRET, 'AQBhc2Rm']]);
    assert.match(libvirt.defined[0] ?? '', /^<secret ephemeral="yes" private="yes"><uuid>/);
    assert.doesNotMatch(libvirt.defined.join(), /AQBhc2Rm/);
    const odd = { ...rbd, auth: { user: '../../x', secretUuid: SECRET } };
    await assert.rejects(reachVolume(depsOf(never), disk(odd)), /has no name/);
    await reachVolume(depsOf(never), disk({ ...rbd, auth: null }));
  });

  it("is never the operator's own secret with another value", async () => {
    const libvirt = secrets([{ uuid: SECRET, usageType: 2, usage: 'client.cinder secret' }]);
    await reachVolume(depsOf(never, libvirt.connection), disk(rbd));
    assert.deepEqual([...libvirt.values, ...libvirt.defined], []);
    await leaveVolume({ connection: libvirt.connection }, SECRET);
    assert.equal(libvirt.known.size, 1);
  });

  it('is the password of its target, until it leaves', async () => {
    const libvirt = secrets();
    await reachVolume(depsOf(never, libvirt.connection), disk(iscsi));
    assert.deepEqual([...libvirt.values], [[ID, Buffer.from('hidden').toString('base64')]]);
    await leaveVolume({ connection: libvirt.connection }, ID);
    await leaveVolume({ connection: libvirt.connection }, ID);
    assert.equal(libvirt.known.size, 0);
    const xml = (source: VolumeSource) => diskXml(volumePlan(dir, disk(source), false));
    const domain = `<domain><devices>${xml(iscsi)}${xml(rbd)}${xml({ ...iscsi, chap: null })}</devices></domain>`;
    assert.deepEqual(volumesWithSecret(domain), [ID]);
  });

  it("is known by the host's own initiator, or by the one that QEMU takes", async () => {
    const file = join(dir, 'initiatorname.iscsi');
    await writeFile(file, '## a comment\nInitiatorName=iqn.1993-08.org.debian:01:abc\n');
    assert.equal((await readConnector('Node_1', file)).initiator, 'iqn.1993-08.org.debian:01:abc');
    assert.equal((await readConnector('Node_1', join(dir, 'none'))).initiator, 'iqn.2008-11.org.linux-kvm:node-1');
  });
});
