// The bytes were recorded between Debian's own virsh and libvirtd 9.0; where virsh uses an older call than we do, they are
// put together from remote_protocol.x.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeEvent } from '../../../../../src/virt/libvirt/rpc/events.ts';
import { type Procedure, procedures } from '../../../../../src/virt/libvirt/rpc/procedures.ts';
import { readRemoteError } from '../../../../../src/virt/libvirt/rpc/types.ts';
import { XdrReader, XdrWriter } from '../../../../../src/virt/libvirt/rpc/xdr.ts';

const domain = { name: 'd1', uuid: '11111111-2222-4333-8444-555566667777', id: 1 };
const dom = '00000002643100001111111122224333844455556666777700000001';
const network = { name: 'n1', uuid: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeffff0001' };
const net = '000000026e310000aaaaaaaabbbb4ccc8dddeeeeffff0001';
const nwfilter = { name: 'f1', uuid: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeffff0002' };
const flt = '0000000266310000aaaaaaaabbbb4ccc8dddeeeeffff0002';
const secret = { uuid: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeffff0003', usageType: 2, usage: 's1' };
const sec = 'aaaaaaaabbbb4ccc8dddeeeeffff0003000000020000000273310000';
const host = "<host mac='52:54:00:00:00:01' ip='192.168.77.11'/>";
const hostHex =
  '000000323c686f7374206d61633d2735323a35343a30303a30303a30303a3031272069703d273139322e3136382e37372e3131272f3e0000';
/** `<a/>` as a string. */
const xml = '000000043c612f3e';

type Golden = readonly [args: readonly unknown[], request: string, reply: string, value: unknown];

const golden: Readonly<Record<keyof typeof procedures, Golden>> = {
  connectGetType: [[], '', '0000000451454d55', 'QEMU'],
  connectGetVersion: [[], '', '00000000006ad7a6', 7_002_022],
  connectGetLibVersion: [[], '', '0000000000895440', 9_000_000],
  connectGetHostname: [[], '', '00000012636f6d707574652d756e6465722d746573740000', 'compute-under-test'],
  connectGetCapabilities: [[], '', xml, '<a/>'],
  connectGetDomainCapabilities: [
    [null, 'x86_64', null, 'qemu'],
    '0000000000000001000000067838365f3634000000000000000000010000000471656d7500000000',
    ...([xml, '<a/>'] as const),
  ],
  connectBaselineCpu: [[['<a/>'], 1], `00000001${xml}00000001`, xml, '<a/>'],
  connectCompareHypervisorCPU: [
    [null, 'x86_64', null, 'qemu', '<a/>', 1],
    `0000000000000001000000067838365f3634000000000000000000010000000471656d75${xml}00000001`,
    ...(['00000002', 2] as const),
  ],
  connectGetSysinfo: [[], '00000000', xml, '<a/>'],
  connectSupportsFeature: [[10], '0000000a', '00000001', true],
  nodeGetInfo: [
    [],
    '',
    `0000007800000038000000360000005f0000003600000034${'00000000'.repeat(26)}00000000005d68d8000000020000098d00000001000000010000000200000001`,
    {
      ...{ model: 'x86_64', memoryKib: 6_121_688, cpus: 2, mhz: 2445 },
      ...{ nodes: 1, sockets: 1, cores: 2, threads: 1 },
    },
  ],
  nodeGetFreeMemory: [[], '', '000000012451b000', 4_904_300_544],
  nodeGetMemoryStats: [
    [],
    '00000004ffffffff00000000',
    '0000000400000005746f74616c000000000000000178a64000000004667265650000000001640f3c0000000762756666657273000000000000001d900000000663616368656400000000000000098fec00000000',
    { total: 24_684_096, free: 23_334_716, buffers: 7_568, cached: 626_668 },
  ],
  connectListAllNodeDevices: [
    [2],
    '0000000100000002',
    '00000001000000107063695f303030305f38315f30305f3000000001',
    ['pci_0000_81_00_0'],
  ],
  nodeDeviceGetXMLDesc: [['d1'], '000000026431000000000000', xml, '<a/>'],
  connectListAllDomains: [[3], '0000000100000003', `00000001${dom}00000001`, [domain]],
  connectGetAllDomainStats: [
    [[domain], 5],
    `00000001${dom}0000000500000000`,
    `00000001${dom}000000020000000b73746174652e73746174650000000001000000010000000c73746174652e726561736f6e0000000100000005`,
    [{ domain, params: { 'state.state': 1, 'state.reason': 5 } }],
  ],
  domainLookupByUUID: [[domain.uuid], '11111111222243338444555566667777', dom, domain],
  domainLookupByName: [['d1'], '0000000264310000', dom, domain],
  domainDefineXMLFlags: [['<a/>', 1], `${xml}00000001`, dom, domain],
  domainGetSchedulerType: [[domain], dom, '00000005706f73697800000000000009', { type: 'posix', parameters: 9 }],
  domainCreateXML: [['<a/>'], `${xml}00000000`, dom, domain],
  domainCreateWithFlags: [[domain, 1], `${dom}00000001`, dom, domain],
  domainDestroyFlags: [[domain], `${dom}00000000`, '', undefined],
  domainUndefineFlags: [
    [{ ...domain, id: -1 }],
    '000000026431000011111111222243338444555566667777ffffffff00000000',
    ...(['', undefined] as const),
  ],
  domainShutdownFlags: [[domain, 1], `${dom}00000001`, '', undefined],
  domainReboot: [[domain, 1], `${dom}00000001`, '', undefined],
  domainReset: [[domain], `${dom}00000000`, '', undefined],
  domainSuspend: [[domain], dom, '', undefined],
  domainResume: [[domain], dom, '', undefined],
  domainInjectNMI: [[domain], `${dom}00000000`, '', undefined],
  domainSetUserPassword: [
    [domain, 'root', 'pw'],
    `${dom}0000000100000004726f6f7400000001000000027077000000000000`,
    ...(['', undefined] as const),
  ],
  domainManagedSave: [[domain], `${dom}00000000`, '', undefined],
  domainGetInfo: [
    [domain],
    dom,
    '000000010000000000010000000000000001000000000001000000001f972880',
    { state: 1, maxMemKib: 65_536, memoryKib: 65_536, vcpus: 1, cpuTimeNs: 530_000_000 },
  ],
  domainGetState: [[domain], `${dom}00000000`, '0000000100000001', { state: 1, reason: 1 }],
  domainGetXMLDesc: [[domain, 2], `${dom}00000002`, xml, '<a/>'],
  domainSetVcpusFlags: [[domain, 2, 1], `${dom}0000000200000001`, '', undefined],
  domainGetVcpusFlags: [[domain, 1], `${dom}00000001`, '00000002', 2],
  domainSetGuestVcpus: [[domain, '1', false], `${dom}00000001310000000000000000000000`, '', undefined],
  domainGetGuestVcpus: [
    [domain],
    `${dom}00000000`,
    '000000020000000576637075730000000000000700000003302d330000000006' + '6f6e6c696e6500000000000700000003302d3100',
    { vcpus: '0-3', online: '0-1' },
  ],
  domainSetVcpu: [[domain, '3', true, 1], `${dom}00000001330000000000000100000001`, '', undefined],
  domainSetMemoryFlags: [[domain, 49_152, 1], `${dom}000000000000c00000000001`, '', undefined],
  domainSetMemoryStatsPeriod: [[domain, 2, 1], `${dom}0000000200000001`, '', undefined],
  domainMemoryStats: [
    [domain],
    `${dom}0000000d00000000`,
    '0000000300000006000000000001000000000009000000000000000000000007000000000000b2b4',
    { actualKib: 65_536, lastUpdateSeconds: 0, rssKib: 45_748 },
  ],
  domainBlockResize: [
    [domain, 'vdb', 1_073_741_824, 1],
    `${dom}00000003766462000000000040000000` + '00000001',
    '',
    undefined,
  ],
  domainAttachDeviceFlags: [[domain, '<a/>', 1], `${dom}${xml}00000001`, '', undefined],
  domainDetachDeviceFlags: [[domain, '<a/>', 3], `${dom}${xml}00000003`, '', undefined],
  domainDetachDeviceAlias: [[domain, 'net0', 1], `${dom}000000046e65743000000001`, '', undefined],
  domainUpdateDeviceFlags: [[domain, '<a/>', 1], `${dom}${xml}00000001`, '', undefined],
  domainGetJobInfo: [
    [domain],
    dom,
    `00000002${Array.from({ length: 11 }, (_, index) => (index + 1).toString(16).padStart(16, '0')).join('')}`,
    {
      ...{ type: 2, timeElapsedMs: 1, timeRemainingMs: 2, dataTotal: 3, dataProcessed: 4, dataRemaining: 5 },
      ...{ memTotal: 6, memProcessed: 7, memRemaining: 8, fileTotal: 9, fileProcessed: 10, fileRemaining: 11 },
    },
  ],
  domainGetJobStats: [
    [domain, 1],
    `${dom}00000001`,
    '00000003000000010000000773756363657373000000000600000001',
    { type: 3, params: { success: true } },
  ],
  domainAbortJob: [[domain], dom, '', undefined],
  domainMigratePerform3Params: [
    [
      domain,
      '<a/>',
      [
        ['b', 'ullong', 5],
        ['p', 'int', 2],
        ['x', 'string', '<a/>'],
      ] as const,
      3,
    ],
    `${dom}00000001${xml}` +
      '00000003' +
      '0000000162000000' +
      '000000040000000000000005' +
      '0000000170000000' +
      '0000000100000002' +
      '0000000178000000' +
      `00000007${xml}` +
      '0000000000000003',
    '0000000461626364',
    undefined,
  ],
  domainMigrateSetMaxDowntime: [[domain, 500], `${dom}00000000000001f400000000`, '', undefined],
  domainMigrateStartPostCopy: [[domain], `${dom}00000000`, '', undefined],
  domainListAllCheckpoints: [
    [domain],
    `${dom}0000000100000000`,
    ...([`000000010000000263310000${dom}00000001`, ['c1']] as const),
  ],
  domainCheckpointDelete: [[domain, 'c1', 2], `0000000263310000${dom}00000002`, '', undefined],
  domainBackupBegin: [[domain, '<a/>', null, 1], `${dom}${xml}0000000000000001`, '', undefined],
  domainInterfaceAddresses: [
    [domain, 2],
    `${dom}0000000200000000`,
    '000000010000000476696630' +
      '00000001' +
      '0000000261610000' +
      '00000001' +
      '0000000000000007312e322e332e340000000018',
    [{ name: 'vif0', mac: 'aa', addresses: [{ family: 4, address: '1.2.3.4', prefix: 24 }] }],
  ],
  domainQemuMonitorCommand: [
    [domain, '{"execute":"query-yank"}'],
    `${dom}000000187b2265786563757465223a2271756572792d79616e6b227d00000000`,
    '000000027b7d0000',
    '{}',
  ],
  domainQemuAgentCommand: [
    [domain, '{"execute":"guest-ping"}', 1],
    `${dom}000000187b2265786563757465223a2267756573742d70696e67227d0000000100000000`,
    '00000001000000027b7d0000',
    '{}',
  ],
  connectListAllNetworks: [[3], '0000000100000003', `00000001${net}00000001`, [network]],
  networkLookupByUUID: [[network.uuid], 'aaaaaaaabbbb4ccc8dddeeeeffff0001', net, network],
  networkLookupByName: [['n1'], '000000026e310000', net, network],
  networkDefineXML: [['<a/>'], xml, net, network],
  networkCreate: [[network], net, '', undefined],
  networkDestroy: [[network], net, '', undefined],
  networkUndefine: [[network], net, '', undefined],
  networkUpdate: [[network, 3, 4, -1, host, 3], `${net}0000000300000004ffffffff${hostHex}00000003`, '', undefined],
  networkGetXMLDesc: [[network], `${net}00000000`, xml, '<a/>'],
  networkIsActive: [[network], net, '00000001', true],
  networkSetAutostart: [[network, true], `${net}00000001`, '', undefined],
  networkGetDHCPLeases: [
    [network, '52:54:00:00:00:01'],
    `${net}000000010000001135323a35343a30303a30303a30303a30310000000000000100000000`,
    '00000001' +
      '0000000276620000' +
      '00000000692b2080' +
      '00000000' +
      '0000000100000002616100000000' +
      '0000' +
      '0000000131000000' +
      '00000018' +
      '00000000' +
      '00000000' +
      '00000001',
    [
      {
        ...{ bridge: 'vb', expirySeconds: 1_764_434_048, family: 4, mac: 'aa', iaid: null, address: '1', prefix: 24 },
        ...{ hostname: null, clientId: null },
      },
    ],
  ],
  connectListAllNWFilters: [[], '0000000100000000', `00000001${flt}00000001`, [nwfilter]],
  nwfilterLookupByUUID: [[nwfilter.uuid], 'aaaaaaaabbbb4ccc8dddeeeeffff0002', flt, nwfilter],
  nwfilterLookupByName: [['f1'], '0000000266310000', flt, nwfilter],
  nwfilterGetXMLDesc: [[nwfilter], `${flt}00000000`, xml, '<a/>'],
  nwfilterDefineXML: [['<a/>'], xml, flt, nwfilter],
  nwfilterUndefine: [[nwfilter], flt, '', undefined],
  secretLookupByUUID: [[secret.uuid], 'aaaaaaaabbbb4ccc8dddeeeeffff0003', sec, secret],
  secretDefineXML: [['<a/>'], `${xml}00000000`, sec, secret],
  secretSetValue: [[secret, Buffer.from([1, 2, 3])], `${sec}000000030102030000000000`, '', undefined],
  secretUndefine: [[secret], sec, '', undefined],
};

describe('the table of procedures', () => {
  for (const [name, [args, request, reply, value]] of Object.entries(golden)) {
    it(`${name} has libvirt's bytes`, () => {
      const procedure = procedures[name as keyof typeof procedures] as unknown as Procedure<readonly unknown[]>;
      const writer = new XdrWriter();
      procedure.encode(writer, ...args);
      assert.equal(writer.finish().toString('hex'), request);
      const reader = new XdrReader(Buffer.from(reply, 'hex'));
      assert.deepEqual(procedure.decode(reader), value);
      reader.end();
    });
  }

  it('gives no number twice', () => {
    const numbers = Object.values(procedures).map(({ program, number }) => `${program}:${number}`);
    assert.equal(new Set(numbers).size, numbers.length);
  });
});

describe('what libvirtd says unasked or in refusal', () => {
  it('reads an error', () => {
    const bytes =
      '0000002a0000000a0000000100000037446f6d61696e206e6f7420666f756e643a206e6f20646f6d61696e2077697468206d61746368696e67206e616d6520276e6f73756368270000000002000000000000000100000014446f6d61696e206e6f7420666f756e643a20257300000001000000256e6f20646f6d61696e2077697468206d61746368696e67206e616d6520276e6f737563682700000000000000ffffffffffffffff00000000';
    const reader = new XdrReader(Buffer.from(bytes, 'hex'));
    assert.deepEqual(readRemoteError(reader), {
      ...{ code: 42, domain: 10, message: "Domain not found: no domain with matching name 'nosuch'", level: 2 },
      ...{ str1: 'Domain not found: %s', str2: "no domain with matching name 'nosuch'", str3: null },
      ...{ int1: -1, int2: -1 },
    });
    reader.end();
  });

  const event = (procedure: number, hex: string) => decodeEvent(procedure, new XdrReader(Buffer.from(hex, 'hex')));
  it('reads events', () => {
    assert.deepEqual(event(319, `00000001${dom}`), { type: 'reboot', domain });
    assert.deepEqual(event(354, `00000013${dom}000000046e657430`), { type: 'deviceAdded', domain, alias: 'net0' });
    assert.deepEqual(event(333, `0000000f${dom}000000046e657430`), { type: 'deviceRemoved', domain, alias: 'net0' });
    const failed = { type: 'deviceRemovalFailed', domain, alias: 'net0' };
    assert.deepEqual(event(367, `00000016${dom}000000046e657430`), failed);
    const crashed = { type: 'lifecycle', domain, event: 'stopped', detail: 5 };
    assert.deepEqual(event(318, `00000000${dom}0000000500000005`), crashed);
    const newer = { type: 'lifecycle', domain, event: 'unknown', detail: 0 };
    assert.deepEqual(event(318, `00000000${dom}0000006300000000`), newer);
    assert.deepEqual(event(331, `0000000d${dom}0000000000008000`), { type: 'balloon', domain, actualKib: 32_768 });
    assert.deepEqual(event(438, `0000001a${dom}0000000a76697274696f6d656d3000000000000000080000`), {
      ...{ type: 'memoryDevice', domain, alias: 'virtiomem0', currentKib: 524_288 },
    });
    assert.deepEqual(event(348, `00000012${dom}0000000100000002`), { type: 'agent', domain, connected: true });
    assert.deepEqual(event(348, `00000012${dom}0000000200000001`), { type: 'agent', domain, connected: false });
    assert.deepEqual(event(325, `00000007${dom}`), { type: 'controlError', domain });
    assert.deepEqual(
      event(324, `00000006${dom}000000012f000000000000047664613000000001${'00000006'}656e6f7370630000`),
      {
        ...{ type: 'ioError', domain, path: '/', alias: 'vda0', action: 1, reason: 'enospc' },
      },
    );
    assert.equal(event(9_999, ''), undefined);
  });
});
