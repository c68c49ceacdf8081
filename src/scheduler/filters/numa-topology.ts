// Why: a server with NUMA nodes, dedicated CPUs or pages of its own needs a host that has them free.

import { fitNuma } from '../../domain/numa/numa-fit.ts';
import { numaHostOf } from '../../domain/placement/hosts.ts';
import type { Filter } from '../spec.ts';

export const numaTopologyFilter: Filter = ({ numa }) =>
  numa === null ? null : (host) => fitNuma(numaHostOf(host), numa).reason;
