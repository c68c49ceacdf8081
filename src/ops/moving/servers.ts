// Why: a running server is taken over without its guest noticing: its host writes marker files, then one transaction writes its rows, claim and
// history included. An interrupted run is repeated.

import { Fault, messageOf } from '../../base/errors.ts';
import { setClaim } from '../../db/claims.ts';
import { findHost, lockHost } from '../../db/hosts.ts';
import {
  findImport,
  insertImport,
  lockImport,
  type NovaImport,
  removeImport,
  updateImport,
} from '../../db/nova-imports.ts';
import { countDeleted, novaServers, novaServices } from '../../db/nova/cells.ts';
import type { NovaDatabase } from '../../db/nova/open.ts';
import { insertDetails } from '../../db/server-details.ts';
import { addMember, findServerGroup } from '../../db/server-groups.ts';
import { insertNics } from '../../db/server-nics.ts';
import { findServer, insertServer, updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { diskGbOf, maximumOf } from '../../domain/machines/flavors.ts';
import { type ForeignGuest, guestProblems } from '../../domain/moving/foreign-guest.ts';
import { boolIn, type NovaServer, textIn, timeIn } from '../../domain/moving/nova-rows.ts';
import { type AdoptedServer, asFound, changesOf, readServer, serverProblems } from '../../domain/moving/nova-server.ts';
import { resourcesOf } from '../../domain/placement/resources.ts';
import { disksOnHost } from '../../domain/servers/server-volumes.ts';
import type { PowerState } from '../../domain/servers/servers.ts';
import { type BuildRequest } from '../servers/build.ts';
import { type Line, type MovingDeps, type NovaCell, reasonOf, type Step, verdictOf } from './deps.ts';
import { historyOf } from './history.ts';
import {
  type AdoptedVolume,
  type Attached,
  attachedOnce,
  insertVolumes,
  type VolumeFacts,
  volumeFacts,
  volumesFor,
} from './volumes.ts';

/** A nova-compute that reported within this time counts as up, as in Nova (`service_down_time`). */
const DOWN_MS = 60_000;

/** A server's state when it was taken over, to detect changes since. */
export interface ServerFacts {
  readonly cell: string;
  readonly powerState: PowerState;
  readonly vmState: string;
  readonly flavorid: string;
  readonly imageRef: string;
  readonly displayName: string;
  /** Absent: it was taken over by a release without volumes. */
  readonly volumes?: readonly VolumeFacts[];
}

const buildOf = ({ keyType, kernel, ramdisk }: AdoptedServer): BuildRequest => ({
  network: { requests: [], securityGroups: [] },
  ...{ kernel, ramdisk, keyType, userName: '', roles: [], projectName: null },
  ...{ forcedHost: null, forcedNode: null, requestedHost: null, requestedNode: null, files: [] },
});

async function insertAdopted(
  t: Tx,
  adopted: AdoptedServer,
  server: AdoptedServer['server'],
  volumes: readonly AdoptedVolume[],
  nowMs: number,
): Promise<void> {
  const host = await lockHost(t, server.host ?? '');
  if (host === null) throw new Fault('conflict', `host ${server.host} is gone`);
  const id = await insertServer(t, { ...server, node: host.inventory.hypervisorHostname, build: buildOf(adopted) });
  // earlier usage is Nova's to report
  await updateServer(t, id, {}, nowMs);
  await insertDetails(t, [id], adopted.metadata, adopted.tags);
  await insertNics(t, id, adopted.nics);
  await insertVolumes(t, id, volumes);
  // a root volume takes no disk of the host
  const disks = disksOnHost(server);
  const full = maximumOf(server.flavor);
  const claim = { serverId: id, hostId: host.id, ...full, maximum: full, diskGb: diskGbOf(disks) };
  await setClaim(t, { ...claim, numa: null, resources: resourcesOf(disks, 0), pci: null });
  const group = adopted.group === null ? null : await findServerGroup(t, adopted.group);
  if (group !== null) await addMember(t, group.id, id);
}

/**
 * Records that a server is being taken over, before its host writes markers: if it is interrupted from then on, apply continues and undo reverts it.
 * @throws conflict if it is being returned to Nova with changes
 */
const announce = (deps: MovingDeps, facts: ServerFacts, { uuid, host }: AdoptedServer['server']): Promise<void> =>
  tx(deps.database, async (t) => {
    const record = await lockImport(t, 'server', uuid);
    if (record?.state === 'adopted') return;
    const [word] = earlier(record)?.why ?? [];
    if (word !== undefined) throw new Fault('conflict', word);
    if (record !== null) return updateImport(t, record.id, { host, facts: { ...facts } });
    const one = { kind: 'server', name: uuid, host, facts: { ...facts }, createdAt: deps.clock.now() } as const;
    await insertImport(t, one, 'leaving');
  });

/** Reverts an announced server that cannot be taken over. If that fails too, `undo` does it. */
async function retreat(deps: MovingDeps, { uuid, host }: AdoptedServer['server']): Promise<void> {
  const record = await findImport(deps.database.read, 'server', uuid);
  if (record?.state !== 'leaving') return;
  await deps.hosts.release(host ?? '', uuid);
  await tx(deps.database, (t) => removeImport(t, record.id));
}

async function takeOver(
  deps: MovingDeps,
  cell: NovaCell,
  nova: NovaServer,
  powerState: PowerState,
  volumes: readonly AdoptedVolume[],
): Promise<void> {
  const adopted = readServer(nova);
  const server = asFound(adopted.server, powerState);
  const { uuid, host, vmState, imageRef, displayName, flavor } = server;
  const writeHistory = await historyOf(cell.nova, uuid);
  const facts: ServerFacts = {
    ...{ cell: cell.name, powerState, vmState, imageRef, displayName, flavorid: flavor.flavorid },
    volumes: volumeFacts(volumes),
  };
  await announce(deps, facts, server);
  await deps.hosts.adopt(host ?? '', uuid, adopted.nics);
  try {
    await tx(deps.database, async (t) => {
      const record = await lockImport(t, 'server', uuid);
      if (record === null) throw new Fault('conflict', 'it was returned to Nova meanwhile');
      // another run did it
      if (record.state === 'adopted') return;
      const nowMs = deps.clock.now();
      await insertAdopted(t, adopted, server, volumes, nowMs);
      await writeHistory(t);
      await updateImport(t, record.id, { state: 'adopted', host, createdAt: nowMs });
    });
  } catch (error) {
    await retreat(deps, server).catch(() => undefined);
    throw error;
  }
}

/** Why a server that was taken over before, or is being returned, is not taken over now; null: it can be. */
function earlier(record: NovaImport | null): Pick<Line, 'verdict' | 'why'> | null {
  if (record?.state === 'adopted') return { verdict: 'adopted', why: [] };
  if ((record?.facts['final'] ?? null) === null) return null;
  return { verdict: 'refuse', why: ['it is being returned to Nova: `xloud export-nova apply` completes that'] };
}

/** Ports of a server that another server has here: whichever is deleted first would delete them for both. */
async function portsElsewhere({ database }: MovingDeps, { nics }: AdoptedServer): Promise<readonly string[]> {
  const ids = nics.map(({ portId }) => portId);
  const taken: string[] = await database
    .read('server_nics')
    .whereIn('port_id', ids)
    .distinct('port_id')
    .pluck('port_id');
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  return [
    ...taken.map((id) => `another server here has its port ${id}`),
    ...twice.map((id) => `it has the port ${id} twice`),
    ...(ids.includes('') ? ['it has a port without an id'] : []),
  ];
}

/** A check of a host, done once for all its servers. */
type HostWord = (host: string) => Promise<string | null>;

/** Why servers of a host cannot be taken over; null: the host is known here. */
function hostWords(deps: MovingDeps): HostWord {
  const said = new Map<string, Promise<string | null>>();
  return (host) => {
    let word = said.get(host);
    if (word === undefined) {
      word = findHost(deps.database.read, { host }).then((found) =>
        found === null ? `its host ${host} is not known here: start an agent there` : null,
      );
      said.set(host, word);
    }
    return word;
  };
}

/** Inspects a guest on its host. */
async function survey(
  deps: MovingDeps,
  { server, nics }: AdoptedServer,
  volumes: readonly AdoptedVolume[],
): Promise<{ readonly guest: ForeignGuest | null; readonly problems: readonly string[] }> {
  try {
    const guest = await deps.hosts.survey(server.host ?? '', server.uuid);
    if (guest === null) return { guest, problems: [`host ${server.host} has no guest with this id`] };
    return {
      guest,
      problems: guestProblems(
        guest,
        nics.map(({ mac }) => mac),
        volumes.map(({ disk }) => disk),
      ),
    };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { guest: null, problems: [`host ${server.host} cannot be reached: ${messageOf(error)}`] };
  }
}

/** Hosts whose nova-compute is up: it would stop and start guests to match its own database. */
async function heardOf(deps: MovingDeps, cell: NovaDatabase): Promise<ReadonlySet<string>> {
  const nowMs = deps.clock.now();
  const heard = (await novaServices(cell)).filter((row) => {
    const seen = timeIn(row, 'last_seen_up') ?? timeIn(row, 'updated_at');
    return !boolIn(row, 'forced_down') && seen !== null && nowMs - seen < DOWN_MS;
  });
  return new Set(heard.map((row) => textIn(row, 'host') ?? ''));
}

/** A row that cannot be read becomes a `refuse` line, and the others continue. */
async function serverStep(...asked: Parameters<typeof understood>): Promise<Step> {
  try {
    return await understood(...asked);
  } catch (error) {
    const [, , { instance }] = asked;
    const [name, title] = [textIn(instance, 'uuid') ?? '', textIn(instance, 'display_name') ?? ''];
    return { line: { kind: 'server', name, title, verdict: 'refuse', why: [reasonOf(error)] }, carry: null };
  }
}

async function understood(
  deps: MovingDeps,
  cell: NovaCell,
  nova: NovaServer,
  hostWord: HostWord,
  heard: ReadonlySet<string>,
  attached: () => Promise<Attached | null>,
): Promise<Step> {
  const name = textIn(nova.instance, 'uuid') ?? '';
  const host = textIn(nova.instance, 'host');
  const line = (verdict: Line['verdict'], why: readonly string[]): Line => ({
    ...{ kind: 'server', name, verdict, why, title: textIn(nova.instance, 'display_name') ?? '' },
    ...(host !== null && { host }),
  });
  const refuse = (...why: readonly string[]): Step => ({ line: line('refuse', why), carry: null });
  const before = earlier(await findImport(deps.database.read, 'server', name));
  if (before !== null) return { line: line(before.verdict, before.why), carry: null };
  if ((await findServer(deps.database.read, name, { deleted: true })) !== null)
    return refuse('a server with this id exists here');
  const problems = serverProblems(nova);
  const word = host === null ? null : await hostWord(host);
  if (problems.length > 0 || word !== null) return refuse(...problems, ...(word === null ? [] : [word]));
  const adopted = readServer(nova);
  if (adopted.nics.length > 0 && !deps.hasNeutron)
    return refuse('it has ports of Neutron: set network.service: neutron');
  const taken = await portsElsewhere(deps, adopted);
  if (taken.length > 0) return refuse(...taken);
  const { volumes, problems: ofVolumes } = await volumesFor(deps, adopted, attached);
  if (ofVolumes.length > 0) return refuse(...ofVolumes);
  const { guest, problems: onHost } = await survey(deps, adopted, volumes);
  if (guest === null || onHost.length > 0) return refuse(...onHost);
  const changes = changesOf(adopted);
  const isHeard = heard.has(host ?? '');
  const carry = (): Promise<void> => {
    if (isHeard) throw new Fault('conflict', `nova-compute of ${host} is up: stop it first`);
    return takeOver(deps, cell, nova, guest.powerState, volumes);
  };
  return { line: line(verdictOf(changes), changes), carry };
}

/** The servers of all cells, and lines on hosts whose nova-compute is up. */
export async function* serverSteps(deps: MovingDeps): AsyncGenerator<Step> {
  const hostWord = hostWords(deps);
  const attached = attachedOnce(deps);
  for (const cell of deps.cells) {
    const heard = await heardOf(deps, cell.nova);
    for (const name of heard) {
      const why = ['its nova-compute is up: stop it before `apply`, or its servers stay'];
      yield { line: { kind: 'host', name, verdict: 'ignore', why }, carry: null };
    }
    for await (const nova of novaServers(deps.api, cell.nova))
      yield serverStep(deps, cell, nova, hostWord, heard, attached);
    const deleted = await countDeleted(cell.nova);
    if (deleted > 0) {
      const why = [`${deleted} deleted server(s): their history stays in Nova`];
      yield { line: { kind: 'deleted', name: cell.name, verdict: 'ignore', why }, carry: null };
    }
  }
  if (deps.cell0 === null) return;
  for await (const { instance } of novaServers(deps.api, deps.cell0)) {
    const title = textIn(instance, 'display_name') ?? '';
    const why = ['it never had a host (cell0)'];
    yield {
      line: { kind: 'server', name: textIn(instance, 'uuid') ?? '', title, verdict: 'refuse', why },
      carry: null,
    };
  }
}
