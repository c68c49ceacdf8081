// Why: NUMA nodes and devices of a host are chosen for a server in one place, since each depends on the other. The filters ask for the
// reason, the claim for the choice; nobody later in the chain chooses anything.

import { type Host, numaHostOf } from './hosts.ts';
import type { NumaTopology } from '../numa/numa.ts';
import { fitNuma } from '../numa/numa-fit.ts';
import type { NumaRequest } from '../numa/numa-request.ts';
import type { PciRequest } from '../pci/pci-alias.ts';
import { fitPci, nodesNearDevices, type PciHost } from '../pci/pci-fit.ts';
import type { TakenDevice } from '../pci/pci.ts';

export interface FitRequest {
  /** Null: it leaves that to the host. */
  readonly numa: NumaRequest | null;
  /** Null: it asks for no devices. */
  readonly pci: PciRequest | null;
}

export type HostFit =
  | { readonly numa: NumaTopology | null; readonly pci: readonly TakenDevice[] | null; readonly reason: null }
  /** A clause for people. */
  | { readonly reason: string };

const NOTHING: HostFit = { numa: null, pci: null, reason: null };

const pciHostOf = ({ inventory, pciTaken }: Host): PciHost => ({
  devices: inventory.facts.pciDevices ?? [],
  taken: pciTaken,
  cells: inventory.facts.numaCells,
});

/** What a server gets of a host's NUMA nodes and devices, or why it cannot be there. */
export function fitHost(host: Host, { numa, pci }: FitRequest): HostFit {
  if (numa === null && pci === null) return NOTHING;
  if (pci === null) {
    const { topology, reason } = fitNuma(numaHostOf(host), numa as NumaRequest);
    return reason === null ? { numa: topology, pci: null, reason } : { reason };
  }
  const machine = pciHostOf(host);
  if (numa === null) {
    const { devices, reason } = fitPci(machine, pci, new Set());
    return reason === null ? { numa: null, pci: devices, reason } : { reason };
  }
  return fitBoth(host, machine, numa, pci);
}

/** A node with devices first, one after another; then wherever the server would lie without any. */
function fitBoth(host: Host, machine: PciHost, numa: NumaRequest, pci: PciRequest): HostFit {
  let refusal = '';
  for (const first of [...nodesNearDevices(machine, pci), null]) {
    const { topology, reason } = fitNuma(numaHostOf(host), numa, first);
    // with a node first or not: the server lies somewhere or nowhere
    if (topology === null) return { reason };
    const fit = fitPci(machine, pci, new Set(topology.cells.map(({ hostNode }) => hostNode)));
    if (fit.reason === null) return { numa: topology, pci: fit.devices, reason: null };
    refusal = fit.reason;
  }
  return { reason: refusal };
}
