// Why: Nova's network info cache of a server's ports is converted to our own form.

import { isIPv6 } from 'node:net';
import type { NetworkFacts, NicSpec, SubnetFacts } from '../networks/server-nics.ts';
import { jsonIn, listIn, objectIn } from './nova-rows.ts';

type Vif = Readonly<Record<string, unknown>>;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const addressOf = (value: unknown): string => text(objectIn(value)['address']);

const DEFAULT_MTU = 1500;

function readSubnet(value: unknown): SubnetFacts {
  const subnet = objectIn(value);
  const cidr = text(subnet['cidr']);
  const gateway = addressOf(subnet['gateway']);
  const meta = objectIn(subnet['meta']);
  return {
    id: text(meta['subnet_id'] ?? meta['id']),
    cidr,
    ipVersion: isIPv6(cidr.split('/')[0] ?? '') ? 6 : 4,
    gateway: gateway === '' ? null : gateway,
    enableDhcp: meta['dhcp_server'] !== undefined,
    dnsServers: listIn(subnet['dns']).map(addressOf).filter(Boolean),
    hostRoutes: listIn(subnet['routes']).map((one) => {
      const route = objectIn(one);
      return { destination: text(route['cidr']), nexthop: addressOf(route['gateway']) };
    }),
  };
}

function readNetwork(vif: Vif): NetworkFacts {
  const network = objectIn(vif['network']);
  const meta = objectIn(network['meta']);
  const mtu = Number(meta['mtu']);
  return {
    id: text(network['id']),
    name: text(network['label']),
    projectId: text(meta['tenant_id']),
    mtu: Number.isSafeInteger(mtu) && mtu > 0 ? mtu : DEFAULT_MTU,
    subnets: listIn(network['subnets']).map(readSubnet),
  };
}

function readNic(vif: Vif): NicSpec {
  const network = objectIn(vif['network']);
  const subnets = listIn(network['subnets']);
  const details = objectIn(vif['details']);
  const facts = readNetwork(vif);
  const ips = subnets.flatMap((subnet, index) =>
    listIn(objectIn(subnet)['ips']).map((ip) => ({
      ip: objectIn(ip),
      subnetId: facts.subnets[index]?.id ?? '',
    })),
  );
  const bridge = text(details['bridge_name']) || text(network['bridge']);
  return {
    portId: text(vif['id']),
    mac: text(vif['address']).toLowerCase(),
    network: facts,
    fixedIps: ips.map(({ ip, subnetId }) => ({ address: text(ip['address']), subnetId })),
    floatingIps: ips.flatMap(({ ip }) =>
      listIn(ip['floating_ips']).map((one) => ({ address: addressOf(one), fixedIp: text(ip['address']) })),
    ),
    tag: null,
    vifType: text(vif['type']),
    vifDetails: { ...details, ...(bridge !== '' && { bridge_name: bridge }) },
    securityGroups: [],
    // Nova deletes the ports that it created and only unbinds those that it was given
    preexisting: vif['preserve_on_delete'] === true,
  };
}

/** A server's ports in order, and reasons why one cannot be taken over. */
export function readNics(networkInfo: unknown): {
  readonly nics: readonly NicSpec[];
  readonly problems: readonly string[];
} {
  const vifs = listIn(jsonIn(networkInfo)).map(objectIn);
  const problems = vifs.flatMap((vif) => {
    const name = `port ${text(vif['id'])}`;
    const type = text(vif['type']);
    const kind = text(vif['vnic_type']) || 'normal';
    const hybrid = objectIn(vif['details'])['ovs_hybrid_plug'] === true;
    return [
      ...(kind === 'normal' ? [] : [`${name} has vnic_type ${kind}`]),
      ...(type === 'ovs' ? [] : [`${name} has vif_type ${JSON.stringify(type)}, and only ovs is supported here`]),
      ...(hybrid ? [`${name} is filtered by iptables (ovs_hybrid_plug)`] : []),
    ];
  });
  return { nics: vifs.map(readNic), problems };
}
