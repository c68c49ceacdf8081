// Why: the day of those who use a whole OpenStack is told in the words of its stock client; what came of it is asked of Neutron, of the
// hypervisors, of the guests, and from outside.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runInside } from '../support/inside.ts';
import { passwordIdentity, projectScope } from '../support/keystone.ts';
import type { OpenstackCloud } from '../support/openstack-cloud.ts';
import { eventually, type Reply } from '../support/serve.ts';

const run = promisify(execFile);

/** What boots and moves takes its time on an emulated processor. */
export const PATIENCE_MS = 240_000;

/** Since when live migrations find out themselves what they have to copy, and may name a host that the scheduler is asked about. */
export const NEW = ['--os-compute-api-version', '2.79'] as const;

// oxlint-disable-next-line typescript/no-explicit-any -- answers of services
export type Json = any;

/** The whole cloud as tests use it. */
export interface World {
  readonly cloud: OpenstackCloud;
  /** What the stock client prints, without blanks around it. */
  openstack(who: string, ...words: string[]): Promise<string>;
  /** The same as JSON. */
  json(who: string, ...words: string[]): Promise<Json>;
  /** The value of one column. */
  value(who: string, column: string, ...words: string[]): Promise<string>;
  /** Asserts that the client refuses, with words like these. */
  refused(why: RegExp, who: string, ...words: string[]): Promise<void>;
  /** A request to the API with a token of somebody's. */
  ask(who: string, method: string, path: string, body?: object): Promise<Reply>;
  token(who: string): Promise<string>;
  idOf(name: string): Promise<string>;
  hostOf(name: string): Promise<string>;
  virsh(host: string, ...words: string[]): Promise<string>;
  /** What a shell in a server's guest prints. */
  inside(name: string, script: string): Promise<string>;
  outside(command: string, ...words: string[]): Promise<string>;
  /** Whether an address answers those who are outside, within a few tries. */
  answers(address: string): Promise<boolean>;
  /** What a shell prints that a key lets into a server, by an address of outside. */
  ssh(key: string, address: string, script: string): Promise<string>;
}

export function worldOf(cloud: OpenstackCloud): World {
  const ids = new Map<string, string>();
  const openstack: World['openstack'] = async (who, ...words) => (await cloud.openstack(who, ...words)).trim();
  const json: World['json'] = async (who, ...words) => JSON.parse(await openstack(who, ...words, '-f', 'json'));
  const value: World['value'] = (who, column, ...words) => openstack(who, ...words, '-f', 'value', '-c', column);
  const all = (name: string) => ['server', 'list', '--all-projects', '--name', `^${name}$`];
  const virsh: World['virsh'] = (host, ...words) =>
    cloud.ovn.host(host).inside('virsh', '-q', '-c', 'qemu:///system', ...words);
  const outside: World['outside'] = async (...words) => {
    const [command = '', ...rest] = [...cloud.outside, ...words];
    return (await run(command, rest)).stdout;
  };
  const world: World = {
    ...{ cloud, openstack, json, value, virsh, outside },
    async refused(why, who, ...words) {
      await assert.rejects(openstack(who, ...words), why, words.join(' '));
    },
    token: (who) =>
      who === 'xloud'
        ? cloud.keystone.login({
            identity: passwordIdentity(cloud.keystone.adminPassword),
            scope: projectScope('admin'),
          })
        : cloud.keystone.login({ identity: passwordIdentity(who, who), scope: projectScope(who) }),
    async ask(who, method, path, body) {
      const response = await fetch(`${cloud.cluster.apis[0]?.url}${path}`, {
        method,
        headers: {
          'X-Auth-Token': await world.token(who),
          'Content-Type': 'application/json',
          'OpenStack-API-Version': 'compute 2.96',
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as unknown) : text };
    },
    async idOf(name) {
      const known = ids.get(name) ?? (await value('xloud', 'ID', ...all(name)));
      assert.match(known, /^[0-9a-f-]{36}$/, name);
      ids.set(name, known);
      return known;
    },
    hostOf: async (name) => value('xloud', 'OS-EXT-SRV-ATTR:host', 'server', 'show', await world.idOf(name)),
    async inside(name, script) {
      const [id, host] = [await world.idOf(name), await world.hostOf(name)];
      const tell = async (command: object): Promise<unknown> =>
        (JSON.parse(await virsh(host, 'qemu-agent-command', id, JSON.stringify(command))) as { return: unknown })
          .return;
      await eventually(`the agent of ${name}`, PATIENCE_MS, () =>
        tell({ execute: 'guest-ping' }).then(
          () => true,
          () => null,
        ),
      );
      return runInside(tell, script, PATIENCE_MS);
    },
    async answers(address) {
      for (let attempt = 0; attempt < 4; attempt += 1) {
        const heard = outside('busybox', 'ping', '-q', '-c', '1', '-W', '2', address);
        if (
          await heard.then(
            () => true,
            () => false,
          )
        )
          return true;
      }
      return false;
    },
    ssh(key, address, script) {
      const options = [
        'StrictHostKeyChecking=no',
        'UserKnownHostsFile=/dev/null',
        'ConnectTimeout=20',
        'LogLevel=ERROR',
      ];
      return outside('ssh', '-i', key, ...options.flatMap((one) => ['-o', one]), `root@${address}`, script);
    },
  };
  return world;
}

/** A new pair of keys in a directory; the path of the private one. */
export async function makeKey(directory: string): Promise<string> {
  const path = join(directory, 'id_ed25519');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
  return path;
}
