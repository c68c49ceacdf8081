// Why: a floating address may be shared: each of its ports leads to a port of a server of its project. Only OVN carries that, so with it
// alone they are had.

import type { Caller } from '../../base/op.ts';
import { limits } from '../../base/limits.ts';
import { units as unitOf } from '../../cloud/ovn/northbound.ts';
import type { Reader } from '../../db/engine.ts';
import { floatingIpNoun, type StoredFloatingIp } from '../../db/floating-ips.ts';
import { portNoun, replaceRow, rowsBy } from '../../db/networks.ts';
import { deleteForwarding, forwardingNoun, type StoredForwarding } from '../../db/port-forwardings.ts';
import { findRow, insertRow, lockRow } from '../../db/table.ts';
import type { Values } from './attributes.ts';
import {
  bornUnnamed,
  changeable,
  changedUnnamed,
  description,
  required,
  unnamedFilters,
  unnamedSortable,
} from './common.ts';
import { inUse, invalid, missing } from './faults.ts';
import { fixedIpOf, forwardingView, routerFor } from './floating-ips.ts';
import { integer, ipAddress, oneOf, orNull, text, uuid } from './forms.ts';
import type { Act, Noun } from './noun.ts';
import { ownedBy } from './rules.ts';

const bad = (message: string) => invalid(`Bad port_forwarding request: ${message}.`, 'BadRequest');

/** What OVN tells ports of. */
const PROTOCOLS = ['tcp', 'udp', 'sctp'];
const number = integer(1, 65_535);

export const forwardingNotOffered = () =>
  invalid('Port forwardings are had with the network engine ovn alone: nothing else here carries them.', 'NotOffered');

const oneWide = () =>
  invalid('Ranges of ports are not forwarded here; a port forwarding for each port of it is possible.', 'NotOffered');

/** A range as newer clients send it: of one port, it is that port. */
function portOf(values: Values, side: 'internal' | 'external'): number | undefined {
  const one = values[`${side}_port`] as number | undefined;
  const range = values[`${side}_port_range`] as string | null | undefined;
  if (range === undefined || range === null) return one;
  const [first = '', last = first, ...more] = range.split(':');
  if (more.length > 0 || !/^\d{1,5}$/.test(first) || !/^\d{1,5}$/.test(last) || Number(first) < 1)
    throw invalid(`Invalid input for ${side}_port_range. Reason: '${range}' is not a range of ports.`);
  if (Number(first) !== Number(last)) throw oneWide();
  if (Number(first) > 65_535 || (one !== undefined && one !== Number(first)))
    throw invalid(`Invalid input for ${side}_port_range. Reason: it is not ${side}_port.`);
  return Number(first);
}

/** The values that a forwarding is to have, where it has others or none yet. */
function wishOf(values: Values, before: StoredForwarding | null) {
  const internalPort = portOf(values, 'internal') ?? before?.internalPort;
  const externalPort = portOf(values, 'external') ?? before?.externalPort;
  if (internalPort === undefined) throw bad('internal_port or internal_port_range is required');
  if (externalPort === undefined) throw bad('external_port or external_port_range is required');
  const portId = (values['internal_port_id'] as string | undefined) ?? before?.portId ?? '';
  const own = before?.portId === portId ? before.fixedIp : null;
  return {
    protocol: (values['protocol'] as string | undefined) ?? before?.protocol ?? '',
    ...{ internalPort, externalPort, portId },
    asked: (values['internal_ip_address'] as string | null | undefined) ?? own,
  };
}

type Wish = ReturnType<typeof wishOf>;

/** @throws where another forwarding has one of its two ends already */
async function checkFree({ tx }: Act, ip: StoredFloatingIp, wish: Wish, fixedIp: string, except: string | null) {
  const others = (await rowsBy(tx, forwardingNoun, 'floatingip_id', [ip.id])).filter(({ id }) => id !== except);
  if (others.length >= limits.portForwardings)
    throw inUse('OverQuota', `A floating IP has at most ${limits.portForwardings} port forwardings.`);
  const taken = (what: string) =>
    bad(`A duplicate port forwarding entry with same attributes already exists, conflicting values are ${what}`);
  const { protocol, externalPort, internalPort, portId } = wish;
  if (others.some((one) => one.protocol === protocol && one.externalPort === externalPort))
    throw taken(`floating IP ${ip.id}, ${protocol}, external port ${externalPort}`);
  const inside = await rowsBy(tx, forwardingNoun, 'internal_port_id', [portId]);
  if (
    inside.some(
      (one) =>
        one.id !== except && one.protocol === protocol && one.fixedIp === fixedIp && one.internalPort === internalPort,
    )
  )
    throw taken(`port ${portId}, ${protocol}, ${fixedIp}, internal port ${internalPort}`);
}

/** The floating address as it is while a forwarding of it is made or changed. Locks its row. */
async function lockAddress({ tx, engine }: Act, floatingIpId: string): Promise<StoredFloatingIp> {
  if (engine.kind === 'basic') throw forwardingNotOffered();
  const ip = await lockRow(tx, floatingIpNoun, { id: floatingIpId });
  if (ip === null) throw missing('floatingip', floatingIpId);
  return ip;
}

/** What a forwarding comes to, with the address made to lead by the router that reaches the port. */
async function settle(act: Act, ip: StoredFloatingIp, wish: Wish, before: StoredForwarding | null) {
  const { tx, caller, now } = act;
  if (ip.portId !== null) {
    throw inUse(
      'FloatingIPPortAlreadyAssociated',
      `Cannot associate floating IP ${ip.address} (${ip.id}) with port ${wish.portId}, as that floating IP already leads to port ${ip.portId} as a whole.`,
    );
  }
  const port = await lockRow(tx, portNoun, { id: wish.portId });
  // another project's is as one that is not there
  if (port === null || (port.projectId !== ip.projectId && !caller.isAdmin)) throw missing('port', wish.portId);
  const { address: fixedIp, subnetId } = await fixedIpOf(tx, port.id, wish.asked, bad);
  const whole = (await rowsBy(tx, floatingIpNoun, 'port_id', [port.id])).find((other) => other.fixedIp === fixedIp);
  if (whole !== undefined) {
    throw inUse(
      'PortHasBindingFloatingIP',
      `Cannot create port forwarding to floating IP ${ip.address} (${ip.id}) with port ${port.id} using fixed IP ${fixedIp}, as that port already has a binding floating IP.`,
    );
  }
  await checkFree(act, ip, wish, fixedIp, before?.id ?? null);
  const router = await routerFor(tx, { portId: port.id, subnetId, networkId: ip.networkId });
  const others = (await rowsBy(tx, forwardingNoun, 'floatingip_id', [ip.id])).filter(({ id }) => id !== before?.id);
  if (others.length > 0 && ip.routerId !== router.id)
    throw bad(`Port ${port.id} is reached by router ${router.id}, and other ports of the address by ${ip.routerId}`);
  if (ip.routerId !== router.id || ip.status !== 'ACTIVE') {
    const led = { ...ip, routerId: router.id, status: 'ACTIVE' as const, revision: ip.revision + 1, updatedAt: now };
    await replaceRow(tx, floatingIpNoun, led);
  }
  const { protocol, externalPort, internalPort } = wish;
  return { protocol, externalPort, internalPort, portId: port.id, fixedIp };
}

async function views(_reader: Reader, _caller: Caller, forwardings: readonly StoredForwarding[]) {
  return forwardings.map((one) => ({
    ...forwardingView(one),
    description: one.description,
    internal_port_range: `${one.internalPort}:${one.internalPort}`,
    external_port_range: `${one.externalPort}:${one.externalPort}`,
  }));
}

/** Those of a floating address. */
export const forwardingsOf = (floatingIpId: string): Noun<StoredForwarding> => ({
  singular: 'port_forwarding',
  collection: 'port_forwardings',
  ruled: 'floatingip_port_forwarding',
  quota: 'port_forwarding',
  rows: forwardingNoun,
  within: { floatingip_id: floatingIpId },
  attributes,
  filters: {
    ...unnamedFilters,
    protocol: { column: 'protocol' },
    external_port: { column: 'external_port', as: 'number' },
    internal_port_id: { column: 'internal_port_id' },
    internal_ip_address: { column: 'internal_ip_address' },
    internal_port: { column: 'internal_port', as: 'number' },
  },
  sortable: [...unnamedSortable, 'protocol', 'external_port', 'internal_port', 'internal_port_id'],
  sees: async () => false,
  views,
  async wanted({ tx }) {
    const ip = await findRow(tx, floatingIpNoun, { id: floatingIpId });
    if (ip === null) throw missing('floatingip', floatingIpId);
    return ownedBy(ip.projectId);
  },
  async create(act, values) {
    const ip = await lockAddress(act, floatingIpId);
    const own = { ...bornUnnamed(values, act.now), projectId: ip.projectId, floatingIpId };
    const made: StoredForwarding = { ...own, ...(await settle(act, ip, wishOf(values, null), null)) };
    await insertRow(act.tx, forwardingNoun, made);
    return made;
  },
  async update(act, forwarding, values) {
    const ip = await lockAddress(act, floatingIpId);
    const wish = wishOf(values, forwarding);
    // what leads by a router before may lead by another one, of which it was the only one
    const next = {
      ...changedUnnamed(forwarding, act.now, values, {}),
      ...(await settle(act, ip, wish, forwarding)),
    };
    await replaceRow(act.tx, forwardingNoun, next);
    return next;
  },
  remove: ({ tx, now }, forwarding) => deleteForwarding(tx, forwarding, now),
  async units(reader) {
    const ip = await findRow(reader, floatingIpNoun, { id: floatingIpId });
    return ip === null || ip.routerId === '' ? [] : [unitOf.router(ip.routerId)];
  },
});

const attributes: Noun<StoredForwarding>['attributes'] = {
  description,
  protocol: { ...required(oneOf(PROTOCOLS)), onUpdate: true },
  external_port: changeable(number),
  internal_port: changeable(number),
  external_port_range: changeable(orNull(text(11))),
  internal_port_range: changeable(orNull(text(11))),
  internal_port_id: { ...required(uuid), onUpdate: true },
  internal_ip_address: changeable(orNull(ipAddress)),
};
