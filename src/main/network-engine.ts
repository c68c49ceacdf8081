// Why: what carries networks is named by the configuration; OVN is told of every change by each process that has the database.

import { readFileSync } from 'node:fs';
import { northboundTables } from '../cloud/ovn/northbound.ts';
import { openOvsdb } from '../cloud/ovn/ovsdb/client.ts';
import { parseRemote } from '../cloud/ovn/ovsdb/remote.ts';
import { makeReconciler } from '../cloud/ovn/reconciler.ts';
import { badRequest, messageOf } from '../base/errors.ts';
import { countDirtyUnits } from '../db/network-units.ts';
import { basicEngine, type NetworkEngine } from '../standalone/network/engine.ts';
import { makeUnitSource } from '../standalone/network/units.ts';
import type { Config } from './config.ts';
import type { Condition } from './health.ts';
import { hasMetadata } from './metadata-wish.ts';
import type { Parts } from './parts.ts';

export interface OpenedEngine {
  readonly engine: NetworkEngine;
  /** What must hold for networks to be carried; none where nothing else is asked. */
  readonly conditions: readonly Condition[];
}

/** Where the Northbound database is, and the files of TLS where it is asked over that. @throws badRequest */
export function northboundOf({ network }: Config) {
  const remotes = network.ovn_nb.map((text) => text.trim());
  const parsed = remotes.map(parseRemote);
  const { ovn_ca: ca, ovn_certificate: certificate, ovn_key: key } = network;
  const isTls = parsed.some((remote) => remote?.kind === 'ssl');
  if (remotes.length === 0 || (isTls && [ca, certificate, key].includes('')))
    throw badRequest(
      'network.ovn_nb names no database, or one over TLS without network.ovn_ca, _certificate and _key',
      {
        code: 'config',
      },
    );
  for (const path of isTls ? [ca, certificate, key] : []) {
    try {
      readFileSync(path);
    } catch (error) {
      throw badRequest(`network.ovn_…: ${messageOf(error)}`, { code: 'config' });
    }
  }
  return { remotes, tls: isTls ? { ca, certificate, key } : null };
}

function openOvn(parts: Parts): OpenedEngine {
  const { config, database, clock, log, metrics, cleanup } = parts;
  const { ovn_wire: wire, ovn_gateways: gateways, ovn_offloads: offloads, ovn_tunnel_mtu: tunnelMtu } = config.network;
  const where = northboundOf(config);
  const told = metrics.counter(
    'xloud_ovn_units_told_total',
    'Networks, ports, groups and routers that OVN was told of',
  );
  const refused = metrics.counter('xloud_ovn_refused_total', 'Times that OVN refused what one should come to');
  const compared = metrics.counter('xloud_ovn_comparisons_total', 'Times that all of OVN was compared with the tables');
  const reconciler = makeReconciler({
    source: makeUnitSource(database, clock, { wire, gateways, metadata: hasMetadata(config) }),
    open: (changed) =>
      openOvsdb({ ...where, database: 'OVN_Northbound', tables: northboundTables, clock, log, changed }),
    clock,
    log,
    counts: { told: (units) => told.inc(units), refused: () => refused.inc(), compared: () => compared.inc() },
  });
  cleanup.defer(() => reconciler.close());
  metrics.gaugeOf('xloud_ovn_units_waiting', 'Changes of networks that OVN was not told of yet', [], async () => [
    [{}, await countDirtyUnits(database.read)],
  ]);
  metrics.gaugeOf('xloud_ovn_up', 'Whether OVN can be told (1) or not (0)', [], () => [
    [{}, reconciler.problem() === null ? 1 : 0],
  ]);
  return {
    engine: { kind: 'ovn', gateways, wire, tunnelMtu, offloads: offloads === 'yes', nudge: () => reconciler.nudge() },
    conditions: [{ name: 'networks', problem: () => reconciler.problem() }],
  };
}

/** What carries networks here. */
export const openNetworkEngine = (parts: Parts): OpenedEngine =>
  parts.config.network.engine === 'ovn' ? openOvn(parts) : { engine: basicEngine, conditions: [] };
