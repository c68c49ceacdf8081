// Why: whether guests are told who they are over the network decides what OVN is told, what the host gets, and who needs a config drive.

import type { Config } from './config.ts';

/**
 * Whether guests of this installation have a metadata service: where OVN carries networks, and one process has both their hosts and the
 * database. An agent apart from the database is told only of its own guests, and asks nobody for those of others.
 */
export const hasMetadata = ({ network, bus }: Pick<Config, 'network' | 'bus'>): boolean =>
  network.engine === 'ovn' && network.metadata === 'yes' && bus.url === '';
