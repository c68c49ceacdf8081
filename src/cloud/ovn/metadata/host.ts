// Why: a network's guests reach metadata on their host, through a switch interface in a network namespace of its own, so that networks may use
// the same addresses. This creates, finds and removes the namespace, idempotently.

import type { Socket } from 'node:net';
import { checkedUuid, isCanonicalUuid } from '../../../base/ids.ts';
import { METADATA, metadataPortName } from '../metadata-port.ts';
import { indexOfLink, indexToShare } from './interface-index.ts';
import { dialFrom, openSocket, type OpenedSocket } from './socket.ts';
import { NETWORK_WORD } from './wanted.ts';

const BRIDGE = 'br-int';
/** The veth end in the namespace; socket-program.ts uses this name too. */
const INSIDE = 'eth0';
const PREFIX = 'xloud-md-';
/** The maximum length of an interface's name. */
const LINK_CHARS = 15;

export const namespaceOf = (networkId: string): string => `${PREFIX}${checkedUuid(networkId)}`;
/** The veth end in the switch. */
export const linkOf = (networkId: string): string =>
  `xmd${checkedUuid(networkId).replaceAll('-', '')}`.slice(0, LINK_CHARS);

export interface MetadataHostOptions {
  /** Runs a program and resolves to its output. */
  readonly run: (file: string, args: readonly string[]) => Promise<string>;
  /** Command prefix that enters Open vSwitch's network namespace; empty: it is ours. */
  readonly enter: readonly string[];
  /** Its database there (`unix:PATH`). */
  readonly switchRemote: string;
  /** Whether it accepts packets with offloaded checksums. */
  readonly offloads: boolean;
}

export interface MetadataHost {
  /** The networks with a namespace of ours. */
  namespaces(): Promise<ReadonlySet<string>>;
  /** @param isPlugged whether the switch has the interface, which is the last step */
  make(networkId: string, isPlugged: boolean): Promise<void>;
  remove(networkId: string): Promise<void>;
  /** A listening socket in the network's namespace. */
  open(networkId: string): Promise<OpenedSocket>;
  /** A connection to a guest of the network. */
  dial(networkId: string, address: string, port: number): Promise<Socket>;
}

export function makeMetadataHost({ run, enter, switchRemote, offloads }: MetadataHostOptions): MetadataHost {
  const exec = (...words: string[]): Promise<string> => {
    const [file = '', ...args] = [...enter, ...words];
    return run(file, args);
  };
  const ip = (...words: string[]) => exec('ip', ...words);
  const vsctl = (...words: string[]) => exec('ovs-vsctl', `--db=${switchRemote}`, '--timeout=20', ...words);
  const within = (networkId: string) => [...enter, 'ip', 'netns', 'exec', namespaceOf(networkId)];
  const answers = (work: Promise<unknown>): Promise<boolean> =>
    work.then(
      () => true,
      () => false,
    );

  async function namespaces(): Promise<ReadonlySet<string>> {
    const lines = (await ip('netns', 'list')).split('\n');
    const names = lines.map((line) => line.split(' ')[0] ?? '').filter((name) => name.startsWith(PREFIX));
    return new Set(names.map((name) => name.slice(PREFIX.length)).filter(isCanonicalUuid));
  }

  async function remove(networkId: string): Promise<void> {
    const [namespace, link] = [namespaceOf(networkId), linkOf(networkId)];
    await vsctl('--if-exists', 'del-port', BRIDGE, link);
    // removes the other end too, even while a socket in the namespace is still open
    if (await answers(ip('link', 'show', 'dev', link))) await ip('link', 'del', 'dev', link);
    if ((await namespaces()).has(networkId)) await ip('netns', 'del', namespace);
  }

  async function isWhole(networkId: string): Promise<boolean> {
    const [namespace, link] = [namespaceOf(networkId), linkOf(networkId)];
    return (
      (await answers(ip('link', 'show', 'dev', link))) &&
      (await answers(ip('-n', namespace, 'link', 'show', 'dev', INSIDE)))
    );
  }

  async function pair(networkId: string): Promise<void> {
    const [namespace, link] = [namespaceOf(networkId), linkOf(networkId)];
    const index = indexToShare();
    const add = (own: readonly string[], inner: readonly string[]) =>
      ip('link', 'add', 'name', link, ...own, 'type', 'veth', 'peer', 'name', INSIDE, ...inner, 'netns', namespace);
    if (index !== null) {
      const both = add(['index', String(indexOfLink(networkId))], ['index', String(index)]);
      if (await answers(both)) return;
    }
    // then guests that use a link-local address cannot be identified
    await add([], []);
  }

  async function make(networkId: string, isPlugged: boolean): Promise<void> {
    const [namespace, link] = [namespaceOf(networkId), linkOf(networkId)];
    const whole = await isWhole(networkId);
    // completed by an earlier process, as all networks are after a restart
    if (whole && isPlugged) return;
    if (!whole) {
      // incomplete: start over
      await remove(networkId);
      await ip('netns', 'add', namespace);
      await pair(networkId);
    }
    const inside = (...words: string[]) => ip('-n', namespace, ...words);
    await inside('link', 'set', INSIDE, 'address', METADATA.mac, 'up');
    await inside('addr', 'replace', `${METADATA.ip4}/32`, 'dev', INSIDE);
    // all guests are on-link, whatever their subnets, including later ones
    await inside('route', 'replace', 'default', 'dev', INSIDE, 'scope', 'link', 'src', METADATA.ip4);
    // without IPv6 on this machine only IPv4 is served
    if (await answers(inside('-6', 'addr', 'replace', `${METADATA.ip6}/64`, 'dev', INSIDE, 'nodad')))
      await answers(inside('-6', 'route', 'replace', 'default', 'dev', INSIDE));
    if (!offloads) await exec('ip', 'netns', 'exec', namespace, 'ethtool', '-K', INSIDE, 'tx', 'off');
    await ip('link', 'set', link, 'up');
    const name = metadataPortName(networkId);
    const ids = [`external_ids:iface-id=${name}`, `external_ids:${NETWORK_WORD}=${networkId}`];
    await vsctl('--may-exist', 'add-port', BRIDGE, link, '--', 'set', 'Interface', link, ...ids);
  }

  return {
    namespaces,
    make,
    remove,
    open: (networkId) => openSocket(within(networkId)),
    dial: (networkId, address, port) => dialFrom(within(networkId), address, port),
  };
}
