// Why: what a guest says of itself comes from inside, where its owner rules. It may say anything; the hypervisor knows better.

import type { AdjustOutcome, GuestView, PartOutcome } from '../../src/domain/servers/guests.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import type { Dice } from './dice.ts';

const MANY_VCPUS = 16;
const MUCH_MB = 8_192;

/** How many vCPUs guests said to have online that they had not, by their uuids. */
export type Lies = Map<string, Set<number>>;

/**
 * A driver whose guests tell lies while `lies()`. What is theirs to say is a lie, what the hypervisor knows is not.
 * @param told takes what they say of their vCPUs
 */
export function lyingDriver(driver: FakeDriver, dice: Dice, lies: () => boolean, told: Lies): FakeDriver {
  const heard = (uuid: string, vcpus: number): number => {
    told.set(uuid, (told.get(uuid) ?? new Set()).add(vcpus));
    return vcpus;
  };
  const view = (seen: GuestView): GuestView =>
    !lies() || seen.onlineVcpus === null
      ? seen
      : { ...seen, onlineVcpus: heard(seen.uuid, dice.below(MANY_VCPUS)), availableMb: dice.below(MUCH_MB) };
  const part = (outcome: PartOutcome): PartOutcome =>
    outcome.confirmedBy === 'guest' && dice.hits(0.5) ? { ...outcome, reached: outcome.target } : outcome;
  return {
    ...driver,
    async inspect(args) {
      const seen = await driver.inspect(args);
      return seen === null ? null : view(seen);
    },
    list: async (args) => (await driver.list(args)).map(view),
    async adjust(args): Promise<AdjustOutcome> {
      const outcome = await driver.adjust(args);
      if (!lies()) return outcome;
      const vcpus = part(outcome.vcpus);
      if (vcpus.reached !== outcome.vcpus.reached) heard(args.uuid, vcpus.reached);
      return { vcpus, memoryMb: part(outcome.memoryMb), view: view(outcome.view) };
    },
  };
}
