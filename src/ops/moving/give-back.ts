// Why: what was taken over goes back: as it was (undo), while nothing happened to it here, or with what became of it told to Nova
// (export). Either way the rows here go first, then the host's notes, and what was cut off between is gone on with.

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

/** States of a server that Nova can go on with. */
const returnable = ['active', 'stopped', 'paused', 'suspended'];

/** Why a server that is here cannot go back as it is. */
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

/** What was done with a server since it was taken over. */
async function doneSince(deps: Deps, { name, createdAt }: NovaImport): Promise<readonly string[]> {
  const rows: { action: string }[] = await deps.database
    .read('instance_actions')
    .distinct('action')
    .where({ server_uuid: name })
    .where('start_time', '>=', createdAt);
  return rows.map(({ action }) => action);
}

/** The rows of a server go, and its record says what is left to do. */
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
      return lineOf(record, 'refuse', ['it was deleted here: `xloud export-nova` tells Nova']);
    const why = staysWhy(server, record);
    if (why.length > 0) return lineOf(record, 'refuse', why);
    const done = [...(await doneSince(deps, record))];
    if (!(await hasItsVolumes(deps, server, factsOf(record).volumes ?? null))) done.push('its volumes');
    if (done.length > 0)
      return lineOf(record, 'refuse', [`it changed here (${done.join(', ')}): \`xloud export-nova\` hands it back`]);
    await leave(deps, record, null);
  }
  await deps.hosts.release(record.host ?? '', record.name);
  await forget(deps, record);
  return lineOf(record, 'adopt');
}

/** What a step tells where it fails as it may; the others go on. */
async function told(record: NovaImport, work: () => Promise<Line>): Promise<Line> {
  try {
    return await work();
  } catch (error) {
    return lineOf(record, 'refuse', [reasonOf(error)]);
  }
}

/** Takes back what was taken over: servers that nothing was done with, then all else. Nova's databases are not touched. */
export async function* undoImport(deps: Deps): AsyncGenerator<Line> {
  for (const kind of importKinds.toReversed()) {
    for await (const record of imports(deps, kind)) {
      if (kind === 'server') yield await told(record, () => undoServer(deps, record));
      else if (await isKept(deps, record)) yield lineOf(record, 'refuse', ['servers that stay are in it']);
      else {
        const was = await tx(deps.database, async (t) => {
          const found = await takeBackNoun(t, kind, record);
          await removeImport(t, record.id);
          return found;
        });
        yield was
          ? lineOf(record, 'adopt')
          : lineOf(record, 'ignore', ['it was deleted here, or is another one by now']);
      }
    }
  }
}

/** Whether servers that stay need it: a group with members. */
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

/** From now on nothing that was taken over can be given back. Returns how much it was, by kind. */
export async function confirmImport(deps: Pick<Deps, 'database'>): Promise<Readonly<Record<string, number>>> {
  const counts = await countImports(deps.database.read);
  await tx(deps.database, (t) => removeImports(t));
  return counts;
}

type ExportDeps = Deps & Pick<MovingDeps, 'api' | 'cells' | 'volumes'>;

const cellOf = ({ cells }: ExportDeps, record: NovaImport): NovaCell => {
  const { cell } = factsOf(record);
  const found = cells.find(({ name }) => name === cell);
  if (found === undefined) throw new Fault('notFound', `its cell ${cell} is not among those that were named`);
  return found;
};

async function seen(deps: Deps, record: NovaImport): Promise<ForeignGuest> {
  const guest = await deps.hosts.survey(record.host ?? '', record.name);
  if (guest === null) throw new Fault('notFound', `host ${record.host} has no guest of that id`);
  return guest;
}

/** What is to be told to Nova of one server, and how; null: it cannot go back. */
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
      return lineOf(record, 'change', ['it was deleted here, and Nova is told']);
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
      throw new Fault('notFound', 'Nova has no such server any more');
    await forget(deps, record);
  }
  return lineOf(record, 'adopt');
}

/**
 * Hands the servers that were taken over back to Nova, with what became of them. `carry` false: it is only told what would be.
 * @param only those of these uuids; null: all
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
