// Why: compute's old security group rules let something in from a network or from a group, by protocol and ports; what of that
// makes sense, how it is shown, and when two are the same, is Nova's rule and needs no network service.

import { isIP } from 'node:net';
import type { NewGroupRule, SecurityGroupRule } from '../networks/networks.ts';

/** As a client writes it; nothing of it but the ids was looked at. */
export interface RuleRequest {
  readonly parentGroupId: string;
  /** The group whose members are let in; null: a network. */
  readonly groupId: string | null;
  readonly protocol: unknown;
  readonly fromPort: unknown;
  readonly toPort: unknown;
  readonly cidr: unknown;
}

const ANYWHERE = '0.0.0.0/0';
const MAX_PORT = 65_535;
const MAX_ICMP = 255;
/** Any type or code. */
const ANY = -1;

function unquoted(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A network in CIDR notation, or null. */
function parseNetwork(text: string): { readonly address: string; readonly prefix: number; version: 4 | 6 } | null {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || !/^\d{1,3}$/.test(prefix)) return null;
  return Number(prefix) > (version === 4 ? 32 : 128)
    ? null
    : { address, prefix: Number(prefix), version: version as 4 | 6 };
}

/** Python's int(): null for what is no number. */
function wholeNumber(value: unknown): number | null {
  if (typeof value === 'number') return Math.trunc(value);
  if (typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value)) return Number(value);
  return null;
}

/** A value that may be written as text or number, as text; anything else as JSON, which is then no good. */
const written = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

const given = (value: unknown): boolean => value !== undefined && value !== null;

type Ports = Pick<NewGroupRule, 'protocol' | 'portMin' | 'portMax'>;

/** Protocol and ports, or why they make no sense. */
function portsOf(protocol: string, from: unknown, to: unknown): Ports | string {
  const kind = protocol.toUpperCase();
  const [low, high] = [wholeNumber(from), wholeNumber(to)];
  if (low === null || high === null) {
    const words =
      kind === 'ICMP' ? 'Type and Code must be integers for ICMP protocol type' : 'To and From ports must be integers';
    return `Invalid input received: ${words}`;
  }
  const range = (why: string): string => `Invalid port range ${low}:${high}. ${why}`;
  if (kind !== 'TCP' && kind !== 'UDP' && kind !== 'ICMP') return `Invalid IP protocol ${protocol}.`;
  if (kind === 'ICMP') {
    const fits = (value: number) => value >= ANY && value <= MAX_ICMP;
    if (!fits(low) || !fits(high)) return range('For ICMP, the type:code must be valid');
  } else {
    if (low > high) return range('Former value cannot be greater than the later');
    if (low < 1 || high > MAX_PORT) return range(`Valid ${kind} ports should be between 1-${MAX_PORT}`);
  }
  return { protocol, portMin: low, portMax: high };
}

/** Where a group is let in and no ports are named, all of the protocol are open. */
function openPorts(protocol: string): readonly [number, number] | null {
  const kind = protocol.toUpperCase();
  if (kind === 'ICMP') return [ANY, ANY];
  return kind === 'TCP' || kind === 'UDP' ? [1, MAX_PORT] : null;
}

/** The rule that a client wishes for, or why there is none, in Nova's words. Ports of -1 are any. */
export function ingressRule(request: RuleRequest): NewGroupRule | string {
  const { parentGroupId, groupId } = request;
  const protocol = request.protocol ? written(request.protocol) : '';
  let [from, to] = [request.fromPort, request.toPort];
  const cidr = request.cidr ? unquoted(written(request.cidr)) : ANYWHERE;
  const network = groupId === null ? parseNetwork(cidr) : null;
  if (groupId === null && network === null) return `${written(request.cidr)} is not a valid IP network.`;
  if (groupId !== null && !given(from) && !given(to)) [from, to] = openPorts(protocol) ?? [from, to];
  const named = protocol !== '' && given(from) && given(to);
  if (!named && groupId === null) return 'Not enough parameters to build a valid rule.';
  const ports = named ? portsOf(protocol, from, to) : { protocol: null, portMin: null, portMax: null };
  if (typeof ports === 'string') return ports;
  if (network !== null && network.prefix === 0 && network.address !== '0.0.0.0' && network.address !== '::') {
    return `Bad prefix for network in cidr ${cidr}`;
  }
  return {
    ...ports,
    groupId: parentGroupId,
    remoteGroupId: groupId,
    remotePrefix: network === null ? null : cidr,
    ethertype: network?.version === 6 ? 'IPv6' : 'IPv4',
  };
}

const orNull = (port: number | null): number | null => (port === ANY ? null : port);

/** The rule as a network service takes it: any port is none. */
export const sentRule = (rule: NewGroupRule): NewGroupRule => ({
  ...rule,
  portMin: orNull(rule.portMin),
  portMax: orNull(rule.portMax),
});

/** The ports of a rule as compute shows them: a protocol without ports has all of them. */
export function shownPorts({
  protocol,
  portMin,
  portMax,
}: Pick<SecurityGroupRule, 'protocol' | 'portMin' | 'portMax'>) {
  if (protocol === null || portMin !== null || portMax !== null) return { from: portMin, to: portMax };
  const [from, to] = ['TCP', 'UDP'].includes(protocol.toUpperCase()) ? [1, MAX_PORT] : [ANY, ANY];
  return { from, to };
}

/** The network of a rule as compute shows it. */
export const shownCidr = ({ remotePrefix }: Pick<SecurityGroupRule, 'remotePrefix'>): string =>
  remotePrefix ?? ANYWHERE;

/** Whether a group lets the same network in by such a rule already. */
export function hasRule(rules: readonly SecurityGroupRule[], rule: NewGroupRule): boolean {
  return rules.some((one) => {
    const { from, to } = shownPorts(one);
    return (
      one.direction === 'ingress' &&
      one.remoteGroupId === null &&
      rule.remoteGroupId === null &&
      shownCidr(one) === rule.remotePrefix &&
      one.protocol === rule.protocol &&
      from === rule.portMin &&
      to === rule.portMax
    );
  });
}
