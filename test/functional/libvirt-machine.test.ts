// What flavors and images ask for, in a real libvirt: every word that is done is taken by it and stands in what it says of the domain.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { domainXml } from '../../src/virt/libvirt/config.ts';
import { placeOf } from '../../src/virt/libvirt/disks.ts';
import { type LibvirtHost, networkOf, nicOf, startHost } from '../support/libvirt-host.ts';
import { byProperty, bySpec, seen, type Words } from '../support/machine-words.ts';

describe('machines that flavors and images ask for, in a real libvirt', () => {
  let host: LibvirtHost;
  before(async () => {
    host = await startHost();
  });
  after(() => host.close());

  /** What libvirt says of the definition. */
  async function defined(extraSpecs: Words, properties: Words): Promise<string> {
    const image = { ...host.guestImages.root.facts, properties };
    const spec = host.spec({
      extraSpecs,
      nics: [nicOf(networkOf(9), 5)],
      ...{ kernel: null, ramdisk: null, disks: { image, rootGb: 1, ephemeralGb: 1, swapMb: 0 } },
    });
    const place = await placeOf(host.instancesDir, spec, { virtType: 'qemu', arch: 'x86_64', cpuModel: null });
    const path = join(host.instancesDir, 'domain.xml');
    await writeFile(path, domainXml(spec, { ...place, screen: '127.0.0.1' }));
    await host.virsh('define', '--validate', path);
    try {
      return await host.virsh('dumpxml', '--inactive', spec.uuid);
    } finally {
      await host.virsh('undefine', '--nvram', spec.uuid);
    }
  }

  for (const [words, path, value] of bySpec) {
    it(`takes ${JSON.stringify(words)}`, async () => {
      assert.equal(seen(await defined(words, {}), path), value);
    });
  }
  for (const [words, path, value] of byProperty) {
    it(`takes ${JSON.stringify(words)}`, async () => {
      assert.equal(seen(await defined({}, words), path), value);
    });
  }
});
