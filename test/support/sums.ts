// Why: what servers hold is told in many places. After random calls all of them must tell the same.

import assert from 'node:assert/strict';
import { findClaims } from '../../src/db/claims.ts';
import type { Server, VmState } from '../../src/domain/servers/servers.ts';
import type { Size } from '../../src/domain/adjustment/size.ts';
import type { Servers } from './servers.ts';

/** In these a server without a host waits for one. */
const waiting: readonly VmState[] = ['building', 'shelved_offloaded'];

/** What servers hold: their claims, and for one that waits for a host the size of its next start. */
export async function heldBy({ world }: Servers, rows: readonly Server[]): Promise<Size> {
  const claims = await findClaims(
    world.database.read,
    rows.map(({ id }) => id),
  );
  let vcpus = 0;
  let memoryMb = 0;
  for (const row of rows) {
    const boot = { vcpus: row.bootVcpus, memoryMb: row.bootMemoryMb };
    const held = claims.get(row.id) ?? (waiting.includes(row.vmState) ? boot : { vcpus: 0, memoryMb: 0 });
    vcpus += held.vcpus;
    memoryMb += held.memoryMb;
  }
  return { vcpus, memoryMb };
}

/** A project's quota counts its servers, `rows`, for what they hold. */
export async function checkQuota(servers: Servers, project: string, rows: readonly Server[]): Promise<void> {
  const quota = await servers.request('GET', `/os-quota-sets/${project}/detail`, { as: 'admin' });
  const { instances, cores, ram } = quota.body.quota_set;
  const { vcpus, memoryMb } = await heldBy(servers, rows);
  assert.equal(instances.in_use, rows.length, 'instances');
  assert.equal(cores.in_use, vcpus, 'cores');
  assert.equal(ram.in_use, memoryMb, 'ram');
}

/** Hypervisors show what is claimed on their hosts. */
export async function checkHypervisors(servers: Servers): Promise<void> {
  const detail = await servers.request('GET', '/os-hypervisors/detail', { as: 'admin', version: '2.1' });
  const rows = await servers.world.database.read('hosts').select('host', 'claimed_vcpus', 'claimed_memory_mb');
  for (const row of rows) {
    const seen = (
      detail.body.hypervisors as { service: { host: string }; vcpus_used: number; memory_mb_used: number }[]
    ).find((one) => one.service.host === row.host);
    assert.equal(seen?.vcpus_used, row.claimed_vcpus, row.host);
    assert.equal(seen?.memory_mb_used, row.claimed_memory_mb, row.host);
  }
}
