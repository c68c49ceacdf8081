// Why: limits and quota sets tell of the same cloud: servers of two users of a project, and limits set at every level.

import { setLimit } from '../../src/db/quota-sets.ts';
import { tx } from '../../src/db/tx.ts';
import { type Api, startApi } from './api.ts';
import { callers } from './callers.ts';
import { makeOp, testConfig, type WorldOptions } from './world.ts';

export const project = callers.member.projectId as string;

/** Three servers that hold 2 of 4 vCPUs and 1024 of 2048 MiB each, one of them the member's. */
export async function startWithQuota(options: Pick<WorldOptions, 'engine'>): Promise<Api> {
  const quota = { ...testConfig.quota, instances: 10, cores: 20, ram: 51_200 };
  const api = await startApi({ ...options, config: { quota } });
  const { world } = api;
  const specs = { minimum_cpu: '2', minimum_memory: '1024' };
  const flavorRef = await world.flavor({ vcpus: 4, memoryMb: 2048, specs });
  await world.create({ flavorRef }, makeOp(callers.member));
  await world.create({ flavorRef, minCount: 2, maxCount: 2 }, makeOp(callers.manager));
  await tx(world.database, async (t) => {
    await setLimit(t, { scope: 'class', scopeId: 'default' }, 'cores', 30);
    await setLimit(t, { scope: 'project', scopeId: project }, 'cores', 40);
    await setLimit(t, { scope: 'project', scopeId: project }, 'ram', -1);
    await setLimit(t, { scope: 'user', scopeId: project, userId: 'member-user' }, 'instances', 2);
  });
  return api;
}
