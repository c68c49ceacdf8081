// Why: before anything goes wrong there must be something to ask for.

import { type Cloud } from './cloud.ts';
import { flavors, type Users } from './users.ts';

/** Makes the flavors. */
export async function makeFlavors({ api }: Cloud, users: Users): Promise<void> {
  for (const { id, vcpus, memoryMb, specs } of flavors) {
    const flavor = await api.ops.createFlavor(users.admin, {
      ...{ name: id, flavorid: id, vcpus, memoryMb, rootGb: 1, ephemeralGb: 0, swapMb: 0 },
      ...{ rxtxFactor: 1, isPublic: true, description: null },
    });
    if (Object.keys(specs).length > 0) await api.ops.setFlavorExtraSpecs(users.admin, flavor, specs);
  }
}
