// Why: what an operator says of a host is checked when the program starts, not when the first flavor asks for it in vain.

import { Fault } from '../base/errors.ts';
import { type HostOffers, isCustomName } from '../domain/host-offers.ts';
import type { Config } from './config.ts';

/** Throws a Fault that names what is no name for a trait. */
export function readOffers({ traits }: Config['compute']): HostOffers {
  const odd = traits.find((name) => !isCustomName(name));
  if (odd === undefined) return { traits };
  const message = `configuration: compute.traits: ${odd}: CUSTOM_ and capitals, digits or underscores are wanted`;
  throw new Fault('internal', message, { code: 'config' });
}
