// Why: a server that asks for devices needs a host that has them free, near where its NUMA nodes would lie.

import { fitHost } from '../../domain/placement/host-fit.ts';
import type { Filter } from '../spec.ts';

export const pciPassthroughFilter: Filter = ({ numa, pci }) =>
  pci === null ? null : (host) => fitHost(host, { numa, pci }).reason;
