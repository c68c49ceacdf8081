// Why: networks: who sees them and when they may go.

import type { Caller } from '../../base/op.ts';
import { units as unitOf } from '../../cloud/ovn/northbound.ts';
import type { Reader } from '../../db/engine.ts';
import { floatingIpNoun } from '../../db/floating-ips.ts';
import {
  deleteRow,
  networkNoun,
  portNoun,
  portsWithOptions,
  replaceRow,
  rowsBy,
  type StoredNetwork,
  subnetNoun,
} from '../../db/networks.ts';
import { asMetBy, isShared, keepWildcards, projectsGiven } from '../../db/network-rbac.ts';
import { portsWithoutPolicy } from '../../db/qos.ts';
import { routersOnSubnets } from '../../db/routers.ts';
import { insertRow } from '../../db/table.ts';
import { boolean, integer } from './forms.ts';
import { born, changeable, changed, commonFilters, commonSortable, commonView, nameAndDescription } from './common.ts';
import { inUse, sharedIpv6NotOffered } from './faults.ts';
import type { Act, Noun } from './noun.ts';
import { metBy } from './on-network.ts';
import { removeFloatingIp } from './ports.ts';
import { policyOf, qosPolicyId } from './qos.ts';
import { mtuFor, onWire, providerAttributes, providerOf, providerView } from './provider.ts';
import { checkOnWire, lockRanges } from './subnet-ranges.ts';

const fields = {
  admin_state_up: 'adminStateUp',
  shared: 'shared',
  'router:external': 'external',
  is_default: 'isDefault',
  port_security_enabled: 'portSecurityEnabled',
  mtu: 'mtu',
} as const;

async function views(reader: Reader, caller: Caller, stored: readonly StoredNetwork[]) {
  const networks = await asMetBy(reader, caller.projectId, stored);
  const subnets = await rowsBy(
    reader,
    subnetNoun,
    'network_id',
    networks.map(({ id }) => id),
  );
  const byNetwork = Map.groupBy(subnets, ({ networkId }) => networkId);
  return networks.map((network) => ({
    ...commonView(network),
    admin_state_up: network.adminStateUp,
    mtu: network.mtu,
    qos_policy_id: network.qosPolicyId,
    status: 'ACTIVE',
    subnets: (byNetwork.get(network.id) ?? []).map(({ id }) => id),
    shared: network.shared,
    'router:external': network.external,
    is_default: network.isDefault,
    port_security_enabled: network.portSecurityEnabled,
    availability_zone_hints: [],
    availability_zones: [],
    ipv4_address_scope: null,
    ipv6_address_scope: null,
    ...providerView(network),
  }));
}

export const networks: Noun<StoredNetwork> = {
  singular: 'network',
  collection: 'networks',
  quota: 'network',
  rows: networkNoun,
  attributes: {
    ...nameAndDescription,
    admin_state_up: changeable(boolean, true),
    shared: changeable(boolean, false),
    'router:external': changeable(boolean, false),
    is_default: changeable(boolean, false),
    port_security_enabled: changeable(boolean, true),
    mtu: changeable(integer(68, 65_535)),
    qos_policy_id: qosPolicyId,
    ...providerAttributes,
  },
  filters: {
    ...commonFilters,
    admin_state_up: { column: 'admin_state_up', as: 'bool' },
    shared: { column: 'shared', as: 'bool' },
    'router:external': { column: 'external', as: 'bool' },
    is_default: { column: 'is_default', as: 'bool' },
    mtu: { column: 'mtu', as: 'number' },
    'provider:network_type': { column: 'network_type' },
    'provider:physical_network': { column: 'physical_network' },
    'provider:segmentation_id': { column: 'segmentation_id', as: 'number' },
    status: { always: 'ACTIVE' },
  },
  sortable: [...commonSortable, 'admin_state_up', 'mtu', 'shared'],
  async sees(reader, caller, network) {
    const { shared, external } = await metBy(reader, caller.projectId, network);
    return shared || external;
  },
  async targets(reader, found, caller) {
    const met = await asMetBy(reader, caller.projectId, found, isShared);
    return met.map(({ shared, external }) => ({ shared, 'router:external': external }));
  },
  views,
  async create(act, values) {
    const { tx, now, engine } = act;
    const provider = await providerOf(act, values);
    const network: StoredNetwork = {
      ...born(values, now),
      adminStateUp: values['admin_state_up'] as boolean,
      shared: values['shared'] as boolean,
      external: values['router:external'] as boolean,
      isDefault: values['is_default'] as boolean,
      portSecurityEnabled: values['port_security_enabled'] as boolean,
      mtu: mtuFor(engine, provider, values['mtu'] as number | undefined),
      ...provider,
      qosPolicyId: (await policyOf(act, values, null)) ?? null,
    };
    await insertRow(tx, networkNoun, network);
    await keepWildcards(tx, network, now);
    return network;
  },
  async update(act, network, values) {
    const { tx, now, engine } = act;
    const policy = await policyOf(act, values, network.qosPolicyId);
    const plain = changed(network, now, values, fields);
    const changedWire = onWire(engine, policy === undefined ? plain : { ...plain, qosPolicyId: policy });
    const mtu = values['mtu'] === undefined ? network.mtu : mtuFor(engine, changedWire, values['mtu'] as number);
    const next = { ...changedWire, mtu };
    if (network.external && !next.external) {
      if ((await rowsBy(tx, floatingIpNoun, 'floating_network_id', [network.id])).length > 0) {
        throw inUse(
          'ExternalNetworkInUse',
          `External network ${network.id} cannot be updated to be made non-external, since it has existing gateway ports.`,
        );
      }
    }
    if (!network.external && next.external && engine.kind === 'ovn') {
      const taken = await lockRanges(tx);
      checkOnWire(
        taken.filter(({ networkId }) => networkId === network.id),
        taken.filter(({ networkId, external }) => external && networkId !== network.id),
      );
    }
    if (!network.shared && next.shared && engine.kind === 'ovn') {
      // whoever makes a subnet meanwhile waits for the network's row
      const subnets = await rowsBy(tx, subnetNoun, 'network_id', [network.id]);
      if (subnets.some(({ ipVersion }) => ipVersion === 6)) throw sharedIpv6NotOffered();
    }
    if (network.shared && !next.shared) {
      const ports = await rowsBy(tx, portNoun, 'network_id', [network.id]);
      const given = await projectsGiven(tx, network.id, 'access_as_shared');
      if (ports.some((port) => port.projectId !== network.projectId && !given.has(port.projectId))) {
        throw inUse(
          'InvalidSharedSetting',
          `Unable to reconfigure sharing settings for network ${network.id}. Multiple tenants are using it.`,
        );
      }
    }
    await replaceRow(tx, networkNoun, next);
    await keepWildcards(tx, next, now);
    return next;
  },
  async remove({ tx, now }, network) {
    // as in Neutron, floating addresses that lead nowhere do not keep their network
    for (const ip of await rowsBy(tx, floatingIpNoun, 'floating_network_id', [network.id])) {
      if (ip.portId === null) await removeFloatingIp(tx, ip, now);
    }
    if ((await rowsBy(tx, portNoun, 'network_id', [network.id])).length > 0) {
      throw inUse(
        'NetworkInUse',
        `Unable to complete operation on network ${network.id}. There are one or more ports still in use on the network.`,
      );
    }
    for (const subnet of await rowsBy(tx, subnetNoun, 'network_id', [network.id])) {
      await deleteRow(tx, subnetNoun, subnet.id);
    }
    await deleteRow(tx, networkNoun, network.id);
  },
  // servers list their addresses under the network's name
  async concerns(reader, before, after) {
    return before === null || after === null || after.name === before.name
      ? []
      : rowsBy(reader, portNoun, 'network_id', [before.id]);
  },
  async units(reader, before, after) {
    const network = after ?? before;
    if (network === null) return [];
    const isSame = before === null || after === null || before.mtu === after.mtu;
    const subnets = isSame ? [] : await rowsBy(reader, subnetNoun, 'network_id', [network.id]);
    const routers = await routersOnSubnets(
      reader,
      subnets.map(({ id }) => id),
    );
    const isAlike = before === null || after === null || before.qosPolicyId === after.qosPolicyId;
    const ports = isAlike ? [] : await portsWithoutPolicy(reader, network.id);
    // what DHCP tells them has the MTU in it
    const told = isSame ? [] : await portsWithOptions(reader, network.id);
    return [unitOf.network(network.id), ...routers.map(unitOf.router), ...[...ports, ...told].map(unitOf.port)];
  },
  tagsOf: ({ tags }) => tags,
  async retag({ tx, now }: Act, network, tags) {
    const next = { ...network, tags, revision: network.revision + 1, updatedAt: now };
    await replaceRow(tx, networkNoun, next);
    return next;
  },
};
