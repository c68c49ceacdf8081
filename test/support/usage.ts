// Why: the sums that quotas are checked against, and the histories that usage is billed by, must be what a recount of all
// servers gives.

import { type Reader, readRows } from '../../src/db/engine.ts';

/** What each owner's servers hold, counted anew: claims, or the boot size of those that wait for a host. */
const RECOUNT = `
  select servers.project_id, servers.user_id, count(*) as instances,
    sum(coalesce(claims.vcpus, case when vm_state in ('building', 'shelved_offloaded') then boot_vcpus else 0 end)) as cores,
    sum(coalesce(claims.memory_mb, case when vm_state in ('building', 'shelved_offloaded') then boot_memory_mb else 0 end)) as ram
  from servers left join claims on claims.server_id = servers.id
  where deleted = 0 and (vm_state <> 'soft-delete' or deleted_at is null) group by servers.project_id, servers.user_id`;

const SUMS = 'select project_id, user_id, instances, cores, ram from quota_usages';

const SPANS = `
  select project_id, user_id, count(*) as instances, sum(vcpus + extra_vcpus) as cores,
    sum(memory_mb + extra_memory_mb) as ram
  from server_sizes where ended_at is null and counted = 1 group by project_id, user_id`;

/** Where the sums of quotas, or the present sizes in the histories, are not those of the servers. */
export async function usageDrift(reader: Reader): Promise<string[]> {
  const read = async (sql: string): Promise<string[]> =>
    (await readRows(reader, sql))
      .filter((row) => Number(row['instances']) !== 0 || Number(row['cores']) !== 0 || Number(row['ram']) !== 0)
      .map((row) => ['project_id', 'user_id', 'instances', 'cores', 'ram'].map((key) => row[key]).join(' '))
      .sort();
  const truth = await read(RECOUNT);
  const found: string[] = [];
  for (const [name, sql] of [
    ['sums', SUMS],
    ['spans', SPANS],
  ] as const) {
    const are = await read(sql);
    if (are.join() !== truth.join()) found.push(`${name} of usage: ${are.join(', ')} instead of ${truth.join(', ')}`);
  }
  return found;
}
