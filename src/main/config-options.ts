// Why: the kinds of options that a configuration has, each made in one line, and what their values must be.

import ipaddr from 'ipaddr.js';
import { parseCidr, parseIp } from '../base/ip.ts';
import { parseRemote } from '../cloud/ovn/ovsdb/remote.ts';
import type { Field, Fields } from './config-values.ts';

export interface OptionBase<T> {
  readonly default: T;
  readonly unit?: string;
  readonly help: string;
  /** The value is a secret: `xloud config show` hides it. */
  readonly secret?: true;
}
export type Option<T> = OptionBase<T> & {
  readonly kind: 'text' | 'integer' | 'number' | 'choice' | 'list' | 'amounts' | 'records';
  /** Of records. */
  readonly fields?: Fields;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** Of a text that is given, and of each text of a list. */
  readonly form?: Form;
};

/** `[::1]:8775` in its parts; a port that is none is NaN. */
export function splitListen(text: string): { readonly address: string; readonly port: number } {
  const at = text.lastIndexOf(':');
  const port = text.slice(at + 1);
  return {
    address: text.slice(0, Math.max(0, at)).replace(/^\[(.*)\]$/, '$1'),
    port: /^\d{1,5}$/.test(port) ? Number(port) : NaN,
  };
}

/** What a text must be. */
export interface Form {
  readonly name: string;
  readonly fits: (text: string) => boolean;
  /** Why a text does not fit, where there is more to say than its form. Nothing secret of the text is in it. */
  readonly why?: (text: string) => string | null;
}

/** The letters of ISO 4217. */
export const currencyForm: Form = { name: 'three letters, as USD', fits: (text) => /^[A-Z]{3}$/.test(text) };

export const text = (value: string, help: string, more: { secret?: true; form?: Form } = {}): Option<string> => ({
  kind: 'text',
  default: value,
  help,
  ...more,
});
export const integer = (
  value: number,
  unit: string,
  help: string,
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
): Option<number> => ({
  kind: 'integer',
  default: value,
  unit,
  help,
  min,
  max,
});
export const number = (value: number, unit: string, help: string, min = 0, max = Number.MAX_VALUE): Option<number> => ({
  kind: 'number',
  default: value,
  unit,
  help,
  min,
  max,
});
export const choice = <T extends string>(value: T, choices: readonly T[], help: string): Option<T> => ({
  kind: 'choice',
  default: value,
  choices,
  help,
});
export const list = <T extends string>(
  value: readonly T[],
  help: string,
  more: { choices?: readonly T[]; form?: Form } = {},
): Option<readonly T[]> => ({ kind: 'list', default: value, help, ...more });

export const httpUrl: Form = {
  name: 'an address such as https://cloud.example.org',
  fits: (address) => /^https?:\/\/[^\s?#]+$/.test(address) && URL.canParse(address),
};
/** Where Keystone's v3 API is. */
export const keystoneUrl: Form = {
  name: 'the address of Keystone v3 such as https://keystone.example.org/v3, without a user or a path of its API',
  fits: (address) => {
    if (!httpUrl.fits(address)) return false;
    const { username, password, pathname } = new URL(address);
    return username === '' && password === '' && !/\/(v2(\.\d+)?|auth(\/tokens)?)\/*$/.test(pathname);
  },
};

const tlsIn = (address: string): boolean => /[?&](ssl|tls)\w*=/i.test(address);

/** A database that can be opened: an unescaped character in a password makes another address of it. */
export const databaseAddress: Form = {
  name: 'sqlite:///absolute/path or mysql://user:password@host:port/name (no other kind of database; special characters of a password as %40)',
  fits: (address) => {
    try {
      if (address.startsWith('sqlite://')) return decodeURIComponent(address.slice('sqlite://'.length)).startsWith('/');
      if (!/^(mysql|mariadb):\/\//.test(address)) return false;
      const { hostname, password, pathname, searchParams, username } = new URL(address.replace(/^mariadb:/, 'mysql:'));
      for (const part of [username, password]) decodeURIComponent(part);
      if (tlsIn(address)) return false;
      return (hostname !== '' || searchParams.has('socketPath')) && /^\/[^/]+$/.test(pathname);
    } catch {
      return false;
    }
  },
  // taken without a word it would go over the network as plain text
  why: (address) =>
    tlsIn(address) ? 'TLS to the database (ssl_…) is not supported: leave it out, and use a network to trust' : null,
};
export const addressRange: Form = {
  name: 'an address or a range such as 10.0.0.0/8',
  fits: (range) => ipaddr.isValid(range) || ipaddr.isValidCIDR(range),
};
export const listenAddress: Form = {
  name: 'an address and a port such as 127.0.0.1:8775',
  fits: (text) => {
    const { address, port } = splitListen(text);
    return parseIp(address) !== null && port >= 0 && port <= 65_535;
  },
};
export const plainAddress: Form = { name: 'an IP address such as 10.0.0.1', fits: (text) => parseIp(text) !== null };
export const plainRange: Form = { name: 'a range such as 10.0.0.0/8', fits: (text) => parseCidr(text) !== null };
/** The first and the last of some ports, none of which only root may have. */
export const portRange: Form = {
  name: 'two ports from 1024 on such as 2200-2299',
  fits: (range) => {
    const [, first, last] = /^(\d{1,5})-(\d{1,5})$/.exec(range) ?? [];
    return Number(first) >= 1_024 && Number(first) <= Number(last) && Number(last) <= 65_535;
  },
};
/** Where an OVSDB server is asked. */
export const ovsdbRemote: Form = {
  name: 'unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT',
  fits: (text) => parseRemote(text.trim()) !== null,
};
/** A namespace below /run/netns. */
export const netnsName: Form = { name: 'the name of a network namespace', fits: (text) => /^\w[\w.-]*$/.test(text) };
/** An HTTP URL at which clients reach something; empty: it follows from others. */
export const publicUrl = (help: string): Option<string> => text('', help, { form: httpUrl });
/** As `publicUrl`, for a service that is not reached below the common address. */
export const serviceUrl = (service: string): Option<string> =>
  publicUrl(`Address of the ${service} service at which clients reach it; empty: below public_url.`);

/** Whole numbers by name: in YAML a map, in a text `A=1,B=2`. */
export const amounts = (help: string): Option<Readonly<Record<string, number>>> => ({
  kind: 'amounts',
  default: {},
  help,
});

/** Maps of texts, each with the same fields: in YAML a list, in a text JSON. */
export const records = <T extends object>(
  help: string,
  fields: { readonly [K in keyof Required<T>]: Field },
): Option<readonly T[]> => ({ kind: 'records', default: [], help, fields });
