// Why: rules may speak of a list of addresses by its name, so that one change of the list changes all of them. OVN keeps them up to date,
// so that they are had with OVN alone.

import { units as unitOf } from '../../cloud/ovn/northbound.ts';
import { formatCidr, parseCidr, parseIp } from '../../base/ip.ts';
import { limits } from '../../base/limits.ts';
import { addressGroupNoun, type StoredAddressGroup } from '../../db/address-groups.ts';
import { deleteRow, replaceRow, rowsBy, ruleNoun } from '../../db/networks.ts';
import { insertRow, lockRow } from '../../db/table.ts';
import { addFormat } from '../schema.ts';
import { born, changed, commonFilters, commonSortable, commonView, fixed, nameAndDescription } from './common.ts';
import { inUse, invalid, missing } from './faults.ts';
import { type Form, saying } from './forms.ts';
import type { Act, Noun } from './noun.ts';

/** An address alone stands for the range of it. */
function rangeOf(text: string): string | null {
  const ip = parseIp(text);
  const cidr = parseCidr(ip === null ? text : `${text}/${ip.version === 4 ? 32 : 128}`);
  return cidr === null ? null : formatCidr(cidr);
}

addFormat('neutron-range', (text) => rangeOf(text) !== null);

export const addressList: Form = {
  schema: {
    type: 'array',
    maxItems: limits.addressGroupRanges,
    items: { type: 'string', format: 'neutron-range', ...saying({ '*': '{value} is not a valid IP subnet.' }) },
  },
  convert: (value) => [...new Set((value as readonly string[]).map((text) => rangeOf(text) ?? ''))],
};

export const addressGroups: Noun<StoredAddressGroup> = {
  singular: 'address_group',
  collection: 'address_groups',
  quota: 'address_group',
  rows: addressGroupNoun,
  attributes: { ...nameAndDescription, addresses: fixed(addressList, []) },
  filters: commonFilters,
  sortable: commonSortable,
  sees: async () => false,
  views: async (_reader, _caller, groups) =>
    groups.map((group) => ({ ...commonView(group), addresses: group.addresses, shared: false })),
  async create({ tx, now, engine }, values) {
    if (engine.kind === 'basic')
      throw invalid(
        'Address groups are had with the network engine ovn alone: nothing else enforces them.',
        'NotOffered',
      );
    const group = { ...born(values, now), addresses: values['addresses'] as readonly string[] };
    await insertRow(tx, addressGroupNoun, group);
    return group;
  },
  async update({ tx, now }, group, values) {
    const next = changed(group, now, values, {});
    await replaceRow(tx, addressGroupNoun, next);
    return next;
  },
  async remove({ tx }, group) {
    if ((await rowsBy(tx, ruleNoun, 'remote_address_group_id', [group.id])).length > 0)
      throw inUse('AddressGroupInUse', `Address group ${group.id} is in use on one or more security group rules.`);
    await deleteRow(tx, addressGroupNoun, group.id);
  },
  // what rules say of it is written into each
  async units(reader, before, after) {
    const group = after ?? before;
    const speaking = await rowsBy(reader, ruleNoun, 'remote_address_group_id', group === null ? [] : [group.id]);
    return [...new Set(speaking.map(({ securityGroupId }) => unitOf.group(securityGroupId)))];
  },
};

/** The group that a rule is to speak of, which is not deleted until it does. @throws notFound */
export async function knownAddressGroup({ tx, caller }: Act, id: string | null): Promise<StoredAddressGroup | null> {
  if (id === null) return null;
  const group = await lockRow(tx, addressGroupNoun, { id });
  if (group === null || (!caller.isAdmin && group.projectId !== caller.projectId)) throw missing('address_group', id);
  return group;
}
