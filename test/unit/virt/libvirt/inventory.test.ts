import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryMethodsOf, readCapabilities } from '../../../../src/virt/libvirt/inventory.ts';

describe('host facts', () => {
  it("reads CPU and NUMA cells from libvirt's capabilities", () => {
    const facts = readCapabilities(`<capabilities><host>
      <cpu><arch>x86_64</arch><model>EPYC</model><vendor>AMD</vendor><topology sockets='2' dies='1' cores='4' threads='2'/>
        <feature name='aes'/><feature name='svm'/></cpu>
      <topology><cells num='2'>
        <cell id='0'><memory unit='KiB'>2097152</memory><pages unit='KiB' size='4'>524288</pages>
          <pages unit='KiB' size='2048'>3</pages><cpus num='2'><cpu id='0' socket_id='0' siblings='0,2'/>
          <cpu id='2' siblings='0,2'/></cpus></cell>
        <cell id='1'><memory unit='KiB'>1048576</memory><cpus num='1'><cpu id='1' socket_id='1'/></cpus></cell>
      </cells></topology></host></capabilities>`);
    assert.deepEqual(facts, {
      cpu: {
        ...{ arch: 'x86_64', model: 'EPYC', vendor: 'AMD', features: ['aes', 'svm'] },
        topology: { cells: 2, sockets: 2, cores: 4, threads: 2 },
      },
      numaCells: [
        {
          ...{ id: 0, cpus: [0, 2], memoryMb: 2048, cores: [[0, 2]] },
          pages: [
            { sizeKib: 4, total: 524_288 },
            { sizeKib: 2048, total: 3 },
          ],
        },
        // node 0 does not tell the socket of all its processors
        { id: 1, cpus: [1], memoryMb: 1024, socket: 1 },
      ],
    });
  });

  it('does without what a host does not tell', () => {
    const { cpu, numaCells } = readCapabilities(
      '<capabilities><host><cpu><arch>riscv64</arch></cpu></host></capabilities>',
    );
    assert.deepEqual([cpu.arch, cpu.model, cpu.features, numaCells], ['riscv64', '', [], []]);
    assert.deepEqual(cpu.topology, { cells: 1, sockets: 1, cores: 1, threads: 1 });
  });

  it('tells virtio-mem where libvirt and QEMU have it and its blocks are known', () => {
    const plugs = (...words: [string, number, number]) => memoryMethodsOf(...words).includes('virtio-mem');
    assert.ok(plugs('x86_64', 9_000_000, 7_002_022));
    assert.ok(plugs('x86_64', 7_009_000, 5_001_000));
    assert.ok(!plugs('x86_64', 7_008_999, 7_002_022));
    assert.ok(!plugs('x86_64', 9_000_000, 5_000_999));
    assert.deepEqual(memoryMethodsOf('aarch64', 9_000_000, 7_002_022), ['balloon']);
  });
});
