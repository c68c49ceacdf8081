// Why: what a guest is answered follows from the path that it asks for and from what it is, by itself; who it is and how it is sent are
// others' affairs.

import { posix } from 'node:path';
import { type Ec2Facts, ec2Item, ec2Text, ec2Versions } from './ec2-metadata.ts';
import {
  contentOf,
  fileOf,
  filesOf,
  hasPassword,
  META_DATA,
  type MetadataVersion,
  metadataVersions,
  USER_DATA,
} from './guest-metadata.ts';

export type MetadataAnswer =
  | { readonly kind: 'document'; readonly type: 'text/plain' | 'application/json'; readonly body: string | Uint8Array }
  /** The guest's password, which is asked for and set. */
  | { readonly kind: 'password' }
  /** Where it tells what it became: ours, for cloud-init's phone_home. */
  | { readonly kind: 'phone-home' };

const CONTENT = 'content';
const PASSWORD = 'password';
const PHONE_HOME = 'phone-home';
/** Files of which Nova says that they are JSON. */
const SAID_JSON: ReadonlySet<string> = new Set([META_DATA, 'vendor_data.json', 'vendor_data2.json']);

const text = (body: string | Uint8Array): MetadataAnswer => ({ kind: 'document', type: 'text/plain', body });

/** The words of a path, however many slashes stand between them; null: it cannot be read. */
export function wordsOf(path: string): readonly string[] | null {
  try {
    const plain = posix.normalize(`/${decodeURIComponent(path)}`);
    return plain.split('/').filter((word) => word !== '');
  } catch {
    return null;
  }
}

function openstackItem(facts: Ec2Facts, words: readonly string[], seed: () => Uint8Array): MetadataAnswer | null {
  const [asked, name, ...more] = words;
  if (asked === undefined) return text(metadataVersions.join('\n'));
  if (asked === CONTENT) {
    const content = contentOf(facts, words.join('/'));
    return content === null ? null : text(content);
  }
  const version = metadataVersions.find((one): one is MetadataVersion => one === asked);
  if (version === undefined || more.length > 0) return null;
  if (name === undefined) {
    const [first = '', ...rest] = filesOf(facts, version);
    const early = rest[0] === USER_DATA ? [first, USER_DATA] : [first];
    const late = rest.filter((file) => file !== USER_DATA);
    return text([...early, ...(hasPassword(version) ? [PASSWORD] : []), ...late].join('\n'));
  }
  if (name === PASSWORD) return hasPassword(version) ? { kind: 'password' } : null;
  const body = fileOf(facts, version, name, seed());
  if (body === null) return null;
  return { kind: 'document', type: SAID_JSON.has(name) ? 'application/json' : 'text/plain', body };
}

/**
 * What is at a path; null: nothing.
 * @param path as it was asked for, without its query
 * @param seed makes the bytes of chance that a guest is given
 */
export function metadataAt(facts: Ec2Facts, path: string, seed: () => Uint8Array): MetadataAnswer | null {
  const words = wordsOf(path);
  if (words === null) return null;
  if (words[0] === 'openstack') return openstackItem(facts, words.slice(1), seed);
  if (words[0] === 'xloud') return words.length === 2 && words[1] === PHONE_HOME ? { kind: PHONE_HOME } : null;
  const [version, ...rest] = words[0] === 'ec2' ? words.slice(1) : words;
  if (version === undefined) return text([...ec2Versions, 'latest'].join('\n'));
  const found = ec2Item(facts, version, rest);
  return found === null ? null : text(ec2Text(found));
}
