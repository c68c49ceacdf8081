// What a flavor or an image asks for is given, or refused with the reason: never accepted and dropped.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { FakeDriver } from '../../src/virt/fake.ts';
import { engines } from '../support/database.ts';
import { imageFacts } from '../support/guest-spec.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const bad: readonly (readonly [string, string, string])[] = [
  ['hw_disk_bus', 'foo', 'Field value foo is invalid'],
  ['hw_vif_model', 'foo', 'Field value foo is invalid'],
  ['os_type', 'foo', 'Field value foo is invalid'],
  ['hw_serial_port_count', 'x', "invalid literal for int() with base 10: 'x'"],
  ['img_hv_type', 'foo', "Hypervisor virt type 'foo' is not valid"],
];

for (const engine of engines) {
  describe(`what is asked for on ${engine}`, () => {
    let servers: Servers;
    const quiesced: boolean[] = [];
    before(async () => {
      const wrap = (driver: FakeDriver): FakeDriver => ({
        ...driver,
        snapshot: (args) => {
          quiesced.push(args.quiesce);
          return (driver as Required<FakeDriver>).snapshot(args);
        },
      });
      const hosts = [{ name: 'host-1', wrap }];
      servers = await startServers({ engine, hosts, config: { ...testConfig, shutdownMs: 50 } });
    });
    after(() => servers.close());

    const imageWith = async (properties: Record<string, string>) => {
      const image = imageFacts({ properties });
      await servers.world.images.add(image);
      return image.id;
    };

    /** The reason of every host that refuses a server. */
    const reasonsFor = async (flavorRef: string, imageRef: string): Promise<string[]> => {
      const id = await servers.create({ flavorRef, imageRef });
      const server = await servers.show(id);
      assert.equal(server.status, 'ERROR');
      assert.match(server.fault.message, /^No valid host was found/);
      const body = { flavor_id: flavorRef, image_id: imageRef };
      const told = await servers.request('POST', '/os-xloud-scheduler/explain', { as: 'admin', body });
      assert.equal(told.status, 200, told.text);
      return told.body.hosts.flatMap((host: { refusals: { reason: string }[] }) =>
        host.refusals.map((one) => one.reason),
      );
    };

    it('refuses a bad property of an image at create, rebuild and rescue', async () => {
      const id = await servers.create();
      for (const [name, value, why] of bad) {
        const imageRef = await imageWith({ [name]: value });
        const answers = [
          await servers.post({ imageRef }),
          await servers.act(id, { rebuild: { imageRef } }),
          await servers.act(id, { rescue: { rescue_image_ref: imageRef } }),
        ];
        for (const { status, body, text } of answers) {
          assert.equal(status, 400, text);
          assert.equal(body.badRequest.message, `Invalid image metadata. Error: ${why}`);
        }
      }
      assert.equal((await servers.show(id)).status, 'ACTIVE');
    });

    it('refuses a resize to a flavor that contradicts the image', async () => {
      const id = await servers.create({ imageRef: await imageWith({ hw_tpm_version: '1.2' }) });
      assert.equal((await servers.show(id)).status, 'ACTIVE');
      await servers.world.flavor({ id: 'tpm2', vcpus: 2, memoryMb: 2048, specs: { 'hw:tpm_version': '2.0' } });
      const { status, body } = await servers.act(id, { resize: { flavorRef: 'tpm2' } });
      assert.equal(status, 400);
      assert.match(body.badRequest.message, /hw:tpm_version extra spec explicitly set to 2.0, conflicting with image/);
    });

    const lacking: readonly (readonly [Record<string, string>, string])[] = [
      [{ 'hw:mem_encryption': 'true' }, 'HW_CPU_X86_AMD_SEV'],
      [{ 'hw:ephemeral_encryption': 'true' }, 'COMPUTE_EPHEMERAL_ENCRYPTION'],
      [{ 'accel:device_profile': 'gpu' }, 'COMPUTE_ACCELERATORS'],
      [{ 'hw:viommu_model': 'smmuv3' }, 'COMPUTE_VIOMMU_MODEL_SMMUV3'],
      [{ 'hw:sound_model': 'virtio' }, 'COMPUTE_SOUND_MODEL_VIRTIO'],
      [{ 'hw:tpm_version': '2.0', 'hw:tpm_secret_security': 'user' }, 'COMPUTE_SECURITY_TPM_SECRET_SECURITY_USER'],
    ];
    for (const [specs, trait] of lacking) {
      it(`finds no host for ${JSON.stringify(specs)}, and says why`, async () => {
        const id = Object.values(specs).join('-');
        await servers.world.flavor({ id: `${trait}-${id}`.toLowerCase(), vcpus: 1, memoryMb: 512, specs });
        const reasons = await reasonsFor(`${trait}-${id}`.toLowerCase(), servers.imageId);
        assert.deepEqual([...new Set(reasons)], [`has no trait ${trait}`]);
      });
    }

    it('finds no host for persistent memory', async () => {
      await servers.world.flavor({ id: 'pmem', vcpus: 1, memoryMb: 512, specs: { 'hw:pmem': '6GB' } });
      assert.match((await reasonsFor('pmem', servers.imageId)).join(), /CUSTOM_PMEM_NAMESPACE_6GB/);
    });

    it('finds no host for an emulated machine that none has', async () => {
      const imageRef = await imageWith({ hw_emulation_architecture: 'aarch64' });
      assert.deepEqual(await reasonsFor(ELASTIC, imageRef), ['has no trait COMPUTE_ARCH_AARCH64']);
    });

    it('freezes a guest for its copy where its image insists', async () => {
      for (const properties of [{ os_require_quiesce: 'yes' }, {}] as Record<string, string>[]) {
        const id = await servers.create({ imageRef: await imageWith(properties) });
        const answer = await servers.act(id, { createImage: { name: 'copy' } });
        assert.equal(answer.status, 202, answer.text);
        await servers.world.settled();
      }
      assert.deepEqual(quiesced, [true, false]);
    });

    it('reads properties by their present names as by their older ones', async () => {
      for (const properties of [
        { img_root_device_name: '/dev/sdq', hw_auto_disk_config: 'yes' },
        { root_device_name: '/dev/sdq', auto_disk_config: 'yes' },
      ]) {
        const id = await servers.create({ imageRef: await imageWith(properties) });
        const shown = await servers.show(id, { as: 'admin', version: '2.3' });
        assert.deepEqual([shown['OS-EXT-SRV-ATTR:root_device_name'], shown['OS-DCF:diskConfig']], ['/dev/sdq', 'AUTO']);
      }
    });

    it('finds no host for a hypervisor that is newer than all', async () => {
      const reasons = await reasonsFor(ELASTIC, await imageWith({ img_hv_requested_version: '>=99.0' }));
      assert.deepEqual(reasons, ['has no hypervisor of version >=99.0']);
    });

    it('finds a host for every kind of guest that it has', async () => {
      for (const properties of [{ hypervisor_type: 'qemu' }, { architecture: 'i686' }, { img_hv_type: 'kvm' }]) {
        const id = await servers.create({ imageRef: await imageWith(properties) });
        assert.equal((await servers.show(id)).status, 'ACTIVE', JSON.stringify(properties));
      }
    });
  });
}
