// Why: one network interface of a guest: its port's addresses, its flavor's bounds, its image's model. It is on a network of libvirt's,
// in a bridge of Open vSwitch under its port's id, by which OVN knows it, or in a bridge of Linux under the name by which Neutron's agent does.

import { notImplemented } from '../../../base/errors.ts';
import { checkedUuid } from '../../../base/ids.ts';
import type { InterfacePlan } from '../../../domain/networks/interface-plan.ts';
import { tapName } from '../../../domain/moving/foreign-guest.ts';
import type { NicSpec } from '../../../domain/networks/server-nics.ts';
import { networkName } from '../names.ts';
import { bridgeOf, isNat, isOvs } from '../nics.ts';
import { filterName } from '../port-filter.ts';
import { endXml, leaf, startXml, type XMLBuilder } from '../xml.ts';

/** One interface by itself, for a guest that is there already. */
export const interfaceXml = (nic: NicSpec, plan: InterfacePlan): string =>
  endXml(fill(startXml('interface', kindOf(nic)), nic, plan));

/** @param namedTap whether its device on the host has the name that Neutron knows it by */
export function writeInterface(devices: XMLBuilder, nic: NicSpec, plan: InterfacePlan, namedTap = false): XMLBuilder {
  const device = fill(devices.ele('interface', kindOf(nic)), nic, plan);
  if (namedTap && isOvs(nic)) leaf(device, 'target', { dev: tapName(nic.portId) });
  return device;
}

const kindOf = (nic: NicSpec) => ({ type: isNat(nic) ? 'network' : 'bridge' });

/** What a switch in user space cannot do: a packet whose checksum is left to it to finish goes nowhere. */
const NO_OFFLOADS = { csum: 'off', tso4: 'off', tso6: 'off', ecn: 'off', ufo: 'off' } as const;

function fill(device: XMLBuilder, nic: NicSpec, plan: InterfacePlan): XMLBuilder {
  leaf(device, 'mac', { address: nic.mac });
  leaf(device, 'model', { type: plan.model });
  writeDriver(device, nic, plan);
  if (isNat(nic)) fillNat(device, nic, plan);
  else if (isOvs(nic)) fillOvs(device, nic, plan);
  else fillBridged(device, nic, plan);
  return device;
}

function fillNat(device: XMLBuilder, nic: NicSpec, { limits }: InterfacePlan): void {
  leaf(device, 'source', { network: networkName(nic.network.id) });
  writeBandwidth(device, limits);
  leaf(device, 'filterref', { filter: filterName(nic.portId) });
}

function fillBridged(device: XMLBuilder, nic: NicSpec, { limits }: InterfacePlan): void {
  leaf(device, 'source', { bridge: bridgeOf(nic) });
  leaf(device, 'target', { dev: tapName(checkedUuid(nic.portId)) });
  writeBandwidth(device, limits);
  leaf(device, 'mtu', { size: nic.network.mtu });
}

function fillOvs(device: XMLBuilder, nic: NicSpec, { limits }: InterfacePlan): void {
  // libvirt would ask the kernel to hold packets back, which not every bridge of Open vSwitch goes through
  if (limits.inbound !== undefined || limits.outbound !== undefined)
    throw notImplemented('A network interface on OVN has no bandwidth limits yet (quota:vif_…).', {
      code: 'port.limits',
    });
  leaf(device, 'source', { bridge: bridgeOf(nic) });
  const port = device.ele('virtualport', { type: 'openvswitch' });
  leaf(port, 'parameters', { interfaceid: checkedUuid(nic.portId) });
  leaf(device, 'mtu', { size: nic.network.mtu });
}

function writeDriver(parent: XMLBuilder, nic: NicSpec, { model, queues, packedRing }: InterfacePlan): void {
  const words = { ...(queues === null ? {} : { queues }), ...(packedRing ? { packed: 'on' } : {}) };
  const isBare = isOvs(nic) && nic.vifDetails['offloads'] === false && model === 'virtio';
  if (Object.keys(words).length === 0 && !isBare) return;
  const driver = parent.ele('driver', words);
  if (!isBare) return;
  leaf(driver, 'host', { ...NO_OFFLOADS, gso: 'off' });
  leaf(driver, 'guest', NO_OFFLOADS);
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
