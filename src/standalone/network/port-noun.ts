// Why: ports as the API shows and takes them: what a port may ask for depends on whose network it is on.

import type { Caller } from '../../base/op.ts';
import type { Reader } from '../../db/engine.ts';
import { allocationsBy, groupNoun, networkNoun, portNoun, rowsBy, type StoredPort } from '../../db/networks.ts';
import { floatingIpNoun } from '../../db/floating-ips.ts';
import { routersForwardingTo } from '../../db/port-forwardings.ts';
import { findRow } from '../../db/table.ts';
import { units as unitOf } from '../../cloud/ovn/northbound.ts';
import type { Tx } from '../../db/tx.ts';
import { addressPairs } from './address-pairs.ts';
import type { Values } from './attributes.ts';
import {
  changeable,
  changed,
  commonFilters,
  commonSortable,
  commonView,
  fixed,
  nameAndDescription,
  required,
} from './common.ts';
import { extraDhcpOpts, optionsView, withOptions } from './dhcp-opts.ts';
import { inUse, invalid, missing } from './faults.ts';
import { anyObject, boolean, ipAddress, listOf, mac, objectOf, oneOf, saying, textOrNull, uuid } from './forms.ts';
import { defaultGroupId } from './groups.ts';
import type { Act, Noun } from './noun.ts';
import { knownNetwork, ofNetworks, onNetwork } from './on-network.ts';
import {
  type AddressRequest,
  createPort,
  FLOATING_OWNER,
  removePort,
  replaceAddresses,
  savePort,
  unbound,
} from './ports.ts';
import { policyOf, qosPolicyId } from './qos.ts';
import { isRouterPort } from './router-noun.ts';

const fixedIp = objectOf({ subnet_id: uuid, ip_address: ipAddress }, [], {
  anyOf: [{ required: ['subnet_id'] }, { required: ['ip_address'] }],
  ...saying({ anyOf: 'IP allocation requires subnet_id or ip_address.' }),
});

/** @throws notFound for a group that is not the port's project's */
async function checkGroups(
  tx: Tx,
  caller: Caller,
  projectId: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  const unique = [...new Set(ids)];
  const found = await rowsBy(tx, groupNoun, 'id', unique);
  for (const id of unique) {
    const group = found.find((one) => one.id === id);
    if (group === undefined || (group.projectId !== projectId && !caller.isAdmin)) throw missing('security_group', id);
  }
  return unique;
}

function checkSecurity(port: {
  readonly portSecurityEnabled: boolean;
  readonly securityGroups: readonly string[];
}): void {
  if (!port.portSecurityEnabled && port.securityGroups.length > 0) {
    throw invalid(
      'Port security must be enabled and port must have an IP address in order to use security groups.',
      'PortSecurityAndIPRequiredForSecurityGroups',
    );
  }
}

const servicePort = ({ id, deviceOwner }: Pick<StoredPort, 'id' | 'deviceOwner'>, verb: 'deleted' | 'updated') =>
  inUse('ServicePortInUse', `Port ${id} cannot be ${verb} directly via the port API: has device owner ${deviceOwner}.`);

/** The port of a floating address holds what the address says, and goes with it. */
function checkNotFloating({ id, deviceOwner }: StoredPort, verb: 'deleted' | 'updated'): void {
  if (deviceOwner === FLOATING_OWNER) throw servicePort({ id, deviceOwner }, verb);
}

/** What makes a port a router's. */
const ROUTERS_OWN = [
  ...['fixed_ips', 'device_id', 'device_owner', 'security_groups', 'port_security_enabled'],
  ...['allowed_address_pairs', 'binding:host_id'],
];

/** A router's port is what the router is, and goes with it. */
async function checkNotRouters({ tx }: Act, port: StoredPort, values: Values): Promise<void> {
  if (!ROUTERS_OWN.some((name) => values[name] !== undefined)) return;
  if (await isRouterPort(tx, port.id)) throw servicePort(port, 'updated');
}

const isBound = ({ binding }: StoredPort): boolean => binding.host_id !== '' || Object.keys(binding.profile).length > 0;

/** A port that compute holds goes where compute says: its owner would plug it into another server, perhaps somebody else's. */
function checkDevice(act: Act, port: StoredPort, values: Values): void {
  const changes = (name: 'device_id' | 'device_owner', now: string): boolean =>
    values[name] !== undefined && values[name] !== now;
  if (act.everywhere || !isBound(port)) return;
  if (!changes('device_id', port.deviceId) && !changes('device_owner', port.deviceOwner)) return;
  throw inUse(
    'PortBound',
    `Unable to complete operation on port ${port.id}, port is already bound: its device is not to be changed by its owner.`,
  );
}

/** Another MAC address is for a port that nothing holds: a guest keeps the one that it began with. */
function macOf(port: StoredPort, values: Values): string {
  const wanted = (values['mac_address'] as string | undefined) ?? port.macAddress;
  if (wanted === port.macAddress || (port.deviceId === '' && !isBound(port))) return wanted;
  throw inUse(
    'PortBound',
    `Unable to complete operation on port ${port.id}, port is already bound: its MAC address is its device's.`,
  );
}

async function views(reader: Reader, _caller: Caller, ports: readonly StoredPort[]) {
  const allocations = await allocationsBy(
    reader,
    'port_id',
    ports.map(({ id }) => id),
  );
  const byPort = Map.groupBy(allocations, ({ portId }) => portId);
  const networkIds = [...new Set(ports.map(({ networkId }) => networkId))];
  const onNetworks = new Map((await rowsBy(reader, networkNoun, 'id', networkIds)).map((n) => [n.id, n.qosPolicyId]));
  return ports.map((port) => ({
    ...commonView(port),
    network_id: port.networkId,
    mac_address: port.macAddress,
    admin_state_up: port.adminStateUp,
    status: port.status,
    device_id: port.deviceId,
    device_owner: port.deviceOwner,
    fixed_ips: (byPort.get(port.id) ?? []).map(({ subnetId, address }) => ({
      subnet_id: subnetId,
      ip_address: address,
    })),
    security_groups: port.securityGroups,
    port_security_enabled: port.portSecurityEnabled,
    allowed_address_pairs: port.allowedAddressPairs,
    qos_policy_id: port.qosPolicyId,
    extra_dhcp_opts: optionsView(port.extraDhcpOpts),
    qos_network_policy_id: onNetworks.get(port.networkId) ?? null,
    'binding:vnic_type': port.binding.vnic_type,
    'binding:host_id': port.binding.host_id,
    'binding:vif_type': port.binding.vif_type,
    'binding:vif_details': port.binding.vif_details,
    'binding:profile': port.binding.profile,
  }));
}

export const ports: Noun<StoredPort> = {
  singular: 'port',
  collection: 'ports',
  quota: 'port',
  rows: portNoun,
  attributes: {
    ...nameAndDescription,
    network_id: required(uuid),
    mac_address: changeable(mac),
    admin_state_up: changeable(boolean, true),
    device_id: changeable(textOrNull(255), ''),
    device_owner: changeable(textOrNull(255), ''),
    fixed_ips: changeable(listOf(fixedIp)),
    security_groups: changeable(listOf(uuid)),
    port_security_enabled: changeable(boolean),
    allowed_address_pairs: changeable(addressPairs),
    qos_policy_id: qosPolicyId,
    extra_dhcp_opts: extraDhcpOpts,
    'binding:host_id': changeable(textOrNull(255), ''),
    'binding:profile': changeable(anyObject, {}),
    'binding:vnic_type': fixed(oneOf(['normal']), 'normal'),
  },
  filters: {
    ...commonFilters,
    network_id: { column: 'network_id' },
    mac_address: { column: 'mac_address' },
    admin_state_up: { column: 'admin_state_up', as: 'bool' },
    status: { column: 'status' },
    device_id: { column: 'device_id' },
    device_owner: { column: 'device_owner' },
  },
  sortable: [...commonSortable, 'network_id', 'mac_address', 'status', 'device_id', 'device_owner', 'admin_state_up'],
  async sees(reader, caller, { networkId }) {
    return (await findRow(reader, networkNoun, { id: networkId }))?.projectId === caller.projectId;
  },
  views,
  targets: ofNetworks,
  wanted: async (act, values) => onNetwork(await knownNetwork(act, values['network_id'] as string)),
  wished: ({ device_owner: owner }) => ({ network_device: typeof owner === 'string' && owner.startsWith('network:') }),
  async create(act, values) {
    const { tx, caller } = act;
    const networkId = values['network_id'] as string;
    const projectId = values['project_id'] as string;
    const network = await knownNetwork(act, networkId);
    const portSecurityEnabled = (values['port_security_enabled'] as boolean | undefined) ?? network.portSecurityEnabled;
    const asked = values['security_groups'] as readonly string[] | undefined;
    const byDefault = portSecurityEnabled ? [defaultGroupId(projectId)] : [];
    const securityGroups = asked === undefined ? byDefault : await checkGroups(tx, caller, projectId, asked);
    checkSecurity({ portSecurityEnabled, securityGroups });
    const policy = (await policyOf(act, values, null)) ?? null;
    return createPort(
      tx,
      network,
      {
        projectId,
        networkId,
        name: values['name'] as string,
        description: values['description'] as string,
        macAddress: (values['mac_address'] as string | undefined) ?? null,
        adminStateUp: values['admin_state_up'] as boolean,
        deviceId: values['device_id'] as string,
        deviceOwner: values['device_owner'] as string,
        portSecurityEnabled,
        securityGroups,
        qosPolicyId: policy,
        extraDhcpOpts: withOptions(act.engine, values['extra_dhcp_opts'], null),
        allowedAddressPairs: (values['allowed_address_pairs'] as StoredPort['allowedAddressPairs'] | undefined) ?? [],
        binding: {
          ...unbound,
          host_id: values['binding:host_id'] as string,
          profile: values['binding:profile'] as Record<string, unknown>,
        },
      },
      (values['fixed_ips'] as readonly AddressRequest[] | undefined) ?? null,
      act,
    );
  },
  async update(act, port, values) {
    const { tx, now } = act;
    checkDevice(act, port, values);
    const network = await findRow(tx, networkNoun, { id: port.networkId });
    if (network === null) throw missing('network', port.networkId);
    const policy = await policyOf(act, values, port.qosPolicyId);
    const plain = changed(port, now, values, {
      admin_state_up: 'adminStateUp',
      device_id: 'deviceId',
      device_owner: 'deviceOwner',
      port_security_enabled: 'portSecurityEnabled',
      security_groups: 'securityGroups',
      allowed_address_pairs: 'allowedAddressPairs',
    });
    const next = {
      ...plain,
      ...(policy === undefined ? {} : { qosPolicyId: policy }),
      macAddress: macOf(port, values),
      extraDhcpOpts: withOptions(act.engine, values['extra_dhcp_opts'], port.extraDhcpOpts),
    };
    const groups = values['security_groups'] as readonly string[] | undefined;
    if (groups !== undefined) await checkGroups(tx, act.caller, port.projectId, groups);
    checkSecurity(next);
    const requests = values['fixed_ips'] as readonly AddressRequest[] | undefined;
    await checkNotRouters(act, port, values);
    if (requests !== undefined) {
      checkNotFloating(port, 'updated');
      await replaceAddresses(tx, network, port.id, requests, now);
    }
    const binding = {
      ...next.binding,
      ...(values['binding:host_id'] === undefined ? {} : { host_id: values['binding:host_id'] as string }),
      ...(values['binding:profile'] === undefined
        ? {}
        : { profile: values['binding:profile'] as Record<string, unknown> }),
    };
    return savePort(tx, { ...next, binding, revision: port.revision }, act);
  },
  async remove({ tx, now }, port) {
    checkNotFloating(port, 'deleted');
    if (await isRouterPort(tx, port.id)) throw servicePort(port, 'deleted');
    await removePort(tx, port.id, now);
  },
  concerns: async (_reader, before, after) => (before === null ? [] : after === null ? [before] : [before, after]),
  tagsOf: ({ tags }) => tags,
  async units(reader, before, after) {
    const port = after ?? before;
    if (port === null) return [];
    // floating addresses that lead to it go where it does
    const floating = await rowsBy(reader, floatingIpNoun, 'port_id', [port.id]);
    return [
      unitOf.port(port.id),
      ...floating.flatMap(({ routerId }) => (routerId === '' ? [] : [unitOf.router(routerId)])),
      ...(await routersForwardingTo(reader, port.id)).map(unitOf.router),
    ];
  },
  retag: (act, port, tags) => savePort(act.tx, { ...port, tags }, act),
};
