// Why: what an operator says of a host is checked when the program starts, not when the first flavor asks for it in vain.

import { Fault } from '../base/errors.ts';
import { type HostOffers, isCustomName } from '../domain/placement/host-offers.ts';
import type { Config } from './config.ts';
import { termsOf } from './ops-settings.ts';

/** Throws a Fault that names what is no name for a trait or a kind of resource. */
export function readOffers(compute: Config['compute']): HostOffers {
  const { traits, resources } = compute;
  for (const [option, names] of Object.entries({ traits, resources: Object.keys(resources) })) {
    const odd = names.find((name) => !isCustomName(name));
    if (odd === undefined) continue;
    const message = `configuration: compute.${option}: ${odd}: CUSTOM_ and capitals, digits or underscores are wanted`;
    throw new Fault('internal', message, { code: 'config' });
  }
  return { traits, resources, terms: termsOf(compute) };
}
