// Why: a guest may speak only as what its port says: its MAC address, its addresses of both families, its allowed address pairs, and
// nothing else. Each port has a filter of libvirt's by its own name; defined anew, it changes what a running guest may do at once.
//
// What it can't do: an IPv6 neighbour advertisement (ICMPv6 136) says in its body whose address it tells of, and libvirt's filters match
// headers alone. A guest can tell its neighbours, from its own address, that another one's is its own. In IPv4 that is ARP, whose
// addresses are matched.

import ipaddr from 'ipaddr.js';
import { checkedUuid } from '../../base/ids.ts';
import { bitsOf, formatIp, parseCidr, parseIp } from '../../base/ip.ts';
import type { NicSpec } from '../../domain/networks/server-nics.ts';
import { isVirError } from './errors.ts';
import { isNat } from './nics.ts';
import type { LibvirtCalls } from './rpc/procedures.ts';
import { endXml, leaf, startXml, text, type XMLBuilder } from './xml.ts';

export const filterName = (portId: string): string => `xloud-port-${checkedUuid(portId)}`;

/** A lower number is asked first. */
const priority = { never: 100, own: 300, nothingElse: 900 } as const;
const ROUTER_ADVERTISEMENT = 134;
/** What a guest says before it has an address: "is this one free?", and which groups it listens to. */
const FROM_NOWHERE = { neighborSolicitation: 135, listenerReport: 143 } as const;
const DHCP = { server: 67, client: 68 } as const;
const DHCP6_SERVER = 547;
/** As libvirt reads it. */
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
const EUI64_MIDDLE = [0xff, 0xfe] as const;
const LOCAL_BIT = 0x02;

/** What of a sender must be so: a MAC address with one address, or a range of them. */
interface Sender {
  readonly mac: string;
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefix: number;
}

/** The address that an interface gives itself on its link, made from its MAC address. */
export function linkLocal(mac: string): string {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const [first = 0, ...rest] = bytes;
  const id = [first ^ LOCAL_BIT, ...rest.slice(0, 2), ...EUI64_MIDDLE, ...rest.slice(2)];
  return new ipaddr.IPv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...id]).toString();
}

/** Null for what is no address: nobody may speak as that, and a filter without it is better than none. */
function senderOf(mac: string, text: string): Sender | null {
  const range = parseCidr(text);
  const ip = range === null ? parseIp(text) : { version: range.version, value: range.first };
  if (ip === null || !MAC.test(mac)) return null;
  return { mac, family: ip.version, address: formatIp(ip), prefix: range?.prefix ?? bitsOf(ip.version) };
}

/** As whom the guest may speak. */
export function sendersOf({ mac, fixedIps, guard }: NicSpec): readonly Sender[] {
  const given = (guard?.pairs ?? []).map((pair) => senderOf((pair.mac ?? mac).toLowerCase(), pair.address));
  const own = fixedIps.map(({ address }) => senderOf(mac, address));
  const named = [...own, ...given].filter((sender) => sender !== null);
  const macs = [...new Set([mac, ...named.map((sender) => sender.mac)])];
  return [...named, ...macs.map((one) => senderOf(one, linkLocal(one))).filter((sender) => sender !== null)];
}

const ruleOf = (filter: XMLBuilder, action: 'accept' | 'drop', rank: number): XMLBuilder =>
  filter.ele('rule', { action, direction: 'out', priority: rank });

function writeSender(filter: XMLBuilder, { mac, family, address, prefix }: Sender): void {
  const all = prefix === 0;
  const accept = () => ruleOf(filter, 'accept', priority.own);
  if (family === 6) {
    leaf(accept(), 'ipv6', { srcmacaddr: mac, ...(all ? {} : { srcipaddr: address, srcipmask: prefix }) });
    return;
  }
  leaf(accept(), 'ip', { srcmacaddr: mac, ...(all ? {} : { srcipaddr: address, srcipmask: prefix }) });
  const arp = all ? {} : { arpsrcipaddr: address, arpsrcipmask: prefix };
  leaf(accept(), 'arp', { srcmacaddr: mac, arpsrcmacaddr: mac, ...arp });
}

/** How a guest asks for an address, and asks whether one is free, before it has any. */
function writeBeginnings(filter: XMLBuilder, mac: string): void {
  const accept = () => ruleOf(filter, 'accept', priority.own);
  leaf(accept(), 'ip', {
    ...{ srcmacaddr: mac, srcipaddr: '0.0.0.0', dstipaddr: '255.255.255.255', protocol: 'udp' },
    ...{ srcportstart: DHCP.client, dstportstart: DHCP.server },
  });
  leaf(accept(), 'arp', { srcmacaddr: mac, opcode: 'Request', arpsrcmacaddr: mac, arpsrcipaddr: '0.0.0.0' });
  for (const type of Object.values(FROM_NOWHERE)) {
    leaf(accept(), 'ipv6', { srcmacaddr: mac, srcipaddr: '::', protocol: 'icmpv6', type });
  }
  // QEMU's own word for a guest that moved
  leaf(accept(), 'rarp', { srcmacaddr: mac, opcode: 'Request_Reverse', arpsrcmacaddr: mac });
}

/** The filter of a port. One whose security is off lets everything pass. */
export function filterXml(nic: NicSpec): string {
  const filter = startXml('filter', { name: filterName(nic.portId), chain: 'root' });
  text(filter, 'uuid', nic.portId);
  if (nic.guard?.enabled === false) return endXml(filter);
  const refuse = () => ruleOf(filter, 'drop', priority.never);
  leaf(refuse(), 'ipv6', { protocol: 'icmpv6', type: ROUTER_ADVERTISEMENT });
  leaf(refuse(), 'ip', { protocol: 'udp', srcportstart: DHCP.server });
  leaf(refuse(), 'ipv6', { protocol: 'udp', srcportstart: DHCP6_SERVER });
  const senders = sendersOf(nic);
  for (const sender of senders) writeSender(filter, sender);
  for (const mac of new Set(senders.map((sender) => sender.mac))) writeBeginnings(filter, mac);
  leaf(ruleOf(filter, 'drop', priority.nothingElse), 'mac');
  return endXml(filter);
}

/** Makes the filter say what the port says; safe to repeat. What another guards has none. */
export async function settleFilter(calls: LibvirtCalls, nic: NicSpec): Promise<void> {
  if (!isNat(nic)) return dropFilter(calls, nic.portId);
  await calls.nwfilterDefineXML(filterXml(nic));
}

/** Removes it. Not there: nothing happens. */
export async function dropFilter(calls: LibvirtCalls, portId: string): Promise<void> {
  try {
    await calls.nwfilterUndefine(await calls.nwfilterLookupByName(filterName(portId)));
  } catch (error) {
    if (!isVirError(error, 'VIR_ERR_NO_NWFILTER')) throw error;
  }
}
