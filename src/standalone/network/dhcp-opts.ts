// Why: what DHCP shall tell a port beside what its subnet says; OVN tells it, so that it is had with OVN alone.

import { type ExtraOption, extraOptionNames, isExtraOption } from '../../cloud/ovn/extra-dhcp.ts';
import { changeable } from './common.ts';
import type { NetworkEngine } from './engine.ts';
import { invalid } from './faults.ts';
import { integer, listOf, objectOf, oneOf, orNull, text } from './forms.ts';

interface Wish {
  readonly opt_name: string;
  readonly opt_value: string | null;
  readonly ip_version?: number;
}

export const extraDhcpOpts = changeable(
  listOf(
    objectOf({ opt_name: oneOf(extraOptionNames), opt_value: orNull(text(255)), ip_version: integer(4, 6) }, [
      'opt_name',
      'opt_value',
    ]),
  ),
);

/**
 * The options of a port with what is asked for: an option that comes replaces the one of its name, and without a value takes it away.
 * @throws badRequest
 */
export function withOptions(
  { kind }: NetworkEngine,
  wished: unknown,
  before: readonly ExtraOption[] | null,
): readonly ExtraOption[] | null {
  if (wished === undefined) return before;
  const wishes = wished as readonly Wish[];
  if (kind === 'basic' && wishes.length > 0)
    throw invalid('Extra DHCP options are had with the network engine ovn alone.', 'NotOffered');
  const options = new Map((before ?? []).map((option) => [option.opt_name, option]));
  const asked = new Set<string>();
  for (const { opt_name, opt_value, ip_version = 4 } of wishes) {
    if (ip_version !== 4) throw invalid('Extra DHCP options are told by IPv4 alone.', 'NotOffered');
    if (asked.has(opt_name)) throw invalid(`Invalid input for extra_dhcp_opts. Reason: ${opt_name} is given twice.`);
    asked.add(opt_name);
    if (opt_value === null) {
      options.delete(opt_name);
      continue;
    }
    if (!isExtraOption({ opt_name, opt_value }))
      throw invalid(`Invalid data format for extra-dhcp-opt, provide valid data: '${opt_value}' is no ${opt_name}.`);
    options.set(opt_name, { opt_name, opt_value });
  }
  return options.size === 0 ? null : [...options.values()];
}

/** As Neutron shows them. */
export const optionsView = (options: readonly ExtraOption[] | null) =>
  (options ?? []).map((option) => ({ ...option, ip_version: 4 }));
