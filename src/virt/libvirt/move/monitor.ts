// Why: a few things QEMU does that libvirt has no call for.

import type { HypervisorConnection } from '../connection.ts';
import type { DomainRef } from '../rpc/types.ts';

/** What QEMU returns; undefined: it refuses, or has no such command. */
export async function askMonitor(
  connection: Pick<HypervisorConnection, 'domainQemuMonitorCommand'>,
  domain: DomainRef,
  execute: string,
  words: object = {},
): Promise<unknown> {
  const answer = await connection.domainQemuMonitorCommand(domain, JSON.stringify({ execute, arguments: words }));
  return (JSON.parse(answer) as { return?: unknown }).return;
}
