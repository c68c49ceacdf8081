import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { diskName } from '../../../../src/domain/servers/disk-name.ts';
import { buildSpec, namesOf, rootDeviceName, sanitizeHostname } from '../../../../src/domain/servers/build-spec.ts';
import { maximumOf, minimumOf } from '../../../../src/domain/machines/flavors.ts';
import { aServer } from '../../../support/samples.ts';

const rest = {
  metadata: { a: 'b' },
  nics: [],
  volumes: [],
  numa: null,
  hostDevices: [],
  kernel: null,
  ramdisk: null,
  keyType: 'ssh',
  adminPass: 'secret',
  projectName: 'demo',
  files: [],
};

describe('host names', () => {
  it('follow Nova', () => {
    const cases: readonly [string, string][] = [
      ['My Server.1_x', 'my-server-1-x'],
      ['日本', ''],
      ['-é²-', 'é²'],
      ['a'.repeat(70), 'a'.repeat(63)],
      ['..--', ''],
      ['a/b&c<d>', 'abcd'],
      ['x\u0000\n\u{1F600}y', 'xy'],
    ];
    for (const [name, hostname] of cases) assert.equal(sanitizeHostname(name), hostname, JSON.stringify(name));
  });

  it('are safe whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const hostname = sanitizeHostname(name);
        assert.match(hostname, /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?)?$/u);
        assert.ok(hostname.length <= 63);
        assert.equal(sanitizeHostname(hostname), hostname, 'twice is once');
      }),
    );
  });

  it('are numbered when there are several', () => {
    assert.deepEqual(namesOf('Web', 'u', 0, 1), { displayName: 'Web', hostname: 'web' });
    assert.deepEqual(namesOf('Web', 'u', 1, 3), { displayName: 'Web-2', hostname: 'web-2' });
    assert.deepEqual(namesOf('日', 'u', 0, 1), { displayName: '日', hostname: 'Server-u' });
  });
});

describe('device names', () => {
  it('count in letters', () => {
    assert.deepEqual(
      [0, 25, 26, 701, 702].map((index) => diskName('virtio', index)),
      ['vda', 'vdz', 'vdaa', 'vdzz', 'vdaaa'],
    );
    assert.equal(diskName('sata', 1), 'sdb');
    assert.equal(diskName('ide', 0), 'hda');
    assert.equal(rootDeviceName(null), '/dev/vda');
  });

  it('are all different', () => {
    fc.assert(
      fc.property(fc.nat(20_000), fc.nat(20_000), (a, b) => {
        assert.equal(diskName('virtio', a) === diskName('virtio', b), a === b);
      }),
    );
  });
});

describe('buildSpec', () => {
  it('is whole and plain, and the same for the same server', () => {
    const server = aServer({ configDrive: true, keyName: 'k', keyData: 'ssh-ed25519 AAAA', userData: 'I2Nsb3Vk' });
    const spec = buildSpec({ server, ...rest });
    assert.deepEqual(structuredClone(spec), buildSpec({ server, ...rest }));
    assert.deepEqual(spec.boot, { vcpus: 1, memoryMb: 256 });
    assert.deepEqual(spec.maximum, { vcpus: 4, memoryMb: 1024 });
    assert.equal(spec.configDrive?.publicKey, 'ssh-ed25519 AAAA');
    assert.equal(spec.configDrive?.keyType, 'ssh');
    assert.equal(spec.configDrive?.projectName, 'demo');
    assert.equal(spec.configDrive?.availabilityZone, 'nova');
  });

  it('hands out no secret without a config drive', () => {
    const spec = buildSpec({ server: aServer({ userData: 'I2Nsb3Vk' }), ...rest });
    assert.equal(spec.configDrive, null);
    assert.ok(!JSON.stringify(spec).includes('secret'));
  });

  it('boots within the bounds whatever the row says', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (bootVcpus, bootMemoryMb) => {
        const server = aServer({ bootVcpus, bootMemoryMb });
        const { boot } = buildSpec({ server, ...rest });
        const [low, high] = [minimumOf(server.flavor), maximumOf(server.flavor)];
        assert.ok(boot.vcpus >= low.vcpus && boot.vcpus <= high.vcpus);
        assert.ok(boot.memoryMb >= low.memoryMb && boot.memoryMb <= high.memoryMb);
      }),
    );
  });
});
