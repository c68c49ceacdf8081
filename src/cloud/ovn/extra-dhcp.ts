// Why: `extra_dhcp_opts` of ports use dnsmasq's option names. OVN has its own names, does not validate values, and gives a port no DHCP answer
// at all if one is wrong: so only the options listed here are accepted, and every value is validated.

import { parseIp } from '../../base/ip.ts';

export interface ExtraOption {
  readonly opt_name: string;
  readonly opt_value: string;
}

/** Converts a value to OVN's syntax; null: it is invalid. */
type Write = (value: string) => string | null;

const MOST_ADDRESSES = 8;
const isIpv4 = (text: string): boolean => parseIp(text)?.version === 4;

const addresses: Write = (value) => {
  const all = value.split(',').map((one) => one.trim());
  return all.length <= MOST_ADDRESSES && all.every(isIpv4) ? `{${all.join(', ')}}` : null;
};
const address: Write = (value) => (isIpv4(value) ? value : null);
const number =
  (least: number, most: number): Write =>
  (value) =>
    /^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most ? String(Number(value)) : null;
/** Only characters that cannot end a string in OVN's syntax. */
const text: Write = (value) => (/^[A-Za-z0-9._:/@+=?&%~-]{1,200}$/.test(value) ? `"${value}"` : null);
const domain =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const domains: Write = (value) => {
  const all = value.split(',').map((one) => one.trim());
  return all.length <= MOST_ADDRESSES && all.every((one) => domain.test(one)) ? `"${all.join(',')}"` : null;
};

const known: Readonly<Record<string, readonly [ovn: string, write: Write]>> = {
  'bootfile-name': ['bootfile_name', text],
  'default-ttl': ['default_ttl', number(1, 255)],
  'dns-server': ['dns_server', addresses],
  'domain-name': ['domain_name', (value) => (domain.test(value) ? `"${value}"` : null)],
  'domain-search': ['domain_search_list', domains],
  'log-server': ['log_server', addresses],
  'lpr-server': ['lpr_server', addresses],
  mtu: ['mtu', number(68, 65_535)],
  'nis-server': ['nis_server', addresses],
  'ntp-server': ['ntp_server', addresses],
  'path-prefix': ['path_prefix', text],
  'tftp-server': ['tftp_server', text],
  'tftp-server-address': ['tftp_server_address', address],
  wpad: ['wpad', text],
};

/** The accepted option names. */
export const extraOptionNames: readonly string[] = Object.keys(known);

/** Whether OVN supports an option and its value. */
export const isExtraOption = ({ opt_name: name, opt_value: value }: ExtraOption): boolean =>
  Object.hasOwn(known, name) && (known[name]?.[1](value) ?? null) !== null;

/** Options in OVN's syntax; unsupported ones are left out. */
export const extraOptions = (options: readonly ExtraOption[]): Record<string, string> =>
  Object.fromEntries(
    options.flatMap(({ opt_name: name, opt_value: value }) => {
      const [ovn, write] = Object.hasOwn(known, name) ? (known[name] ?? []) : [];
      const written = write?.(value) ?? null;
      return ovn === undefined || written === null ? [] : [[ovn, written]];
    }),
  );
