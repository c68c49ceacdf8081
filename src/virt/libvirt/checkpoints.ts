// Why: from a checkpoint on QEMU keeps in a bitmap what changes on a disk, and a backup of the changes is made by it. There is one at
// most that is still of use: the one that began with the newest backup.

import { Fault } from '../../base/errors.ts';
import type { Host } from './host.ts';
import * as vir from './rpc/constants.ts';
import type { DomainRef } from './rpc/types.ts';

/** Forgets all checkpoints of a guest but one. Where that one's disk is another by now, libvirt refuses to copy by it. */
export async function forgetCheckpoints(
  { connection }: Pick<Host, 'connection'>,
  domain: DomainRef,
  kept: string | null,
): Promise<void> {
  for (const name of await connection.domainListAllCheckpoints(domain)) {
    if (name === kept) continue;
    await connection.domainCheckpointDelete(domain, name).catch(async (error: unknown) => {
      // its bitmap went with its disk, or was broken as its guest was killed
      if (!(error instanceof Fault) || error.kind === 'unavailable') throw error;
      await connection.domainCheckpointDelete(domain, name, vir.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY);
    });
  }
}
