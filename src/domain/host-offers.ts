// Why: an operator knows of a host what nobody can measure: that it is licensed, or where it stands. It is told in the
// configuration and reported with the rest of what the host has.

import type { HostInventory } from './host.ts';

export interface HostOffers {
  /** Each begins with CUSTOM_. */
  readonly traits: readonly string[];
}

export const noOffers: HostOffers = { traits: [] };

const CUSTOM = /^CUSTOM_[A-Z0-9_]{1,248}$/;

/** A name that operators may give to a trait or a kind of resource, by OpenStack's rule. */
export const isCustomName = (name: string): boolean => CUSTOM.test(name);

export function withOffers(inventory: HostInventory, { traits }: HostOffers): HostInventory {
  if (traits.length === 0) return inventory;
  const { facts } = inventory;
  return { ...inventory, facts: { ...facts, traits: [...new Set([...facts.traits, ...traits])].toSorted() } };
}
