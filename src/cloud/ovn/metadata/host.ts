// Why: a network's guests find their metadata on their host behind an interface of the switch, in a network namespace of its own: what
// other networks have (the same addresses) is nothing to it. Here it is made, found and removed again, each as often as one likes.

import type { Socket } from 'node:net';
import { checkedUuid, isCanonicalUuid } from '../../../base/ids.ts';
import { METADATA, metadataPortName } from '../metadata-port.ts';
import { indexOfLink, indexToShare } from './interface-index.ts';
import { dialFrom, openSocket, type OpenedSocket } from './socket.ts';
import { NETWORK_WORD } from './wanted.ts';

const BRIDGE = 'br-int';
/** Its end in the namespace; metadata-socket.ts knows it too. */
const INSIDE = 'eth0';
const PREFIX = 'xloud-md-';
/** Characters of an interface's name. */
const LINK_CHARS = 15;

export const namespaceOf = (networkId: string): string => `${PREFIX}${checkedUuid(networkId)}`;
/** The switch's end. */
export const linkOf = (networkId: string): string =>
  `xmd${checkedUuid(networkId).replaceAll('-', '')}`.slice(0, LINK_CHARS);

export interface MetadataHostOptions {
  /** Runs a program, and resolves to what it prints. */
  readonly run: (file: string, args: readonly string[]) => Promise<string>;
  /** What a command begins with to be where Open vSwitch is; none: we are there. */
  readonly enter: readonly string[];
  /** Where it is asked from there (`unix:PATH`). */
  readonly switchRemote: string;
  /** Whether it takes packets whose checksums are not finished. */
  readonly offloads: boolean;
}

export interface MetadataHost {
  /** The networks that have a namespace of ours. */
  namespaces(): Promise<ReadonlySet<string>>;
  /** @param isPlugged whether the switch has its interface: that is done last */
  make(networkId: string, isPlugged: boolean): Promise<void>;
  remove(networkId: string): Promise<void>;
  /** A socket in the network's namespace, on which it is listened. */
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
    // the other end goes with it, also while somebody still has a socket in there
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
    // then a guest that asks from a link-local address is not known
    await add([], []);
  }

  async function make(networkId: string, isPlugged: boolean): Promise<void> {
    const [namespace, link] = [namespaceOf(networkId), linkOf(networkId)];
    const whole = await isWhole(networkId);
    // what a process before this one made to its end, which is so of all networks after a restart
    if (whole && isPlugged) return;
    if (!whole) {
      // half of it is none
      await remove(networkId);
      await ip('netns', 'add', namespace);
      await pair(networkId);
    }
    const inside = (...words: string[]) => ip('-n', namespace, ...words);
    await inside('link', 'set', INSIDE, 'address', METADATA.mac, 'up');
    await inside('addr', 'replace', `${METADATA.ip4}/32`, 'dev', INSIDE);
    // all of its guests are on the wire, whatever their subnets: those that come later too
    await inside('route', 'replace', 'default', 'dev', INSIDE, 'scope', 'link', 'src', METADATA.ip4);
    // a machine without IPv6 has it by IPv4
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
