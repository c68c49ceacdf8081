// Why: what the row of a server says, what is claimed for it and what its guest has are one and the same, once nothing is under way.

import type { Size } from '../../src/domain/adjustment/size.ts';
import { minimumOf } from '../../src/domain/machines/flavors.ts';
import { claimOf } from '../../src/domain/placement/claims.ts';
import { power, type Server, type VmState } from '../../src/domain/servers/servers.ts';
import type { HeldGuest } from './held.ts';

/** What becomes of a guest that runs, or not. */
const statesOf: Readonly<Record<number, readonly VmState[]>> = {
  [power.running]: ['active', 'resized', 'rescued', 'error'],
  [power.paused]: ['paused', 'resized', 'rescued', 'error'],
  [power.shutdown]: ['stopped', 'resized', 'rescued', 'error'],
  [power.crashed]: ['stopped', 'resized', 'rescued', 'error'],
  [power.suspended]: ['suspended', 'resized', 'rescued', 'error'],
};

/**
 * Whether a row holds the last word of a guest that was frozen before it could be asked again, and that word was a lie: what can be at
 * all, of the vCPUs that are plugged. All but the number of vCPUs must be true all the same.
 */
const isLastLie = (guest: HeldGuest, row: Size, lies: readonly number[]): boolean =>
  guest.powerState === power.paused &&
  row.memoryMb === guest.size.memoryMb &&
  lies.some((lie) => row.vcpus === Math.min(Math.max(lie, 1), guest.pluggedVcpus));

/**
 * Where a server's row, its claim and its guest on its host do not say the same.
 * @param guest absent: there is none
 * @param lies how many vCPUs the guest ever said to have online that it had not
 */
export function brokenServer(
  server: Server,
  claim: Size | null,
  guest: HeldGuest | undefined,
  lies: readonly number[] = [],
): string[] {
  const found: string[] = [];
  // of one that was deleted softly nobody follows the guest, as in Nova
  if (server.vmState === 'soft-delete') return found;
  const told = (what: string, detail: unknown): void =>
    void found.push(`${what}: ${server.uuid} ${JSON.stringify(detail)}`);
  if (guest === undefined) {
    if (server.vmState !== 'error' && server.vmState !== 'shelved') told('a server without its guest', server.vmState);
    return found;
  }
  const states = statesOf[guest.powerState];
  if (states !== undefined && !states.includes(server.vmState) && server.vmState !== 'shelved')
    told('row and guest are in different states', { row: server.vmState, guest: guest.powerState });
  const minimum = minimumOf(server.flavor);
  const boot = { vcpus: server.bootVcpus, memoryMb: server.bootMemoryMb };
  const row = { vcpus: server.currentVcpus, memoryMb: server.currentMemoryMb };
  const runs = guest.powerState === power.running || guest.powerState === power.paused;
  if (!runs) return found;
  const { size } = guest;
  if (JSON.stringify(row) !== JSON.stringify(size) && !isLastLie(guest, row, lies))
    told('row and guest have different sizes', { row, size });
  const held = { vcpus: guest.pluggedVcpus, memoryMb: size.memoryMb };
  const due = claimOf(minimum, held, boot);
  if (claim === null || claim.vcpus !== due.vcpus || claim.memoryMb !== due.memoryMb)
    told('a claim is not what its guest has', { claim, due });
  return found;
}
