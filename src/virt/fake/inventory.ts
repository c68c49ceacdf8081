// Why: what the fake host says it has, in the same form as a real one.

import { type HostInventory, type OptionalVerb, optionalVerbs } from '../../domain/host.ts';
import { memoryMethods } from '../../domain/memory-method.ts';
import { hostUptime } from '../uptime.ts';

export interface Used {
  readonly memoryMb: number;
  readonly diskGb: number;
}

/** A large machine that can do everything by default; `overrides` replace whole members. */
export function fakeInventory(
  hostname: string,
  overrides: Partial<HostInventory>,
  used: Used,
  verbs: readonly OptionalVerb[] = optionalVerbs,
): HostInventory {
  const vcpus = overrides.vcpus ?? 64;
  const memoryMb = overrides.memoryMb ?? 262_144;
  const diskGb = overrides.diskGb ?? 8_192;
  return {
    hypervisorHostname: hostname,
    hypervisorType: 'fake',
    hypervisorVersion: 1_000,
    hostIp: '127.0.0.1',
    vcpus,
    memoryMb,
    diskGb,
    facts: {
      cpu: {
        arch: 'x86_64',
        model: 'fake',
        vendor: 'fake',
        topology: { cells: 1, sockets: 1, cores: vcpus, threads: 1 },
        features: [],
      },
      numaCells: [{ id: 0, cpus: Array.from({ length: vcpus }, (_, cpu) => cpu), memoryMb }],
      freeDiskGb: Math.max(0, diskGb - used.diskGb),
      freeMemoryMb: Math.max(0, memoryMb - used.memoryMb),
      uptime: hostUptime(),
      capabilities: {
        virtType: 'fake',
        virtTypeReason: 'the fake driver runs no guests',
        guests: ['fake', 'qemu', 'kvm'].map((hypervisorType) => ({ arch: 'x86_64', hypervisorType, vmMode: 'hvm' })),
        diskFormats: ['raw', 'qcow2', 'iso', 'ami'],
        verbs,
        liveVcpus: true,
        vcpuUnplug: true,
        liveMemory: true,
        memoryMethods,
        maxVcpus: 288,
      },
    },
    ...overrides,
  };
}
