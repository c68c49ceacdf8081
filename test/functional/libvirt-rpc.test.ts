// Every procedure of the table against a real libvirtd with a real guest, in the order of a guest's life.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { Fault } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import {
  type DomainRef,
  type HypervisorConnection,
  type HypervisorEvent,
  openHypervisor,
} from '../../src/virt/libvirt/connection.ts';
import { isVirError, outcomeOf } from '../../src/virt/libvirt/errors.ts';
import { backupXml } from '../../src/virt/libvirt/snapshots.ts';
import * as vir from '../../src/virt/libvirt/rpc/constants.ts';
import { stoppedDetail } from '../../src/virt/libvirt/rpc/events.ts';
import { procedures } from '../../src/virt/libvirt/rpc/procedures.ts';
import { buildGuest, ConsoleLog, QUICK_BOOT } from '../support/guest.ts';
import { type Libvirtd, startLibvirtd } from '../support/libvirtd.ts';

/** The end of waits for what must happen. */
const SOON_MS = 120_000;
const MAC = '52:54:00:10:00:01';
const OTHER_MAC = '52:54:00:10:00:02';
const NETWORK_UUID = '5f0c1a52-1f0a-4b8e-9c1d-000000000001';
const FILTER_UUID = '5f0c1a52-1f0a-4b8e-9c1d-000000000002';
const DOMAIN_UUID = '5f0c1a52-1f0a-4b8e-9c1d-000000000003';

const networkXml = `<network><name>rpc</name><uuid>${NETWORK_UUID}</uuid><forward mode='nat'/><bridge name='virbr9'/>
  <ip address='192.168.200.1' netmask='255.255.255.0'><dhcp><range start='192.168.200.100' end='192.168.200.200'/></dhcp></ip>
</network>`;
const hostXml = `<host mac='${MAC}' ip='192.168.200.7'/>`;
const nicXml = (state: string) =>
  `<interface type='network'><mac address='${OTHER_MAC}'/><source network='rpc'/><model type='virtio'/><link state='${state}'/></interface>`;

const guestXml = (kernel: string, initrd: string, log: string) => `<domain type='qemu'>
  <name>rpc</name><uuid>${DOMAIN_UUID}</uuid>
  <memory unit='MiB'>256</memory><currentMemory unit='MiB'>256</currentMemory>
  <vcpu current='1'>4</vcpu>
  <os><type arch='x86_64'>hvm</type><kernel>${kernel}</kernel><initrd>${initrd}</initrd><cmdline>console=ttyS0 ${QUICK_BOOT}</cmdline></os>
  <features><acpi/></features>
  <devices>
    <serial type='file'><source path='${log}'/></serial>
    <memballoon model='virtio' autodeflate='on'><stats period='1'/></memballoon>
    <interface type='network'><mac address='${MAC}'/><source network='rpc'/><model type='virtio'/></interface>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>`;

const faultOf = async (promise: Promise<unknown>): Promise<Fault> => {
  const error = await promise.then(
    () => assert.fail('it succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Fault, String(error));
  return error;
};

/** Repeats until it gives something. */
async function eventually<T>(what: string, attempt: () => Promise<T | undefined>, timeoutMs = 180_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await attempt();
    if (value !== undefined) return value;
    if (Date.now() > deadline) assert.fail(`never: ${what}`);
    await sleep(100);
  }
}

describe('libvirt RPC against a real daemon', () => {
  let daemon: Libvirtd;
  let hypervisor: HypervisorConnection;
  let domain: DomainRef;
  const called = new Set<string>();
  const consolePath = () => join(daemon.dir, 'console');
  const guest = () => new ConsoleLog(consolePath());
  const events: HypervisorEvent[] = [];

  const seen = (what: string, matches: (event: HypervisorEvent) => boolean): Promise<HypervisorEvent> =>
    eventually(what, async () => events.find(matches));
  const recording = (connection: HypervisorConnection): HypervisorConnection =>
    new Proxy(connection, {
      get: (target, name, receiver) => {
        called.add(String(name));
        return Reflect.get(target, name, receiver) as unknown;
      },
    });

  before(async () => {
    daemon = await startLibvirtd({ hostname: 'rpc-host' });
    hypervisor = recording(await openHypervisor({ uri: daemon.uri, log: silentLog, clock: systemClock }));
    hypervisor.on((event) => events.push(event));
  });

  after(async () => {
    await hypervisor?.close();
    await daemon?.stop();
  });

  it('knows the host', async () => {
    assert.equal(await hypervisor.connectGetType(), 'QEMU');
    assert.equal(await hypervisor.connectGetHostname(), 'rpc-host');
    assert.ok((await hypervisor.connectGetLibVersion()) >= 7_000_000);
    assert.ok((await hypervisor.connectGetVersion()) >= 5_000_000);
    assert.match(await hypervisor.connectGetCapabilities(), /^<capabilities>/);
    const domainCapabilities = await hypervisor.connectGetDomainCapabilities(null, 'x86_64', null, 'qemu');
    assert.match(domainCapabilities, /<domain>qemu<\/domain>/);
    const nehalem = '<cpu><arch>x86_64</arch><model>Nehalem</model></cpu>';
    assert.match(await hypervisor.connectBaselineCpu([nehalem], 1), /<feature policy='require' name='sse4\.2'\/>/);
    // libvirt compares for KVM; for emulated guests some versions say that they cannot
    const compared = await hypervisor
      .connectCompareHypervisorCPU(null, 'x86_64', null, 'qemu', nehalem)
      .catch((error: unknown) => error);
    if (typeof compared === 'number') assert.ok(compared >= 0, String(compared));
    else assert.ok(isVirError(compared, 'VIR_ERR_CONFIG_UNSUPPORTED'), String(compared));
    const cpus = (await daemon.exec('nproc', '--all')).stdout;
    const node = await hypervisor.nodeGetInfo();
    assert.equal(node.cpus, Number(cpus));
    assert.equal(node.cpus, node.nodes * node.sockets * node.cores * node.threads);
    assert.ok(node.memoryKib > 1024 * 1024);
    assert.ok((await hypervisor.nodeGetFreeMemory()) > 0);
    const total = /MemTotal: +(\d+) kB/.exec((await daemon.exec('cat', '/proc/meminfo')).stdout)?.[1];
    assert.equal((await hypervisor.nodeGetMemoryStats()).total, Number(total));
    assert.ok('free' in (await hypervisor.nodeGetMemoryStats(0)));
    assert.ok(await hypervisor.connectSupportsFeature(vir.VIR_DRV_FEATURE_NETWORK_UPDATE_HAS_CORRECT_ORDER));
    assert.deepEqual(await hypervisor.connectListAllDomains(), []);
    assert.ok((await hypervisor.connectListAllNodeDevices()).includes('computer'));
    assert.match(await hypervisor.nodeDeviceGetXMLDesc('computer'), /<name>computer<\/name>/);
    const gone = await faultOf(hypervisor.nodeDeviceGetXMLDesc('pci_ffff_ff_1f_7'));
    assert.ok(isVirError(gone, 'VIR_ERR_NO_NODE_DEVICE'), gone.code);
    const there = (await daemon.exec('ls', '/sys/bus/pci/devices')).stdout.split(/\s+/).filter((name) => name !== '');
    const listed = await hypervisor.connectListAllNodeDevices(vir.VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV);
    assert.deepEqual(listed.toSorted(), there.map((address) => `pci_${address.replaceAll(/[:.]/g, '_')}`).toSorted());
    // Machines without SMBIOS tables have no sysinfo, and libvirt says so in its words.
    const sysinfo = await hypervisor.connectGetSysinfo().catch((error: unknown) => error);
    if (typeof sysinfo === 'string') assert.match(sysinfo, /^<sysinfo/);
    else assert.ok(isVirError(sysinfo, 'VIR_ERR_CONFIG_UNSUPPORTED'), String(sysinfo));
  });

  it('makes a network with DHCP, and changes it while it runs', async () => {
    const network = await hypervisor.networkDefineXML(networkXml);
    assert.deepEqual(network, { name: 'rpc', uuid: NETWORK_UUID });
    assert.equal(await hypervisor.networkIsActive(network), false);
    await hypervisor.networkCreate(network);
    assert.equal(await hypervisor.networkIsActive(network), true);
    await hypervisor.networkSetAutostart(network, true);
    assert.deepEqual(await hypervisor.networkLookupByName('rpc'), network);
    assert.deepEqual(await hypervisor.networkLookupByUUID(NETWORK_UUID), network);
    assert.deepEqual(await hypervisor.connectListAllNetworks(), [network]);
    const both = vir.VIR_NETWORK_UPDATE_AFFECT_LIVE | vir.VIR_NETWORK_UPDATE_AFFECT_CONFIG;
    const section = vir.VIR_NETWORK_SECTION_IP_DHCP_HOST;
    await hypervisor.networkUpdate(network, vir.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, section, -1, hostXml, both);
    assert.match(await hypervisor.networkGetXMLDesc(network), /192\.168\.200\.7/);
    assert.deepEqual(await hypervisor.networkGetDHCPLeases(network), []);
  });

  it('keeps network filters', async () => {
    const nwfilter = await hypervisor.nwfilterDefineXML(`<filter name='rpc'><uuid>${FILTER_UUID}</uuid></filter>`);
    assert.deepEqual(nwfilter, { name: 'rpc', uuid: FILTER_UUID });
    assert.deepEqual(await hypervisor.nwfilterLookupByName('rpc'), nwfilter);
    assert.deepEqual(await hypervisor.nwfilterLookupByUUID(FILTER_UUID), nwfilter);
    assert.match(await hypervisor.nwfilterGetXMLDesc(nwfilter), /<filter name='rpc'/);
    assert.ok((await hypervisor.connectListAllNWFilters()).some(({ uuid }) => uuid === FILTER_UUID));
    await hypervisor.nwfilterUndefine(nwfilter);
    assert.ok(isVirError(await faultOf(hypervisor.nwfilterLookupByName('rpc')), 'VIR_ERR_NO_NWFILTER'));
  });

  it('defines and starts a guest, and hears of it', async () => {
    const { kernel, initrd } = await buildGuest();
    const defined = await hypervisor.domainDefineXMLFlags(guestXml(kernel, initrd, consolePath()));
    assert.deepEqual(defined, { name: 'rpc', uuid: DOMAIN_UUID, id: -1 });
    domain = await hypervisor.domainCreateWithFlags(defined);
    assert.ok(domain.id > 0);
    await seen('defined', (event) => event.type === 'lifecycle' && event.event === 'defined');
    await seen('started', (event) => event.type === 'lifecycle' && event.event === 'started');
    assert.deepEqual(await hypervisor.domainLookupByName('rpc'), domain);
    assert.deepEqual(await hypervisor.domainLookupByUUID(DOMAIN_UUID), domain);
    assert.deepEqual(await hypervisor.connectListAllDomains(vir.VIR_CONNECT_LIST_DOMAINS_ACTIVE), [domain]);
    assert.equal((await hypervisor.domainGetState(domain)).state, vir.VIR_DOMAIN_RUNNING);
    assert.match(await hypervisor.domainGetXMLDesc(domain), /<uuid>5f0c1a52/);
    const info = await hypervisor.domainGetInfo(domain);
    assert.deepEqual([info.state, info.maxMemKib, info.vcpus], [vir.VIR_DOMAIN_RUNNING, 256 * 1024, 1]);
  });

  it('talks to the guest through its agent', async () => {
    await seen('the agent', (event) => event.type === 'agent' && event.connected);
    const command = JSON.stringify({ execute: 'guest-sync', arguments: { id: 7 } });
    const answer = await hypervisor.domainQemuAgentCommand(domain, command, 10);
    assert.deepEqual(JSON.parse(answer ?? ''), { return: 7 });
    const cpus = await hypervisor.domainGetGuestVcpus(domain);
    assert.deepEqual([cpus.vcpus, cpus.online], ['0', '0']);
    const password = 'a new: password';
    await hypervisor.domainSetUserPassword(domain, 'root', password);
    const { fields } = await guest().untilLine('password', SOON_MS);
    const sha256 = createHash('sha256').update(password).digest('hex');
    assert.deepEqual([fields.user, fields.sha256], ['root', sha256]);
  });

  it('finds the address that the guest got', async () => {
    const network = await hypervisor.networkLookupByName('rpc');
    const lease = await eventually('a lease', async () => (await hypervisor.networkGetDHCPLeases(network, MAC))[0]);
    assert.deepEqual([lease.address, lease.family, lease.mac, lease.prefix], ['192.168.200.7', 4, MAC, 24]);
    assert.ok(lease.expirySeconds > Date.now() / 1000);
    const interfaces = await hypervisor.domainInterfaceAddresses(domain, vir.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE);
    const address = { family: 4, address: '192.168.200.7', prefix: 24 };
    assert.deepEqual(
      interfaces.map(({ mac, addresses }) => ({ mac, addresses })),
      [{ mac: MAC, addresses: [address] }],
    );
  });

  it('adds vCPUs, and turns them on and off in the guest', async () => {
    await hypervisor.domainSetVcpusFlags(domain, 2, vir.VIR_DOMAIN_AFFECT_LIVE);
    await hypervisor.domainSetVcpu(domain, '2', true, vir.VIR_DOMAIN_AFFECT_LIVE);
    assert.equal(await hypervisor.domainGetVcpusFlags(domain, vir.VIR_DOMAIN_AFFECT_LIVE), 3);
    const maximum = vir.VIR_DOMAIN_AFFECT_LIVE | vir.VIR_DOMAIN_VCPU_MAXIMUM;
    assert.equal(await hypervisor.domainGetVcpusFlags(domain, maximum), 4);
    const online = (want: string) =>
      eventually(`online ${want}`, async () =>
        (await hypervisor.domainGetGuestVcpus(domain)).online === want ? true : undefined,
      );
    await online('0-2');
    await hypervisor.domainSetGuestVcpus(domain, '1', false);
    await online('0,2');
    await hypervisor.domainSetGuestVcpus(domain, '1', true);
    await online('0-2');
  });

  it('moves the balloon and reads it', async () => {
    await hypervisor.domainSetMemoryStatsPeriod(domain, 1, vir.VIR_DOMAIN_AFFECT_LIVE);
    await hypervisor.domainSetMemoryFlags(domain, 160 * 1024, vir.VIR_DOMAIN_AFFECT_LIVE);
    await seen('the balloon', (event) => event.type === 'balloon' && event.actualKib === 160 * 1024);
    const stats = await eventually('statistics of the guest', async () => {
      const read = await hypervisor.domainMemoryStats(domain);
      return read.usableKib === undefined ? undefined : read;
    });
    assert.equal(stats.actualKib, 160 * 1024);
    assert.ok((stats.rssKib ?? 0) > 0 && (stats.availableKib ?? 0) > (stats.unusedKib ?? 0));
    const which = vir.VIR_DOMAIN_STATS_BALLOON | vir.VIR_DOMAIN_STATS_VCPU;
    for (const domains of [[], [domain]]) {
      const all = await hypervisor.connectGetAllDomainStats(domains, which);
      assert.deepEqual(all[0]?.domain, domain);
      assert.deepEqual([all[0]?.params['balloon.current'], all[0]?.params['vcpu.current']], [160 * 1024, 3]);
    }
  });

  it('attaches, changes and detaches a device', async () => {
    const live = vir.VIR_DOMAIN_AFFECT_LIVE;
    await hypervisor.domainAttachDeviceFlags(domain, nicXml('up'), live);
    const added = await seen('deviceAdded', (event) => event.type === 'deviceAdded');
    const alias = added.type === 'deviceAdded' ? added.alias : '';
    await hypervisor.domainUpdateDeviceFlags(domain, nicXml('down'), live);
    await hypervisor.domainDetachDeviceFlags(domain, nicXml('down'), live);
    const removed = (event: HypervisorEvent) => event.type === 'deviceRemoved' && event.alias === alias;
    await seen('deviceRemoved', removed);
    events.length = 0;
    await hypervisor.domainAttachDeviceFlags(domain, nicXml('up'), live);
    await hypervisor.domainDetachDeviceAlias(domain, alias, live);
    await seen('deviceRemoved by alias', removed);
  });

  it('refuses to make a disk larger that a guest does not have', async () => {
    const how = vir.VIR_DOMAIN_BLOCK_RESIZE_BYTES;
    const fault = await faultOf(hypervisor.domainBlockResize(domain, 'vdz', 1 << 20, how));
    assert.ok(isVirError(fault, 'VIR_ERR_INVALID_ARG'), fault.message);
  });

  it('has no job to tell of or to abort', async () => {
    assert.equal((await hypervisor.domainGetJobInfo(domain)).type, 0);
    assert.equal((await hypervisor.domainGetJobStats(domain)).type, 0);
    const fault = await faultOf(hypervisor.domainAbortJob(domain));
    assert.ok(isVirError(fault, 'VIR_ERR_OPERATION_INVALID'));
    assert.equal(fault.kind, 'conflict');
  });

  it('says why a guest does not leave for where nobody is, and the guest goes on', async () => {
    await hypervisor.domainMigrateSetMaxDowntime(domain, 300);
    const later = await faultOf(hypervisor.domainMigrateStartPostCopy(domain));
    assert.ok(isVirError(later, 'VIR_ERR_OPERATION_INVALID'), later.message);
    const nowhere = `qemu+unix:///system?socket=${join(daemon.dir, 'nobody')}`;
    const how = vir.VIR_MIGRATE_PEER2PEER | vir.VIR_MIGRATE_LIVE;
    const fault = await faultOf(hypervisor.domainMigratePerform3Params(domain, nowhere, [], how));
    assert.equal(outcomeOf(fault), 'failed');
    assert.match(fault.message, /nobody/);
    assert.equal((await hypervisor.domainGetState(domain)).state, vir.VIR_DOMAIN_RUNNING);
  });

  it('says what is wrong in libvirt words and numbers', async () => {
    const missing = await faultOf(hypervisor.domainLookupByName('nobody'));
    assert.deepEqual([missing.kind, missing.code], ['notFound', 'libvirt.42']);
    assert.match(missing.message, /no domain with matching name 'nobody'/);
    const noNetwork = await faultOf(hypervisor.networkLookupByName('nobody'));
    assert.deepEqual([noNetwork.kind, noNetwork.code], ['notFound', 'libvirt.43']);
    assert.ok(isVirError(await faultOf(hypervisor.domainDefineXMLFlags('<domain')), 'VIR_ERR_XML_DETAIL'));
    const tooMany = await faultOf(hypervisor.domainSetVcpusFlags(domain, 9, vir.VIR_DOMAIN_AFFECT_LIVE));
    assert.deepEqual([tooMany.kind, tooMany.code], ['badRequest', 'libvirt.8']);
    assert.ok(isVirError(await faultOf(hypervisor.domainCreateWithFlags(domain)), 'VIR_ERR_OPERATION_INVALID'));
  });

  it('serves reads while QEMU hangs and calls wait for it', async () => {
    const pid = (await daemon.exec('pidof', 'qemu-system-x86_64')).stdout.trim();
    await daemon.exec('kill', '-STOP', pid);
    const live = vir.VIR_DOMAIN_AFFECT_LIVE;
    const hanging = Array.from({ length: 5 }, () => hypervisor.domainSetVcpusFlags(domain, 3, live));
    const waiting = Array.from({ length: 5 }, () => hypervisor.domainSetMemoryFlags(domain, 160 * 1024, live));
    const settled = Promise.allSettled([...hanging, ...waiting]);
    let done = false;
    void settled.then(() => {
      done = true;
    });
    await sleep(300);
    for (let read = 0; read < 200; read += 1) await hypervisor.domainGetInfo(domain);
    assert.equal(done, false, 'all were read before any call came back');
    await daemon.exec('kill', '-CONT', pid);
    for (const result of await settled) assert.equal(result.status, 'fulfilled');
  });

  it('interrupts the guest, whose kernel says so and goes on', async () => {
    await hypervisor.domainInjectNMI(domain);
    const said = async () => (/NMI received/.test(await guest().text()) ? true : undefined);
    await eventually('the kernel on the interrupt', said);
    assert.equal((await hypervisor.domainGetState(domain)).state, vir.VIR_DOMAIN_RUNNING);
  });

  it('stores the memory of the guest, which goes on from there', async () => {
    const before = await guest().until(() => true, SOON_MS);
    events.length = 0;
    await hypervisor.domainManagedSave(domain);
    const stopped = await seen('stopped', (event) => event.type === 'lifecycle' && event.event === 'stopped');
    assert.equal(stopped.type === 'lifecycle' && stopped.detail, stoppedDetail.saved);
    assert.equal((await hypervisor.domainGetState(domain)).state, vir.VIR_DOMAIN_SHUTOFF);
    domain = await hypervisor.domainCreateWithFlags(domain);
    await seen('the agent', (event) => event.type === 'agent' && event.connected);
    const answer = await hypervisor.domainQemuAgentCommand(domain, JSON.stringify({ execute: 'guest-ping' }), 10);
    assert.deepEqual(JSON.parse(answer ?? ''), { return: {} });
    // the file of the console is a new one; a guest that booted anew would count from the beginning
    const after = await guest().until(() => true, SOON_MS);
    assert.ok(after.seq > before.seq, `${after.seq} after ${before.seq}`);
  });

  it('tells who shares out the processors, where control groups do', async () => {
    const scheduler = await hypervisor.domainGetSchedulerType(domain).catch((error: unknown) => error);
    if (scheduler instanceof Error) assert.ok(isVirError(scheduler, 'VIR_ERR_OPERATION_INVALID'), String(scheduler));
    else assert.equal((scheduler as { type: string }).type, 'posix');
  });

  it('suspends, resumes, resets and reboots', async () => {
    const state = async () => (await hypervisor.domainGetState(domain)).state;
    await hypervisor.domainSuspend(domain);
    assert.equal(await state(), vir.VIR_DOMAIN_PAUSED);
    await hypervisor.domainResume(domain);
    assert.equal(await state(), vir.VIR_DOMAIN_RUNNING);
    events.length = 0;
    await hypervisor.domainReset(domain);
    await seen('the reset', (event) => event.type === 'reboot');
    await hypervisor.domainReboot(domain, vir.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
  });

  it('survives a restart of libvirtd, and hears events afterwards', async () => {
    events.length = 0;
    await daemon.restart();
    await seen('reconnected', (event) => event.type === 'reconnected');
    assert.deepEqual(await hypervisor.domainLookupByUUID(DOMAIN_UUID), domain);
    // reads are back; calls of other kinds have sockets of their own, which may still be away
    await eventually('a call that is sent', () =>
      hypervisor.domainSuspend(domain).then(
        () => true,
        (error: unknown) => {
          if (outcomeOf(error) !== 'notSent') throw error;
          return undefined;
        },
      ),
    );
    await seen('suspended', (event) => event.type === 'lifecycle' && event.event === 'suspended');
    await hypervisor.domainResume(domain);
  });

  it('notices a daemon that hangs', async () => {
    // Ten times faster, so that the silence is over after one and a half seconds.
    const hasty: Clock = { now: () => Date.now(), sleep: (ms, signal) => systemClock.sleep(ms / 10, signal) };
    const other = await openHypervisor({ uri: daemon.uri, log: silentLog, clock: hasty });
    try {
      await sleep(2_000);
      assert.ok(other.connected, 'a daemon that answers pings is kept');
      await daemon.signal('SIGSTOP');
      const fault = await faultOf(other.domainSuspend(domain));
      assert.deepEqual([fault.kind, outcomeOf(fault)], ['unavailable', 'unknown']);
      await daemon.signal('SIGCONT');
      await eventually('back', async () => (other.connected ? true : undefined));
      assert.equal(await other.connectGetHostname(), 'rpc-host');
    } finally {
      await daemon.signal('SIGCONT');
      await other.close();
    }
  });

  it('asks a guest’s QEMU itself', async () => {
    const answer = await hypervisor.domainQemuMonitorCommand(domain, JSON.stringify({ execute: 'query-yank' }));
    const { return: places } = JSON.parse(answer) as { return: { type: string }[] };
    assert.ok(Array.isArray(places), answer);
    const unknown = await hypervisor.domainQemuMonitorCommand(domain, JSON.stringify({ execute: 'no-such-thing' }));
    assert.match(unknown, /CommandNotFound/);
  });

  it('copies no disk that is not there', async () => {
    const noDisk = await faultOf(hypervisor.domainBackupBegin(domain, backupXml('vdz', '/nowhere'), null));
    assert.ok(isVirError(noDisk, 'VIR_ERR_CONFIG_UNSUPPORTED'), noDisk.message);
    assert.deepEqual(await hypervisor.domainListAllCheckpoints(domain), []);
    const none = await faultOf(hypervisor.domainCheckpointDelete(domain, 'c1'));
    assert.ok(isVirError(none, 'VIR_ERR_NO_DOMAIN_CHECKPOINT'), none.message);
  });

  it('shuts a guest down, destroys, undefines, and starts one without a definition', async () => {
    await hypervisor.domainDestroyFlags(domain);
    domain = await hypervisor.domainCreateWithFlags(domain);
    events.length = 0;
    await seen('the agent', (event) => event.type === 'agent' && event.connected);
    await hypervisor.domainShutdownFlags(domain, vir.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
    const stopped = await seen('stopped', (event) => event.type === 'lifecycle' && event.event === 'stopped');
    assert.equal(stopped.type === 'lifecycle' && stopped.detail, stoppedDetail.shutdown);
    assert.equal((await hypervisor.domainGetState(domain)).state, vir.VIR_DOMAIN_SHUTOFF);
    await hypervisor.domainUndefineFlags(domain);
    assert.ok(isVirError(await faultOf(hypervisor.domainGetInfo(domain)), 'VIR_ERR_NO_DOMAIN'));

    const bare = `<domain type='qemu'><name>bare</name><memory>65536</memory><os><type>hvm</type></os></domain>`;
    const transient = await hypervisor.domainCreateXML(bare, vir.VIR_DOMAIN_START_PAUSED);
    await hypervisor.domainDestroyFlags(transient);
    assert.deepEqual(await hypervisor.connectListAllDomains(), []);
  });

  it('takes the network down again', async () => {
    const network = await hypervisor.networkLookupByName('rpc');
    await hypervisor.networkDestroy(network);
    await hypervisor.networkUndefine(network);
    assert.deepEqual(await hypervisor.connectListAllNetworks(), []);
  });

  it('keeps secrets in memory, and tells nobody what they are', async () => {
    const uuid = '6f1a0a52-9d3e-4a0c-8f0e-1f2a3b4c5d6e';
    assert.ok(isVirError(await faultOf(hypervisor.secretLookupByUUID(uuid)), 'VIR_ERR_NO_SECRET'));
    const usage = `<usage type='iscsi'><target>xloud rpc</target></usage>`;
    const xml = `<secret ephemeral='yes' private='yes'><uuid>${uuid}</uuid>${usage}</secret>`;
    const secret = await hypervisor.secretDefineXML(xml);
    assert.deepEqual(secret, { uuid, usageType: 3, usage: 'xloud rpc' });
    await hypervisor.secretSetValue(secret, Buffer.from('s3cret'));
    assert.deepEqual(await hypervisor.secretLookupByUUID(uuid), secret);
    await hypervisor.secretUndefine(secret);
    assert.ok(isVirError(await faultOf(hypervisor.secretLookupByUUID(uuid)), 'VIR_ERR_NO_SECRET'));
  });

  it('left out no procedure of the table', () => {
    assert.deepEqual(
      Object.keys(procedures).filter((name) => !called.has(name)),
      [],
    );
  });

  it('opens the test driver of the same daemon', async () => {
    const test = await openHypervisor({ uri: daemon.testUri, log: silentLog, clock: systemClock });
    try {
      assert.equal(await test.connectGetType(), 'TEST');
      const [first] = await test.connectListAllDomains();
      assert.equal(first?.name, 'test');
    } finally {
      await test.close();
    }
  });
});
