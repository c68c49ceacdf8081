// Why: the keys of the bus and of metadata, and the users of hosts, are made by commands, so that nobody has to know how.

import { newSecret } from '../base/new-secret.ts';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { badRequest, conflict } from '../base/errors.ts';
import { newKeys } from '../bus/amqp/seal.ts';
import { hostPermissions } from '../bus/amqp/topology.ts';
import { hostKey } from '../domain/servers/metadata-signature.ts';

const HOST = /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/;

/** Writes a file that is not there yet. */
function writeNew(path: string, content: string, mode: number): void {
  try {
    writeFileSync(path, content, { flag: 'wx', mode, flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw conflict(`${path} is there already: remove it, or name another --dir`);
  }
}

/** Makes the control plane's key. Returns what to write into the configurations. Throws a conflict rather than replace a key. */
export function writeKeys(directory: string): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { signing, trusted } = newKeys();
  const [secret, open] = [join(directory, 'bus-signing.pem'), join(directory, 'bus-trusted.pem')];
  writeNew(secret, signing, 0o600);
  writeNew(open, trusted, 0o644);
  return [
    '# of APIs and workers, which alone may read the file',
    `bus: { signing_key_file: ${secret} }`,
    '# of agents',
    `bus: { trusted_keys: [${open}] }`,
  ].join('\n');
}

const quoted = (text: string): string => `'${text}'`;

const SECRET_BYTES = 32;

/**
 * Makes the secret of metadata, unless it is there, and the keys of hosts. Returns what to write into the configurations. Throws for a
 * name that no host has, and a conflict rather than replace a key.
 */
export function writeMetadataKeys(directory: string, hosts: readonly string[]): string {
  for (const host of hosts) if (!HOST.test(host)) throw badRequest(`${JSON.stringify(host)} is no name of a host`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const secretFile = join(directory, 'metadata-secret');
  if (!existsSync(secretFile)) writeNew(secretFile, `${newSecret(SECRET_BYTES)}\n`, 0o600);
  const secret = readFileSync(secretFile, 'utf8').trim();
  const lines = [
    '# of APIs and workers, which alone may read the file',
    `network: { metadata_key_file: ${secretFile} }`,
  ];
  for (const host of hosts) {
    const file = join(directory, `metadata-${host}.key`);
    writeNew(file, `${hostKey(secret, host)}\n`, 0o600);
    lines.push(`# of the agent of ${host}, beside network.metadata_url`, `network: { metadata_key_file: ${file} }`);
  }
  return lines.join('\n');
}

/** The commands that give a host its user in the broker, with a new password. Throws for a name that no host has. */
export function userCommands(host: string, vhost: string): string {
  if (!HOST.test(host)) throw badRequest(`${JSON.stringify(host)} is no name of a host`);
  if (!/^[\w./-]{1,200}$/.test(vhost)) throw badRequest(`${JSON.stringify(vhost)} is no name of a virtual host`);
  const user = quoted(`xloud-${host}`);
  const password = newSecret(24);
  const { configure, write, read, topic } = hostPermissions(host);
  const at = `-p ${quoted(vhost)} ${user}`;
  return [
    `rabbitmqctl add_user ${user} ${quoted(password)}`,
    `rabbitmqctl set_permissions ${at} ${[configure, write, read].map(quoted).join(' ')}`,
    `rabbitmqctl set_topic_permissions ${at} xloud.reports ${quoted(topic)} ${quoted('^$')}`,
    `# in the host's configuration: bus.url: amqps://xloud-${host}:${password}@BROKER:5671/${encodeURIComponent(vhost)}`,
  ].join('\n');
}
