// Row 14 of the table of live adjustment. The old way showed guests the hypervisor's virtualisation, and vCPUs of the boot could not go away.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DOMParser } from '@xmldom/xmldom';
import { domainXml } from '../../src/virt/libvirt/config.ts';
import { type Adjusting, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { type Servers } from '../support/servers.ts';

const place = {
  ...({ virtType: 'kvm', arch: 'x86_64', cpuModel: null, kernel: null, ramdisk: null } as const),
  ...{ disks: [], consolePath: '/console.log' },
};

for (const engine of engines) {
  describe(`row 14: what the guest is made of, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    it('hides virtualisation, and every vCPU but the first can go', async () => {
      const id = await kit.elastic();
      const xml = new DOMParser().parseFromString(domainXml(kit.guest(id).spec, place), 'text/xml');
      const all = (name: string) => Array.from(xml.getElementsByTagName(name));
      const features = all('feature').map((one) => [one.getAttribute('name'), one.getAttribute('policy')]);
      assert.deepEqual(features, [
        ['vmx', 'disable'],
        ['svm', 'disable'],
      ]);
      const vcpus = all('vcpus')[0]?.getElementsByTagName('vcpu');
      assert.deepEqual(
        Array.from(vcpus ?? []).map((one) => [one.getAttribute('enabled'), one.getAttribute('hotpluggable')]),
        [
          ['yes', 'no'],
          ['no', 'yes'],
          ['no', 'yes'],
          ['no', 'yes'],
        ],
      );
      const [balloon] = all('memballoon');
      assert.deepEqual(
        [balloon?.getAttribute('autodeflate'), balloon?.getAttribute('freePageReporting')],
        ['on', 'on'],
      );
      assert.ok(Number(all('stats')[0]?.getAttribute('period')) > 0);
      await kit.remove(id);
    });
  });
}
