// Why: how busy a host and its guests are is one question to libvirt for all of them, and two looks at the machine.

import { statfs } from 'node:fs/promises';
import { freemem, loadavg } from 'node:os';
import type { HostMeasure } from '../../domain/servers/measures.ts';
import { countersOf } from '../../domain/servers/usage.ts';
import { countedBy, WANTED } from './diagnostics.ts';
import type { Host } from './host.ts';
import { isOurDomain } from './names.ts';
import * as vir from './rpc/constants.ts';
import type { TypedParams } from './rpc/types.ts';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const MIB_KIB = 1024;

/** Guests that run, without waiting for one that is busy: of that one libvirt then says nothing of its disks. */
const RUNNING = vir.VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING | vir.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;

/** A guest of which not all was told is left out: a rate from what lacks would be a lie. */
const isWhole = (params: TypedParams): boolean =>
  Number(params['block.count'] ?? 0) === 0 || Object.keys(params).some((name) => /^block\.\d+\.rd\.reqs$/.test(name));

export async function measure({
  connection,
  instancesDir,
  adopted,
}: Pick<Host, 'connection' | 'instancesDir' | 'adopted'>): Promise<HostMeasure> {
  const [stats, node, disk] = await Promise.all([
    connection.connectGetAllDomainStats([], WANTED, RUNNING),
    connection.nodeGetInfo(),
    statfs(instancesDir),
  ]);
  const memoryMb = Math.floor(node.memoryKib / MIB_KIB);
  const gib = (blocks: number): number => Math.floor((blocks * disk.bsize) / GIB);
  return {
    host: {
      load: loadavg()[0] ?? 0,
      cpus: node.cpus,
      memoryMb,
      availableMb: Math.min(memoryMb, Math.floor(freemem() / MIB)),
      pools: [{ name: 'instances', totalGb: gib(disk.blocks), freeGb: gib(disk.bavail) }],
    },
    guests: stats
      .filter(({ domain, params }) => (isOurDomain(domain.name) || adopted.has(domain.uuid)) && isWhole(params))
      .map(({ domain, params }) => ({ uuid: domain.uuid, counters: countersOf(countedBy(params)) })),
  };
}
