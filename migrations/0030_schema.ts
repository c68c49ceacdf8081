// Why: the tables that this program began with. Times are milliseconds since the epoch (BIGINT), JSON is text that src/db/codec.ts
// reads, names compare byte by byte on both engines. What came later are migrations of their own.

import type { Migration } from '../src/db/upgrade.ts';
import { makeActions } from './schema/actions.ts';
import { makeFlavors } from './schema/flavors.ts';
import { makeHosts } from './schema/hosts.ts';
import { makeIdentity } from './schema/identity.ts';
import { makeImages } from './schema/images.ts';
import { makeNetworks } from './schema/networks.ts';
import { makePlacement } from './schema/placement.ts';
import { makeServers } from './schema/servers.ts';

export const schema: Migration = {
  name: '0030_schema',
  // in so many steps it came about; a database that has them all has it
  replaces: [
    '0001_core',
    '0002_standalone',
    '0003_reclaim',
    '0004_shelved',
    '0005_migrations',
    '0006_server_parts',
    '0008_groups',
    '0009_server_sizes',
    '0010_notifications',
    '0016_console_auth_tokens',
    '0019_elastic_servers',
    '0020_promised_sizes',
    '0021_billed_sizes',
    '0023_floating_ips',
    '0025_numa',
    '0027_resources',
    '0028_pci',
    '0029_host_changes',
    '0030_reservations',
  ],
  async up(knex) {
    await makeHosts(knex);
    await makeFlavors(knex);
    await makeServers(knex);
    await makePlacement(knex);
    await makeActions(knex);
    await makeIdentity(knex);
    await makeImages(knex);
    await makeNetworks(knex);
  },
};
