// Why: clients tell Neutron's failures apart by their type; each one is made here, with its type, kind and words.

import {
  badRequest,
  conflict,
  type Fault,
  type FaultCode,
  forbidden,
  notFound,
  notImplemented,
} from '../../base/errors.ts';

export const invalid = (message: string, code: FaultCode = 'HTTPBadRequest'): Fault => badRequest(message, { code });

export const invalidInput = (message: string): Fault =>
  badRequest(`Invalid input for operation: ${message}.`, { code: 'InvalidInput' });

export const inUse = (code: FaultCode, message: string): Fault => conflict(message, { code });

const kinds: Readonly<Record<string, readonly [code: FaultCode, name: string, end: string]>> = {
  network: ['NetworkNotFound', 'Network', 'could not be found.'],
  subnet: ['SubnetNotFound', 'Subnet', 'could not be found.'],
  port: ['PortNotFound', 'Port', 'could not be found.'],
  security_group: ['SecurityGroupNotFound', 'Security group', 'does not exist'],
  security_group_rule: ['SecurityGroupRuleNotFound', 'Security group rule', 'does not exist'],
  router: ['RouterNotFound', 'Router', 'could not be found'],
  router_interface: ['RouterInterfaceNotFoundForSubnet', 'Router', ''],
  address_group: ['AddressGroupNotFound', 'Address group', 'could not be found.'],
  address: ['AddressesNotFound', 'Addresses', ''],
  subnetpool: ['SubnetPoolNotFound', 'Subnet pool', 'could not be found.'],
  rbac_policy: ['RbacPolicyNotFound', 'RBAC policy of type network with ID', 'not found'],
  policy: ['QosPolicyNotFound', 'QoS policy', 'could not be found.'],
  bandwidth_limit_rule: ['QosRuleNotFound', 'QoS rule', 'could not be found.'],
  port_forwarding: ['PortForwardingNotFound', 'Port Forwarding', 'could not be found.'],
  floatingip: ['FloatingIPNotFound', 'Floating IP', 'could not be found'],
};

export function missing(noun: string, id: string): Fault {
  const [code, name, end] = kinds[noun] ?? ['HTTPNotFound', 'The resource', 'could not be found.'];
  return notFound(`${name} ${id} ${end}`.trimEnd(), { code });
}

export const notAllowed = (rule: string): Fault =>
  forbidden(`rule:${rule} is disallowed by policy`, { code: 'PolicyNotAuthorized' });

export const overQuota = (resource: string): Fault =>
  conflict(`Quota exceeded for resources: ['${resource}'].`, { code: 'OverQuota' });

/** @param collection of things that only a full network service has */
export const notOffered = (collection: string): Fault =>
  notImplemented(`This network service has no ${collection.replaceAll('_', ' ')} and makes none.`, {
    code: 'NotOffered',
  });

/** OVN cannot keep a guest from advertising itself as a router. */
export const sharedIpv6NotOffered = (): Fault =>
  invalid(
    'A network that several projects use has no IPv6 on OVN: a guest there could have the others take it for their router.',
    'NotOffered',
  );

export const floatingNotOffered = (): Fault =>
  invalid('This network service has no floating IPs: nothing on the hosts would carry them.', 'NotOffered');
