// Why: where the wire to the other host is cut, libvirt gives the move up after half a minute and then has QEMU take leave of the disk
// over there. QEMU waits for that one's answer with its big lock held, and the guest stands still until TCP gives up, many
// minutes later. So the move's connections are ended before libvirt comes to it, which QEMU has a command for. (Measured in docs/moves.md.)

import { limits } from '../../../base/limits.ts';
import type { HypervisorConnection } from '../connection.ts';
import * as vir from '../rpc/constants.ts';
import type { DomainRef, TypedParams } from '../rpc/types.ts';
import { askMonitor } from './monitor.ts';

/** How much of a guest had gone out when that was last seen to change. */
export interface Sent {
  readonly bytes: number;
  readonly atMs: number;
}

const sum = (params: TypedParams, what: string): number =>
  Number(params[`memory_${what}`] ?? 0) + Number(params[`disk_${what}`] ?? 0);

/** What is known of it now; `silent`: nothing went out for `limits.liveSilenceMs` though there is more, and it is counted anew. */
export function listen(
  last: Sent | undefined,
  params: TypedParams,
  nowMs: number,
): { readonly sent: Sent | undefined; readonly silent: boolean } {
  // libvirt cannot say now
  if (params['memory_processed'] === undefined && params['disk_processed'] === undefined)
    return { sent: last, silent: false };
  const bytes = sum(params, 'processed');
  // nothing has begun, or the other host has it all and is at work
  const waits = sum(params, 'remaining') === 0;
  if (waits || last?.bytes !== bytes) return { sent: { bytes, atMs: nowMs }, silent: false };
  if (nowMs - last.atMs < limits.liveSilenceMs) return { sent: last, silent: false };
  return { sent: { bytes, atMs: nowMs }, silent: true };
}

/** QEMU's YankInstance. */
interface Instance {
  readonly type: string;
  readonly 'node-name'?: string;
}

/** Memory's connections, and libvirt's to disks over there; a guest's own disks and screens may be on the network too. */
const isOfMove = ({ type, 'node-name': name = '' }: Instance): boolean =>
  type === 'migration' || (type === 'block-node' && name.startsWith('migration-'));

/** Ends the connections by which a guest leaves, whereupon its move fails; false: there are none, or the guest needs them. */
export async function cutOff(
  connection: Pick<HypervisorConnection, 'domainGetState' | 'domainQemuMonitorCommand'>,
  domain: DomainRef,
): Promise<boolean> {
  const { state, reason } = await connection.domainGetState(domain);
  // it runs over there, and some of its memory is here
  if (state === vir.VIR_DOMAIN_PAUSED && reason >= vir.VIR_DOMAIN_PAUSED_POSTCOPY) return false;
  // QEMU before 6.0 has no such command
  const instances = (((await askMonitor(connection, domain, 'query-yank')) ?? []) as readonly Instance[]).filter(
    isOfMove,
  );
  if (instances.length === 0) return false;
  return (await askMonitor(connection, domain, 'yank', { instances })) !== undefined;
}
