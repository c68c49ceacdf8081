// Why: what was taken over goes back: unchanged (undo), if nothing happened to it here, or with its changes written to Nova (export).
// Either way the rows here are deleted first, then the host's markers; an interrupted run is continued by the next.

import { Fault } from '../../base/errors.ts';
import { forgetServer } from '../../db/forget-server.ts';
import {
  countImports,
  type ImportKind,
  importKinds,
  importsAfter,
  type NovaImport,
  removeImport,
  removeImports,
  updateImport,
} from '../../db/nova-imports.ts';
import { type HandedBack, writeDeleted, writeHandedBack } from '../../db/nova/hand-back.ts';
import { findServer, lockServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { ForeignGuest } from '../../domain/moving/foreign-guest.ts';
import { asFound } from '../../domain/moving/nova-server.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { type Line, type MovingDeps, type NovaCell, reasonOf } from './deps.ts';
import { takeBackNoun } from './nouns.ts';
import type { ServerFacts } from './servers.ts';
import { type Attached, attachedOnce, hasItsVolumes, volumesBack } from './volumes.ts';

const PAGE = 200;

type Deps = Pick<MovingDeps, 'database' | 'clock' | 'hosts'>;

async function* imports(deps: Deps, kind: ImportKind): AsyncGenerator<NovaImport> {
  for (let last = 0; ; ) {
    const page = await importsAfter(deps.database.read, kind, last, PAGE);
    yield* page;
    if (page.length < PAGE) return;
    last = page.at(-1)?.id ?? last;
  }
}

const factsOf = ({ facts }: NovaImport) =>
  facts as unknown as ServerFacts & { readonly final?: HandedBack | null; readonly deletedMs?: number };

/** Server states that Nova can continue from. */
const returnable = ['active', 'stopped', 'paused', 'suspended'];

/** Why a server cannot go back to Nova. */
function staysWhy(server: Server, record: NovaImport): readonly string[] {
  const facts = factsOf(record);
  const why: string[] = [];
  if (server.taskState !== null) why.push(`a task is under way (${server.taskState})`);
  if (!returnable.includes(server.vmState)) why.push(`its state is ${server.vmState}`);
  if (server.host !== record.host) why.push(`it moved from ${record.host} to ${server.host}`);
  if (server.flavor.flavorid !== facts.flavorid) why.push('it was resized here');
  if (server.imageRef !== facts.imageRef) why.push('it was rebuilt from another image here');
  return why;
}

/** The actions on a server since it was taken over. */
async function doneSince(deps: Deps, { name, createdAt }: NovaImport): Promise<readonly string[]> {
  const rows: { action: string }[] = await deps.database
    .read('instance_actions')
    .distinct('action')
    .where({ server_uuid: name })
    .where('start_time', '>=', createdAt);
  return rows.map(({ action }) => action);
}

/** Deletes a server's rows and records in its import what is left to do. */
const leave = (deps: Deps, record: NovaImport, final: HandedBack | null): Promise<void> =>
  tx(deps.database, async (t) => {
    const server = await lockServer(t, record.name);
    if (server === null || server.deleted) throw new Fault('conflict', 'it was deleted meanwhile');
    if (server.taskState !== null) throw new Fault('conflict', `a task is under way (${server.taskState})`);
    await updateImport(t, record.id, { state: 'leaving', facts: { ...record.facts, final } });
    await forgetServer(t, server, deps.clock.now());
  });

const forget = (deps: Deps, { id }: NovaImport): Promise<void> => tx(deps.database, (t) => removeImport(t, id));

const lineOf = (
  { kind, name, host, facts }: NovaImport,
  verdict: Line['verdict'],
  why: readonly string[] = [],
): Line => ({
  ...{ kind, name, verdict, why },
  ...(host !== null && { host }),
  ...(typeof facts['displayName'] === 'string' && { title: facts['displayName'] }),
});

async function undoServer(deps: Deps, record: NovaImport): Promise<Line> {
  if (record.state === 'adopted') {
    const server = await findServer(deps.database.read, record.name, { deleted: true });
    if (server === null || server.deleted)
      return lineOf(record, 'refuse', ['it was deleted here: run `xloud export-nova`']);
    const why = staysWhy(server, record);
    if (why.length > 0) return lineOf(record, 'refuse', why);
    const done = [...(await doneSince(deps, record))];
    if (!(await hasItsVolumes(deps, server, factsOf(record).volumes ?? null))) done.push('its volumes');
    if (done.length > 0)
      return lineOf(record, 'refuse', [`it changed here (${done.join(', ')}): run \`xloud export-nova\``]);
    await leave(deps, record, null);
  }
  await deps.hosts.release(record.host ?? '', record.name);
  await forget(deps, record);
  return lineOf(record, 'adopt');
}

/** Runs a step; an expected failure becomes a `refuse` line, and the others continue. */
async function told(record: NovaImport, work: () => Promise<Line>): Promise<Line> {
  try {
    return await work();
  } catch (error) {
    return lineOf(record, 'refuse', [reasonOf(error)]);
  }
}

/** Reverts what was taken over: first servers, if nothing was done with them, then everything else. Nova's databases are not touched. */
export async function* undoImport(deps: Deps): AsyncGenerator<Line> {
  for (const kind of importKinds.toReversed()) {
    for await (const record of imports(deps, kind)) {
      if (kind === 'server') yield await told(record, () => undoServer(deps, record));
      else yield await told(record, () => undoNoun(deps, kind, record));
    }
  }
}

async function undoNoun(deps: Deps, kind: Exclude<ImportKind, 'server'>, record: NovaImport): Promise<Line> {
  if (await isKept(deps, record)) return lineOf(record, 'refuse', ['servers that stay here are in it']);
  const was = await tx(deps.database, async (t) => {
    const found = await takeBackNoun(t, kind, record);
    await removeImport(t, record.id);
    return found;
  });
  return was ? lineOf(record, 'adopt') : lineOf(record, 'ignore', ['it was deleted here, or replaced by another one']);
}

/** Whether servers that stay here need it: a group with members. */
async function isKept({ database }: Deps, { kind, name }: NovaImport): Promise<boolean> {
  if (kind !== 'server_group') return false;
  const row: unknown = await database
    .read('server_group_members as member')
    .join('server_groups as one', 'one.id', 'member.group_id')
    .where('one.uuid', name)
    .select('member.server_id')
    .first();
  return row !== undefined;
}

/** Ends the way back: nothing that was taken over can be given back any more. Returns the number of objects by kind. */
export async function confirmImport(deps: Pick<Deps, 'database'>): Promise<Readonly<Record<string, number>>> {
  const counts = await countImports(deps.database.read);
  await tx(deps.database, (t) => removeImports(t));
  return counts;
}

type ExportDeps = Deps & Pick<MovingDeps, 'api' | 'cells' | 'volumes'>;

const cellOf = ({ cells }: ExportDeps, record: NovaImport): NovaCell => {
  const { cell } = factsOf(record);
  const found = cells.find(({ name }) => name === cell);
  if (found === undefined) throw new Fault('notFound', `its cell ${cell} is not among the given cells`);
  return found;
};

async function seen(deps: Deps, record: NovaImport): Promise<ForeignGuest> {
  const guest = await deps.hosts.survey(record.host ?? '', record.name);
  if (guest === null) throw new Fault('notFound', `host ${record.host} has no guest with this id`);
  return guest;
}

/** Returns one server to Nova. `carry` false: only says what would be done. */
async function exportServer(
  deps: ExportDeps,
  record: NovaImport,
  carry: boolean,
  attached: () => Promise<Attached | null>,
): Promise<Line> {
  const { name: uuid } = record;
  const { nova } = cellOf(deps, record);
  if (record.state === 'adopted') {
    const server = await findServer(deps.database.read, uuid, { deleted: true });
    if (server === null || server.deleted) {
      if (carry) {
        await writeDeleted(deps.api, nova, uuid, server?.deletedAt ?? deps.clock.now());
        await forget(deps, record);
      }
      return lineOf(record, 'change', ['it was deleted here: Nova marks it deleted too']);
    }
    const why = staysWhy(server, record);
    if (why.length > 0) return lineOf(record, 'refuse', why);
    const guest = await seen(deps, record);
    const { volumes, problems } = await volumesBack(deps, server, guest, attached);
    if (problems.length > 0) return lineOf(record, 'refuse', problems);
    const { powerState, vmState } = asFound(server, guest.powerState);
    const done = [...(await doneSince(deps, record))];
    if (!(await hasItsVolumes(deps, server, factsOf(record).volumes ?? null))) done.push('its volumes');
    if (!carry)
      return lineOf(record, done.length === 0 ? 'adopt' : 'change', done.length === 0 ? [] : [done.join(', ')]);
    const { displayName, description } = server;
    const final: HandedBack = { vmState, powerState, displayName, description, volumes };
    await leave(deps, record, final);
    record = { ...record, facts: { ...record.facts, final } };
  }
  if (carry) {
    await deps.hosts.release(record.host ?? '', uuid);
    const { final } = factsOf(record);
    const told = (final?.volumes ?? []).length === 0 ? null : await attached();
    if (final != null && !(await writeHandedBack(nova, uuid, final, told?.byId ?? new Map(), deps.clock.now())))
      throw new Fault('notFound', 'Nova no longer has this server');
    await forget(deps, record);
  }
  return lineOf(record, 'adopt');
}

/**
 * Returns the servers that were taken over to Nova, with their changes.
 * @param carry false: only says what would be done
 * @param only limits it to these uuids; null: all
 */
export async function* exportServers(
  deps: ExportDeps,
  carry: boolean,
  only: ReadonlySet<string> | null,
): AsyncGenerator<Line> {
  const attached = attachedOnce(deps);
  for await (const record of imports(deps, 'server')) {
    if (only !== null && !only.has(record.name)) continue;
    yield await told(record, () => exportServer(deps, record, carry, attached));
  }
}
