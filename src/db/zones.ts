// Why: a host's zone is said by its aggregates alone; every query that wants it says so in the same words.

import { ZONE_KEY } from '../domain/placement/aggregates.ts';

/** The zone of a row of `services`, as an expression: its aggregates', or the one of hosts that are in none. */
export const SERVICE_ZONE =
  'coalesce((select max(zoned.value) from aggregate_hosts member join aggregate_metadata zoned ' +
  `on zoned.aggregate_id = member.aggregate_id and zoned.\`key\` = '${ZONE_KEY}' ` +
  "where member.host = services.host and services.binary = 'nova-compute'), services.zone)";
