// What flavors and images ask for, in a real libvirt: every word that is done is taken by it and stands in what it says of the domain.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { domainXml } from '../../src/virt/libvirt/config.ts';
import { type HypervisorConnection, openHypervisor } from '../../src/virt/libvirt/connection.ts';
import { placeOf } from '../../src/virt/libvirt/disks.ts';
import * as vir from '../../src/virt/libvirt/rpc/constants.ts';
import { type LibvirtHost, networkOf, nicOf, startHost } from '../support/libvirt-host.ts';
import { byProperty, bySpec, seen, type Words } from '../support/machine-words.ts';

/** libvirt's schema is asked too (VIR_DOMAIN_DEFINE_VALIDATE). */
const DEFINE_VALIDATE = 1;

describe('machines that flavors and images ask for, in a real libvirt', () => {
  let host: LibvirtHost;
  let connection: HypervisorConnection;
  before(async () => {
    host = await startHost();
    connection = await openHypervisor({ uri: host.libvirtd.uri, log: silentLog, clock: systemClock });
  });
  after(async () => {
    await connection?.close();
    await host?.close();
  });

  /** What libvirt says of the definition. */
  async function defined(extraSpecs: Words, properties: Words): Promise<string> {
    const image = { ...host.guestImages.root.facts, properties };
    const spec = host.spec({
      extraSpecs,
      nics: [nicOf(networkOf(9), 5)],
      ...{ kernel: null, ramdisk: null, disks: { image, rootGb: 1, ephemeralGb: 1, swapMb: 0 } },
    });
    const place = await placeOf(host.instancesDir, spec, { virtType: 'qemu', arch: 'x86_64', cpuModel: null });
    const xml = domainXml(spec, { ...place, screen: '127.0.0.1' });
    const domain = await connection.domainDefineXMLFlags(xml, DEFINE_VALIDATE);
    try {
      return await connection.domainGetXMLDesc(domain, vir.VIR_DOMAIN_XML_INACTIVE);
    } finally {
      await connection.domainUndefineFlags(domain, vir.VIR_DOMAIN_UNDEFINE_NVRAM);
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
