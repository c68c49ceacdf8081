// What boots a guest, and what guards it, on real guests: UEFI, secure boot, a TPM.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runInside } from '../support/inside.ts';
import { type LibvirtHost, startHost } from '../support/libvirt-host.ts';
import { seen } from '../support/machine-words.ts';

const INSIDE_MS = 180_000;

describe('firmware of real guests', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  before(async () => {
    host = await startHost();
  });
  after(() => host.close());

  const inside = (uuid: string, script: string) =>
    runInside((command) => host.askAgent(uuid, command), script, INSIDE_MS);
  const imageWith = (properties: Record<string, string>) => ({
    disks: { image: { ...host.guestImages.root.facts, properties }, rootGb: 1, ephemeralGb: 0, swapMb: 0 },
  });

  it('boots by UEFI where the image says so', async () => {
    const spec = host.spec(imageWith({ hw_firmware_type: 'uefi' }));
    await host.driver.spawn({ spec });
    await host.ready(spec.uuid);
    assert.equal((await inside(spec.uuid, 'test -d /sys/firmware/efi && echo uefi')).trim(), 'uefi');
    await host.driver.destroy({ uuid: spec.uuid });
    assert.deepEqual(await host.leftovers(spec.uuid), []);
  });

  it('starts with secure boot, a TPM and a watchdog', async () => {
    const extraSpecs = { 'os:secure_boot': 'required', 'hw:tpm_version': '2.0', 'hw:tpm_model': 'tpm-crb' };
    const spec = host.spec({
      ...imageWith({ hw_firmware_type: 'uefi', hw_watchdog_action: 'reset' }),
      ...{ extraSpecs, kernel: null, ramdisk: null },
    });
    await host.driver.spawn({ spec });
    const xml = await host.virsh('dumpxml', spec.uuid);
    assert.match(String(seen(xml, 'os/loader')), /OVMF_CODE.*\.fd$/);
    assert.equal(seen(xml, 'os/loader@secure'), 'yes');
    const monitored = await host.virsh('qemu-monitor-command', spec.uuid, '--hmp', 'info tpm');
    assert.match(monitored, /model=tpm-crb/);
    await host.driver.destroy({ uuid: spec.uuid });
    assert.deepEqual(await host.leftovers(spec.uuid), []);
  });
});
