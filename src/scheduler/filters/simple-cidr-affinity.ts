// Why: a user may want a server near an address: on a host whose own address is in the same network (hints
// `build_near_host_ip` and `cidr`).

import { BlockList, isIP } from 'node:net';
import { hintedTexts, hintOf } from '../hints.ts';
import type { Filter } from '../spec.ts';

const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** `/24` or `/255.255.255.0` as a number of bits; null for neither. */
function prefixOf(cidr: string): number | null {
  const text = cidr.replace(/^\//, '');
  if (/^\d{1,3}$/.test(text)) return Number(text);
  if (isIP(text) !== 4) return null;
  const bits = text
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
  return /^1*0*$/.test(bits) ? bits.replaceAll('0', '').length : null;
}

function networkOf(address: string, cidr: string): BlockList | null {
  const prefix = prefixOf(cidr);
  if (isIP(address) === 0 || prefix === null || prefix > (isIP(address) === 4 ? 32 : 128)) return null;
  const network = new BlockList();
  network.addSubnet(address, prefix, family(address));
  return network;
}

export const simpleCidrAffinityFilter: Filter = ({ hints }) => {
  const near = hintOf(hints, 'build_near_host_ip');
  if (typeof near !== 'string') return null;
  const [cidr = '/24'] = hintedTexts(hints, 'cidr');
  const network = networkOf(near, cidr);
  if (network === null) return () => `cannot be compared with ${near}${cidr}, which is no network`;
  return ({ inventory: { hostIp } }) =>
    isIP(hostIp) !== 0 && network.check(hostIp, family(hostIp)) ? null : `is not in the network ${near}${cidr}`;
};
