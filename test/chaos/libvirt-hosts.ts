// Why: what a fake host cannot do wrong is tried on real ones: each agent has a libvirtd of its own in its network namespace, with QEMU's
// guests, emulated. All reach each other, as they prove by certificates, and servers move between them.

import { readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Member } from '../support/cluster.ts';
import type { Held } from '../support/held.ts';
import { type Libvirtd, startLibvirtd } from '../support/libvirtd.ts';
import { writePki } from '../support/pki.ts';
import { uploadGuest } from '../support/serve-guest.ts';
import type { Entry } from './books.ts';
import type { Around, Hosts } from './hosts.ts';
import { type Domain, domainsOf, guestOf, virshOf } from './libvirt-domains.ts';
import type { Stage } from './stage.ts';
import { isOn, ofProcess, type Part, processOf, type Victim, type Way } from './ways.ts';

/** Half a minute after it is cut off a move is given up, before its guest runs on. */
const CUT_MS = [2_000, 45_000] as const;
const MOVES = ['live migration', 'cold migration'];

interface LibvirtHost {
  readonly name: string;
  readonly libvirtd: Libvirtd;
  readonly instancesDir: string;
}

/** Uuids of the guests whose QEMU runs there, or arrives. libvirtd is not asked. */
const processesOn = ({ libvirtd }: LibvirtHost): readonly string[] =>
  readdirSync(join(libvirtd.dir, 'run/qemu')).flatMap((file) => /^xloud-(.*)\.pid$/.exec(file)?.[1] ?? []);

/** To a guest's QEMU; where that has just ended, nothing. */
const signalGuest = ({ libvirtd }: LibvirtHost, uuid: string, signal: 'KILL' | 'STOP' | 'CONT') =>
  libvirtd
    .exec('sh', '-c', `kill -${signal} "$(cat "/run/libvirt/qemu/xloud-$0.pid")"`, uuid)
    .then(() => undefined)
    .catch(() => undefined);

const daemonOf = ({ name, libvirtd }: LibvirtHost): Victim => ({
  ...{ part: 'libvirtd', name, isNeededFor: isOn([name]) },
  ways: ofProcess({
    // it is started anew at once, as by systemd
    ...{ kill: () => libvirtd.signal('SIGKILL'), start: () => libvirtd.listening() },
    signal: (which) => libvirtd.signal(which as 'SIGSTOP' | 'SIGCONT'),
  }),
});

function guestsOf(host: LibvirtHost, { books }: Pick<Around, 'books'>): readonly Victim[] {
  return processesOn(host).map((uuid): Victim => {
    const kill = async (): Promise<void> => {
      books.killed.set(uuid, Date.now());
      await signalGuest(host, uuid, 'KILL');
    };
    const ways: readonly Way[] = [
      { kind: 'kill -9', weight: 2, lastsMs: [0, 0], begin: kill, end: () => undefined },
      {
        ...{ kind: 'halt', weight: 1, lastsMs: [1_000, 15_000] },
        begin: () => signalGuest(host, uuid, 'STOP'),
        end: () => signalGuest(host, uuid, 'CONT'),
      },
    ];
    return { part: 'guest', name: `${uuid} on ${host.name}`, isNeededFor: ({ serverId }) => serverId === uuid, ways };
  });
}

/** What ends beneath a server on its way, at the host that it leaves or at the one where its guest arrives. */
function moveOf(entry: Entry, host: LibvirtHost, stage: Stage, { cluster, books }: Around): Victim {
  const { name } = host;
  const end = name === entry.hosts[0] ? 'in a' : 'at the far end of a';
  const uuid = entry.serverId as string;
  const agent = processOf(cluster.agents.get(name) as Member);
  const endOf = (victim: Victim | undefined, what: string): Way[] =>
    (victim?.ways ?? []).flatMap((way) => (way.kind === 'kill -9' ? [{ ...way, kind: `${what} killed ${end}` }] : []));
  const guest = guestsOf(host, { books }).find((one) => one.name.startsWith(uuid));
  const [killed] = ofProcess(agent);
  const cut: Way = {
    ...{ kind: `host cut off ${end}`, weight: 6, lastsMs: CUT_MS },
    begin: () => stage.cut(name),
    end: () => stage.mend(name),
  };
  const ways = [
    ...[cut, { ...(killed as Way), kind: `agent killed ${end}` }],
    ...[...endOf(daemonOf(host), 'libvirtd'), ...endOf(guest, 'guest')],
  ];
  return { part: 'move', name: `${uuid} at ${name}`, isNeededFor: ({ serverId }) => serverId === uuid, ways };
}

/** @param directory in which each agent's data directory is */
export function libvirtHosts(directory: string, agents: readonly string[], stage: Stage): Hosts {
  const started: LibvirtHost[] = [];
  const hostOf = (name: string): LibvirtHost => started.find((one) => one.name === name) ?? raise(name);
  const addressOf = (agent: string): string => stage.spotOf(agent).address;
  return {
    driver: 'libvirt',
    burden: { users: 3, serversEach: 2, everyS: 15, quietS: 120 },
    flavors: { f: { vcpus: 2, memoryMb: 384 }, g: { vcpus: 3, memoryMb: 512 }, minimumMb: 256 },
    // a whole GiB is told, and some
    diskMib: 1_100,
    of: (agent) => [agent],
    config: { compute: { report_seconds: 2, down_seconds: 10, disk_allocation_ratio: 16, virt_type: 'qemu' } },
    agentConfig(agent) {
      const { libvirtd, instancesDir } = hostOf(agent);
      const address = addressOf(agent);
      const moves = { live_migration_inbound_addr: address, host_ip: address, live_migration_with_native_tls: 'yes' };
      return { compute: { libvirt_uri: libvirtd.uri, instances_dir: instancesDir, ...moves } };
    },
    upload: (cluster) => uploadGuest({ request: (_, method, path, body) => cluster.request(0, method, path, body) }),
    zones: null,
    held: async () => new Map(await Promise.all(started.map(async (host) => [host.name, await heldOn(host)] as const))),
    strays: async () => (await Promise.all(started.map(straysOn))).flat(),
    victims: (around) =>
      new Map<Part, () => readonly Victim[]>([
        ['libvirtd', () => started.map(daemonOf)],
        ['guest', () => started.flatMap((host) => guestsOf(host, around))],
        [
          'move',
          () =>
            around.books.entries
              .filter(({ deed, outcome }) => outcome === 'open' && MOVES.includes(deed))
              .flatMap((entry) =>
                started
                  .filter((host) => host.name === entry.hosts[0] || processesOn(host).includes(entry.serverId ?? ''))
                  .map((host) => moveOf(entry, host, stage, around)),
              ),
        ],
      ]),
    async start() {
      const pki = join(directory, 'pki');
      await writePki(pki, agents.map(addressOf));
      for (const name of agents) {
        const libvirtd = await startLibvirtd({ hostname: name, netns: stage.netnsOf(name), pki });
        started.push({ name, libvirtd, instancesDir: join(directory, name, 'instances') });
      }
    },
    close: async () => void (await Promise.all(started.map(({ libvirtd }) => libvirtd.stop()))),
  };
}

async function heldOn({ libvirtd, instancesDir }: LibvirtHost): Promise<Held> {
  const domains = await domainsOf(libvirtd);
  const guests = await Promise.all(domains.map((domain) => guestOf(libvirtd, domain)));
  return {
    guests: new Map(guests.map((guest) => [guest.uuid, guest])),
    aside: await readdir(join(instancesDir, '_aside')).catch(() => []),
  };
}

/** Files, network devices and rules of the host that no domain of its has. */
async function straysOn({ name, libvirtd, instancesDir }: LibvirtHost): Promise<string[]> {
  const domains = await domainsOf(libvirtd);
  const has = (which: (domain: Domain) => boolean): boolean => domains.some(which);
  const folders = (await readdir(instancesDir)).filter((one) => !one.startsWith('_'));
  const links = JSON.parse((await libvirtd.exec('ip', '-j', 'link')).stdout) as { readonly ifname: string }[];
  const rules = (await virshOf(libvirtd, 'nwfilter-binding-list'))
    .split('\n')
    .flatMap((line) => line.trim().split(/\s+/)[0] || []);
  return [
    ...folders.filter((uuid) => !has((one) => one.uuid === uuid)).map((uuid) => `files of ${uuid} on ${name}`),
    ...links
      .filter(({ ifname }) => ifname.startsWith('vnet') && !has(({ devices }) => devices.includes(ifname)))
      .map(({ ifname }) => `device ${ifname} of nobody on ${name}`),
    ...rules
      .filter((device) => !has(({ devices }) => devices.includes(device)))
      .map((device) => `rules for ${device}, which nobody has, on ${name}`),
  ];
}

function raise(name: string): never {
  throw new Error(`no host is called ${name}`);
}
