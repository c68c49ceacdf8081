// Why: migrations are imported, not found in a folder, so that sources and dist/ run the same list.

import type { Migration } from '../src/db/migrate.ts';
import { core } from './0001_core.ts';
import { standalone } from './0002_standalone.ts';
import { reclaim } from './0003_reclaim.ts';
import { shelved } from './0004_shelved.ts';
import { serverMoves } from './0005_migrations.ts';
import { serverParts } from './0006_server_parts.ts';
import { groups } from './0008_groups.ts';
import { serverSizes } from './0009_server_sizes.ts';
import { notifications } from './0010_notifications.ts';
import { consoleAuthTokens } from './0016_console_auth_tokens.ts';
import { elasticServers } from './0019_elastic_servers.ts';
import { promisedSizes } from './0020_promised_sizes.ts';
import { billedSizes } from './0021_billed_sizes.ts';
import { floatingIps } from './0023_floating_ips.ts';
import { numa } from './0025_numa.ts';
import { resources } from './0027_resources.ts';
import { pci } from './0028_pci.ts';
import { hostChanges } from './0029_host_changes.ts';
import { reservations } from './0030_reservations.ts';
import { consoleUsers } from './0031_console_users.ts';
import { deletedImages } from './0032_deleted_images.ts';
import { identityEndings } from './0033_identity_endings.ts';
import { readiness } from './0034_readiness.ts';
import { namedLocks } from './0034_named_locks.ts';
import { serverStates } from './0035_server_states.ts';
import { purge } from './0035_purge.ts';
import { notificationTurns } from './0036_notification_turns.ts';
import { reconcilerTurns } from './0037_reconciler_turns.ts';
import { tagIndex } from './0038_tag_index.ts';
import { beats } from './0039_beats.ts';
import { waitingPlacements } from './0040_waiting_placements.ts';

export const migrations: readonly Migration[] = [
  core,
  standalone,
  reclaim,
  shelved,
  serverMoves,
  serverParts,
  groups,
  serverSizes,
  notifications,
  consoleAuthTokens,
  elasticServers,
  promisedSizes,
  billedSizes,
  floatingIps,
  numa,
  resources,
  pci,
  hostChanges,
  reservations,
  consoleUsers,
  deletedImages,
  identityEndings,
  readiness,
  namedLocks,
  serverStates,
  purge,
  notificationTurns,
  reconcilerTurns,
  tagIndex,
  beats,
  waitingPlacements,
];
