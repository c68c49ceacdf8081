// Why: addresses come to a list and leave it one by one, as Neutron has it, so that two who change it at once do not undo each other.

import { limits } from '../../base/limits.ts';
import { addressGroupNoun, type StoredAddressGroup } from '../../db/address-groups.ts';
import type { Reader } from '../../db/engine.ts';
import { replaceRow } from '../../db/networks.ts';
import { readJson } from '../../web/json-body.ts';
import type { Routes } from '../http.ts';
import type { Schema } from '../schema.ts';
import { addressGroups, addressList } from './address-groups.ts';
import { checkForm } from './attributes.ts';
import { inUse, invalid, missing } from './faults.ts';
import { converted } from './forms.ts';
import type { Act } from './noun.ts';
import { changeObject } from './objects.ts';
import type { NetworkParts } from './parts.ts';
import { ofObject } from './rules.ts';

/** The addresses that come or go; what else stands in the body is nobody's. */
const change: Schema = { type: 'object', required: ['addresses'], properties: { addresses: addressList.schema } };

const save = async ({ tx, now }: Act, group: StoredAddressGroup, addresses: readonly string[]) => {
  const next = { ...group, addresses, revision: group.revision + 1, updatedAt: now };
  await replaceRow(tx, addressGroupNoun, next);
  return next;
};

function add(group: StoredAddressGroup, addresses: readonly string[]): readonly string[] {
  const present = addresses.filter((one) => group.addresses.includes(one));
  if (present.length > 0) {
    throw invalid(
      `Addresses ${present.join(', ')} already exist in the address group ${group.id}.`,
      'AddressesAlreadyExist',
    );
  }
  const all = [...group.addresses, ...addresses];
  if (all.length > limits.addressGroupRanges)
    throw inUse('OverQuota', `An address group has at most ${limits.addressGroupRanges} addresses.`);
  return all;
}

function take(group: StoredAddressGroup, addresses: readonly string[]): readonly string[] {
  const absent = addresses.filter((one) => !group.addresses.includes(one));
  if (absent.length > 0) throw missing('address', `${absent.join(', ')} not found in the address group ${group.id}`);
  return group.addresses.filter((one) => !addresses.includes(one));
}

/** Hangs in how addresses come to groups and leave them. */
export function addAddressGroupChanges(routes: Routes, parts: NetworkParts): void {
  for (const [verb, work] of [
    ['add_addresses', add],
    ['remove_addresses', take],
  ] as const) {
    const guard = ofObject(addressGroups, 'update_address_group');
    routes.on('PUT', `/v2.0/address-groups/:id/${verb}`, guard, async (ctx, caller, { id = '' }) => {
      const body = await readJson(ctx);
      checkForm(change, body);
      const addresses = converted(
        addressList,
        (body as { readonly addresses: unknown }).addresses,
      ) as readonly string[];
      const to = (act: Act, group: StoredAddressGroup) => save(act, group, work(group, addresses));
      const show = async (reader: Reader, group: StoredAddressGroup) =>
        (await addressGroups.views(reader, caller, [group]))[0];
      const wish = { rule: 'update_address_group' as const, values: {}, to };
      const shown = await changeObject(parts, addressGroups, caller, id, wish, show);
      ctx.status = 200;
      ctx.type = 'application/json';
      ctx.body = JSON.stringify({ address_group: shown });
    });
  }
}
