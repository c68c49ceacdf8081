// Why: a guest that comes as it stands still has disks that QEMU does not take over before it goes on. Until QEMU 10 one that moves once
// more before that dies on the way: QEMU gives its disks up a second time (bdrv_inactivate_recurse, an assertion). So they are taken over
// as it comes.

import type { HypervisorConnection } from '../connection.ts';
import * as vir from '../rpc/constants.ts';
import type { DomainRef } from '../rpc/types.ts';
import { askMonitor } from './monitor.ts';

const EXPORT = 'xloud-takes-over';

/** QEMU's BlockInfo. */
interface Drive {
  readonly inserted?: { readonly 'node-name'?: string; readonly active?: boolean };
}

/**
 * Has QEMU take over the disks of a guest that stands still. There is no command for it before QEMU 10; but whoever would give a disk to
 * others takes it over first, and only then sees that there is no server for it: nothing is ever given.
 */
export async function takeDisksOver(
  connection: Pick<HypervisorConnection, 'domainGetState' | 'domainQemuMonitorCommand'>,
  domain: DomainRef,
): Promise<void> {
  const { state, reason } = await connection.domainGetState(domain);
  if (state !== vir.VIR_DOMAIN_PAUSED || reason >= vir.VIR_DOMAIN_PAUSED_POSTCOPY) return;
  const drives = ((await askMonitor(connection, domain, 'query-block')) ?? []) as readonly Drive[];
  for (const { inserted } of drives) {
    const node = inserted?.['node-name'];
    // QEMU 10 and later say which they have
    if (node === undefined || inserted?.active === true) continue;
    const given = { type: 'nbd', id: EXPORT, 'node-name': node, writable: false };
    if ((await askMonitor(connection, domain, 'block-export-add', given)) === undefined) continue;
    await askMonitor(connection, domain, 'block-export-del', { id: EXPORT, mode: 'hard' });
  }
}
