// Why: an operator sees here what a guest does with its devices. Until 2.47 in the words of its hypervisor, from 2.48 on in a
// form that all hypervisors share.

import { secondsBetween } from '../../base/clock.ts';
import { history, minorOf, versioned } from '../../base/history.ts';
import type { Diagnostics, Traffic } from '../../domain/servers/server-diagnostics.ts';
import { powerWord, type Server } from '../../domain/servers/servers.ts';
import { noQuery } from '../parameters.ts';
import { resource, route } from '../resource.ts';
import { type Field, viewOf } from '../view.ts';

/** QEMU does not count the errors of a disk; libvirt's word for that. */
const UNCOUNTED = -1;
const KIB = 1024;

function hypervisorsWords({ cpus, disks, nics, maximumKib, memory }: Diagnostics): Record<string, number> {
  const words: Record<string, number> = { memory: maximumKib };
  for (const { id, timeNs } of cpus) words[`cpu${id}_time`] = timeNs;
  for (const disk of disks) {
    words[`${disk.device}_read_req`] = disk.readRequests;
    words[`${disk.device}_read`] = disk.readBytes;
    words[`${disk.device}_write_req`] = disk.writeRequests;
    words[`${disk.device}_write`] = disk.writeBytes;
    words[`${disk.device}_errors`] = UNCOUNTED;
  }
  for (const { device } of nics) {
    if (device === null) continue;
    for (const [way, { octets, packets, errors, drops }] of [
      ['rx', device.received],
      ['tx', device.sent],
    ] as const) {
      words[`${device.name}_${way}`] = octets;
      words[`${device.name}_${way}_packets`] = packets;
      words[`${device.name}_${way}_errors`] = errors;
      words[`${device.name}_${way}_drop`] = drops;
    }
  }
  for (const [name, value] of Object.entries(memory)) words[`memory-${name}`] = value;
  return words;
}

/** In MiB; null where the guest does not say. */
function usedMb({ memory: { available, unused } }: Diagnostics): number | null {
  return available === undefined || unused === undefined ? null : Math.round((available - unused) / KIB);
}

const traffic = (way: 'rx' | 'tx', counted: Traffic | undefined) => ({
  [`${way}_octets`]: counted?.octets ?? null,
  [`${way}_errors`]: counted?.errors ?? null,
  [`${way}_drop`]: counted?.drops ?? null,
  [`${way}_packets`]: counted?.packets ?? null,
  [`${way}_rate`]: counted?.octetsPerSecond ?? null,
});

/** What the form of all hypervisors is made of. */
interface Found {
  readonly counted: Diagnostics;
  readonly server: Server;
  readonly nowMs: number;
}

const common: Readonly<Record<string, Field<Found>>> = {
  state: ({ server }) => powerWord(server.powerState),
  // the fake driver too: the API knows no other name for what is none of the other hypervisors
  driver: () => 'libvirt',
  hypervisor: ({ counted }) => counted.hypervisor,
  hypervisor_os: () => 'linux',
  uptime: ({ server: { launchedAt }, nowMs }) =>
    launchedAt === null ? null : Math.floor(secondsBetween(launchedAt, nowMs)),
  config_drive: ({ server }) => server.configDrive,
  num_cpus: ({ counted }) => counted.cpus.length,
  num_nics: ({ counted }) => counted.nics.length,
  num_disks: ({ counted }) => counted.disks.length,
  disk_details: ({ counted }) =>
    counted.disks.map((disk) => ({
      read_bytes: disk.readBytes,
      read_requests: disk.readRequests,
      write_bytes: disk.writeBytes,
      write_requests: disk.writeRequests,
      errors_count: null,
    })),
  cpu_details: ({ counted }) =>
    counted.cpus.map(({ id, timeNs, utilisation = null }) => ({ id, time: timeNs, utilisation })),
  nic_details: ({ counted }) =>
    counted.nics.map(({ mac, device }) => ({
      mac_address: mac,
      ...traffic('rx', device?.received),
      ...traffic('tx', device?.sent),
    })),
  memory_details: ({ counted }) => ({ maximum: Math.round(counted.maximumKib / KIB), used: usedMb(counted) }),
};

const COMMON_FROM = '2.48';
const fields = history<Field<Found>>({}, [{ at: COMMON_FROM, add: common }]);
const view = versioned<(found: Found) => object>(
  ({ counted }) => hypervisorsWords(counted),
  [COMMON_FROM, viewOf(fields, minorOf(COMMON_FROM), undefined)],
);

export default resource({
  'GET /servers/:server_id/diagnostics': route<'server'>()({
    summary: 'Show what a running server has used of its devices.',
    policy: 'os_compute_api:os-server-diagnostics',
    target: 'server',
    query: noQuery,
    status: 200,
    run: async ({ op, services, target }): Promise<Found> => ({
      counted: await services.ops.serverDiagnostics(op, target),
      server: target,
      nowMs: op.clock.now(),
    }),
    shows: fields,
    view: (found, { op }) => view.at(op.minor)(found),
  }),
});
