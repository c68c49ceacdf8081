// Why: whether guests are told who they are over the network decides what OVN is told, what the host gets, and who needs a config drive.

import type { Config } from './config.ts';

/**
 * Whether guests of this installation have a metadata service: where OVN carries networks, and one process has both their hosts and the
 * database, or agents and APIs have keys by which the ones believe what the others pass on.
 */
export const hasMetadata = ({ network, bus }: Pick<Config, 'network' | 'bus'>): boolean =>
  network.engine === 'ovn' && network.metadata === 'yes' && (bus.url === '' || network.metadata_key_file !== '');

/** Whether Neutron's metadata agents are answered here. */
export const isMetadataProxied = ({ network }: Pick<Config, 'network'>): boolean =>
  network.service === 'neutron' && network.metadata_proxy_shared_secret !== '';
