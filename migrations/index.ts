// Why: migrations are imported, not found in a folder, so that sources and dist/ run the same list.

import type { Migration } from '../src/db/upgrade.ts';
import { schema } from './0030_schema.ts';
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
import { networkEngine } from './0041_network_engine.ts';
import { evacuationTurn } from './0042_evacuation_turn.ts';
import { volumes } from './0043_volumes.ts';
import { portForwardings } from './0044_port_forwardings.ts';
import { qos } from './0045_qos.ts';
import { dhcpOpts } from './0046_dhcp_opts.ts';
import { usageSamples } from './0048_usage_samples.ts';
import { metering } from './0049_metering.ts';
import { serverCopies } from './0050_server_copies.ts';
import { adjustPolicies } from './0055_adjust_policies.ts';
import { sshPorts } from './0051_ssh_ports.ts';
import { phoneHomes } from './0052_phone_homes.ts';
import { ovnHosts } from './0058_ovn_hosts.ts';
import { identityMore } from './0059_identity_more.ts';
import { networkRbac } from './0060_network_rbac.ts';
import { subnetPools } from './0061_subnet_pools.ts';
import { novaImports } from './0062_nova_imports.ts';
import { placementMirror } from './0064_placement_mirror.ts';
import { addressGroups } from './0047_address_groups.ts';

export const migrations: readonly Migration[] = [
  schema,
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
  networkEngine,
  evacuationTurn,
  volumes,
  portForwardings,
  qos,
  dhcpOpts,
  addressGroups,
  usageSamples,
  metering,
  serverCopies,
  adjustPolicies,
  sshPorts,
  phoneHomes,
  ovnHosts,
  identityMore,
  networkRbac,
  subnetPools,
  novaImports,
  placementMirror,
];
