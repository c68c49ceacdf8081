// Why: an operator knows of a host what nobody can measure: that it is licensed, or where it stands. It is told in the
// configuration and reported with the rest of what the host has.

import type { HostTerms } from './host-terms.ts';
import type { Chassis, HostInventory } from './hosts.ts';
import type { Resources } from './resource-specs.ts';

export interface HostOffers {
  /** Each begins with CUSTOM_. */
  readonly traits: readonly string[];
  /** How many of each kind it has. */
  readonly resources: Resources;
  /** Absent: the control plane's own. */
  readonly terms?: HostTerms;
}

export const noOffers: HostOffers = { traits: [], resources: {} };

const CUSTOM = /^CUSTOM_[A-Z0-9_]{1,248}$/;

/** A name that operators may give to a trait or a kind of resource, by OpenStack's rule. */
export const isCustomName = (name: string): boolean => CUSTOM.test(name);

/** @param chassis what the host is in OVN; null: nothing */
export function withOffers(
  inventory: HostInventory,
  { traits, resources, terms }: HostOffers,
  chassis: Chassis | null = null,
): HostInventory {
  const { facts } = inventory;
  return {
    ...inventory,
    facts: {
      ...facts,
      traits: [...new Set([...facts.traits, ...traits])].toSorted(),
      resources,
      ...(terms === undefined ? {} : { terms }),
      ...(chassis === null ? {} : { chassis }),
    },
  };
}
