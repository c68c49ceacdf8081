import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../../../../src/base/clock.ts';
import { internal } from '../../../../src/base/errors.ts';
import { chooseVirtType, meansOf, PROBE_WORDS, type ProbeDeps } from '../../../../src/virt/libvirt/probe.ts';
import { attributeOf, readXml } from '../../../../src/virt/libvirt/xml.ts';
import type { LibvirtCalls } from '../../../../src/virt/libvirt/rpc/procedures.ts';

const capabilities = (arch: string, types: readonly string[]) =>
  `<capabilities><host><cpu><arch>${arch}</arch></cpu></host><guest><arch name='${arch}'>${types
    .map((type) => `<domain type='${type}'/>`)
    .join('')}</arch></guest></capabilities>`;
const domain = { name: 'probe', uuid: '00000000-0000-0000-0000-000000000000', id: 1 };

describe('KVM or not', () => {
  const choose = async (
    wanted: 'auto' | 'kvm' | 'qemu',
    cpuinfo: string,
    probe: (serialPath: string) => Promise<unknown>,
    types: readonly string[] = ['qemu', 'kvm'],
  ) => {
    const dir = await mkdtemp(join(tmpdir(), 'xloud-probe-'));
    let destroyed = 0;
    const calls = {
      connectGetCapabilities: () => Promise.resolve(capabilities('x86_64', types)),
      domainCreateXML: async (xml: string) => {
        await probe(attributeOf(readXml(xml), 'devices/serial/source', 'path') as string);
        return domain;
      },
      domainGetInfo: () => Promise.resolve({}),
      domainDestroyFlags: () => Promise.resolve(void destroyed++),
    } as unknown as LibvirtCalls;
    const late = { now: () => Date.now() * 1000, sleep: (ms: number) => systemClock.sleep(ms) };
    const deps: ProbeDeps = { calls, dir, cpuModel: null, clock: late, readCpuinfo: () => Promise.resolve(cpuinfo) };
    try {
      const choice = await chooseVirtType(deps, wanted);
      assert.deepEqual(await readdir(dir), [], 'nothing is left of the probe');
      return { ...choice, destroyed };
    } finally {
      await rm(dir, { recursive: true });
    }
  };
  const never = () => Promise.reject(new Error('no probe was due'));
  const vmx = 'flags\t\t: fpu vme vmx sse\n';

  it('takes what the configuration says, and says so', async () => {
    assert.equal((await choose('kvm', '', never)).virtType, 'kvm');
    const choice = await choose('qemu', vmx, never);
    assert.deepEqual([choice.virtType, choice.reason], ['qemu', 'virt_type is qemu in the configuration']);
  });

  it('takes KVM where the processor shows it and a guest ran', async () => {
    const choice = await choose('auto', vmx, (serial) => writeFile(serial, `${PROBE_WORDS}\r\n`));
    assert.deepEqual([choice.virtType, choice.destroyed], ['kvm', 1]);
    assert.match(choice.reason, /shows vmx and a probe guest ran/);
  });

  it('does not where /dev/kvm is there and the processor shows nothing', async () => {
    const choice = await choose('auto', 'flags\t\t: fpu vme svme\n', never);
    assert.equal(choice.virtType, 'qemu');
    assert.match(choice.reason, /does not show vmx or svm/);
  });

  it('does not where libvirt offers none', async () => {
    assert.match((await choose('auto', vmx, never, ['qemu'])).reason, /libvirt offers none/);
  });

  it('does not where the guest does not start, or starts and says nothing', async () => {
    const dead = await choose('auto', vmx, () => Promise.reject(internal('failed to set MSR 0x10a')));
    assert.equal(dead.virtType, 'qemu');
    assert.match(dead.reason, /shows vmx, but a probe guest did not run: failed to set MSR 0x10a/);
    const dumb = await choose('auto', vmx, () => Promise.resolve());
    assert.deepEqual([dumb.virtType, dumb.destroyed], ['qemu', 1]);
    assert.match(dumb.reason, /said nothing/);
  });

  it('knows the means of other architectures', () => {
    assert.equal(meansOf('x86_64', 'flags : a svm b'), 'svm');
    assert.equal(meansOf('s390x', 'features\t: esan3 sie te'), 'sie');
    assert.equal(meansOf('ppc64le', 'platform\t: pSeries'), null);
    assert.equal(meansOf('riscv64', 'isa : rv64imafdch_zicsr'), 'h');
    assert.equal(meansOf('riscv64', 'isa : rv64imafdc'), null);
    assert.match(meansOf('aarch64', '') ?? '', /aarch64/);
  });
});
