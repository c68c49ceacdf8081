// Why: one network interface of a guest: its port's addresses, its flavor's bounds, its image's model.

import type { InterfacePlan } from '../../../domain/networks/interface-plan.ts';
import type { NicSpec } from '../../../domain/networks/nic.ts';
import { networkName } from '../names.ts';
import { filterName } from '../port-filter.ts';
import { endXml, leaf, startXml, type XMLBuilder } from '../xml.ts';

/** One interface by itself, for a guest that is there already. */
export const interfaceXml = (nic: NicSpec, plan: InterfacePlan): string =>
  endXml(fill(startXml('interface', INTERFACE), nic, plan));

export const writeInterface = (devices: XMLBuilder, nic: NicSpec, plan: InterfacePlan): XMLBuilder =>
  fill(devices.ele('interface', INTERFACE), nic, plan);

const INTERFACE = { type: 'network' } as const;

function fill(device: XMLBuilder, nic: NicSpec, { model, queues, packedRing, limits }: InterfacePlan): XMLBuilder {
  leaf(device, 'mac', { address: nic.mac });
  leaf(device, 'source', { network: networkName(nic.network.id) });
  leaf(device, 'model', { type: model });
  const driver = { ...(queues === null ? {} : { queues }), ...(packedRing ? { packed: 'on' } : {}) };
  if (Object.keys(driver).length > 0) leaf(device, 'driver', driver);
  writeBandwidth(device, limits);
  return leaf(device, 'filterref', { filter: filterName(nic.portId) });
}

function writeBandwidth(device: XMLBuilder, limits: InterfacePlan['limits']): void {
  if (limits.inbound === undefined && limits.outbound === undefined) return;
  const bandwidth = device.ele('bandwidth');
  for (const way of ['inbound', 'outbound'] as const) {
    const limit = limits[way];
    if (limit === undefined) continue;
    const { average, peak, burst } = limit;
    leaf(bandwidth, way, {
      average,
      ...(peak === null ? {} : { peak }),
      ...(burst === null ? {} : { burst }),
    });
  }
}
