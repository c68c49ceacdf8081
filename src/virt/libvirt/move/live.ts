// Why: a guest leaves as it runs by one call to libvirtd, which goes on whatever becomes of us. What is asked afterwards is answered
// from what libvirt and the guest's directory say: the guest is here and on its way, here, or gone where it was sent.

import { readFile } from 'node:fs/promises';
import { removeWritten, writeDurably } from '../../../base/durable-file.ts';
import { conflict, messageOf } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { AgentVerbs } from '../../../domain/servers/agent-methods.ts';
import type { LiveLanding, LiveProgress, LiveState, LiveTarget } from '../../../domain/servers/guests.ts';
import type { Transfer } from '../../../domain/servers/migrations.ts';
import { isUnanswered, isVirError, outcomeOf } from '../errors.ts';
import { findDomain, ifGone, isArriving, isOff } from '../guest.ts';
import { filesOf, type Host, noSuchGuest, notRunning } from '../host.ts';
import { undefine } from '../lifecycle.ts';
import * as vir from '../rpc/constants.ts';
import type { DomainRef, TypedParam, TypedParams } from '../rpc/types.ts';
import { writesArrive } from './emulated.ts';
import type { Leaving } from './live-settings.ts';
import { cutOff, listen } from './silence.ts';

const GIB = 1024 ** 3;
/** Nova's: a small guest gets the time of one of this size. */
const LEAST_GIB = 2;

const UNKNOWN: Transfer = { total: null, processed: null, remaining: null };

const idle = (state: LiveState): LiveProgress => ({ state, memory: UNKNOWN, disk: UNKNOWN });

/** The hypervisor that a guest was sent to, or that has its directory now; null: none. Means something once it is here no more. */
async function sentTo(host: Host, uuid: string): Promise<string | null> {
  const { leaving, owner } = filesOf(host, uuid);
  const text = await readFile(leaving, 'utf8').catch(() => null);
  if (text !== null) return (JSON.parse(text) as { to: string }).to;
  const other = await readFile(owner, 'utf8').catch(() => host.node);
  return other === host.node ? null : other;
}

const amounts = (params: TypedParams, what: 'memory' | 'disk'): Transfer => {
  const of = (name: string) =>
    typeof params[`${what}_${name}`] === 'number' ? Number(params[`${what}_${name}`]) : null;
  return { total: of('total'), processed: of('processed'), remaining: of('remaining') };
};

const NOT_UNDERWAY = ['VIR_ERR_OPERATION_UNSUPPORTED', 'VIR_ERR_SYSTEM_ERROR', 'VIR_ERR_OPERATION_FAILED'] as const;

/** libvirt's numbers of a guest on its way, none where it cannot say; null: it is not. */
export async function underway(
  { connection }: Pick<Host, 'connection'>,
  domain: DomainRef,
): Promise<TypedParams | null> {
  try {
    const { type, params } = await connection.domainGetJobStats(domain);
    const leaves = params['operation'] === vir.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT;
    return type !== vir.VIR_DOMAIN_JOB_NONE && leaves ? params : null;
  } catch (error) {
    // off, gone, on its way here, or dying under our hands: what it is then is asked again
    if (isOver(error) || NOT_UNDERWAY.some((name) => isVirError(error, name))) return null;
    // the move itself keeps libvirt from looking
    if (isUnanswered(error) || isVirError(error, 'VIR_ERR_OPERATION_TIMEOUT')) return {};
    throw error;
  }
}

/** The guest's domain while it is here; null: it is not, or libvirt has only the shell of one that left. */
async function stillHere(host: Host, uuid: string): Promise<DomainRef | null> {
  const domain = await findDomain(host.connection, uuid);
  if (domain === null || (await isArriving(host.connection, domain))) return null;
  const seen = await host.connection.domainGetState(domain).catch(ifGone(null));
  if (seen === null) return null;
  if (seen.state !== vir.VIR_DOMAIN_SHUTOFF || seen.reason !== vir.VIR_DOMAIN_SHUTOFF_MIGRATED) return domain;
  // libvirtd does it itself, unless it was interrupted
  if (host.leaving.get(uuid)?.state !== 'running') await undefine(host, domain);
  return null;
}

function flagsOf({ live }: Host, { disks, xml }: LiveLanding): number {
  const runs = live.emulatedLive || writesArrive(xml);
  return (
    (runs ? vir.VIR_MIGRATE_LIVE : 0) |
    vir.VIR_MIGRATE_PEER2PEER |
    vir.VIR_MIGRATE_PERSIST_DEST |
    vir.VIR_MIGRATE_UNDEFINE_SOURCE |
    vir.VIR_MIGRATE_ABORT_ON_ERROR |
    (disks.length > 0 ? vir.VIR_MIGRATE_NON_SHARED_INC : 0) |
    // that both hosts have what is not copied was seen, which libvirt knows of few file systems
    vir.VIR_MIGRATE_UNSAFE |
    (live.permitAutoConverge && runs ? vir.VIR_MIGRATE_AUTO_CONVERGE : 0) |
    (live.permitPostCopy && runs && live.parallelConnections <= 1 ? vir.VIR_MIGRATE_POSTCOPY : 0) |
    (live.nativeTls ? vir.VIR_MIGRATE_TLS : 0) |
    (live.parallelConnections > 1 ? vir.VIR_MIGRATE_PARALLEL : 0)
  );
}

function paramsOf({ live }: Host, { address, xml, persistentXml, disks }: LiveLanding): readonly TypedParam[] {
  const params: TypedParam[] = [
    ['migrate_uri', 'string', `tcp://${address.includes(':') ? `[${address}]` : address}`],
    ['listen_address', 'string', address],
    ['destination_xml', 'string', xml],
    ['persistent_xml', 'string', persistentXml],
    ...disks.map((name): TypedParam => ['migrate_disks', 'string', name]),
  ];
  if (live.bandwidthMib > 0) params.push(['bandwidth', 'ullong', live.bandwidthMib]);
  if (live.parallelConnections > 1) params.push(['parallel.connections', 'int', live.parallelConnections]);
  return params;
}

const isOver = (error: unknown): boolean =>
  isVirError(error, 'VIR_ERR_OPERATION_INVALID') || isVirError(error, 'VIR_ERR_NO_DOMAIN');

/** A guest that was made to stand still for its move, and stays, goes on. */
async function letRun(host: Host, domain: DomainRef, leaving: Leaving): Promise<void> {
  if (leaving.paused) await host.connection.domainResume(domain).catch(() => {});
}

const unreachable = (to: string, cause: unknown) =>
  conflict(`nothing reached host ${to} for ${limits.liveSilenceMs / 1000} s (${messageOf(cause)})`, {
    ...{ code: 'migration.silent', cause },
  });

/** Carries a guest to its end; one at a time, as long as it takes. */
async function carry(host: Host, domain: DomainRef, landing: LiveLanding, leaving: Leaving): Promise<void> {
  const { connection, live, log, leaving: all } = host;
  const { uuid } = domain;
  try {
    const began = await host.guests('leaving', async () => {
      if (leaving.state !== 'running') return false;
      leaving.waits = false;
      await connection.domainMigrateSetMaxDowntime(domain, live.downtimeMs);
      await connection.domainMigratePerform3Params(
        domain,
        landing.uri,
        paramsOf(host, landing),
        flagsOf(host, landing),
      );
      return true;
    });
    // given up while others went first
    if (!began) return;
    if (leaving.stays && (await findDomain(connection, uuid)) !== null) leaving.state = 'cancelled';
    else all.delete(uuid);
    host.offline.delete(uuid);
  } catch (error) {
    log.warn({ uuid, to: leaving.to, error: messageOf(error) }, 'a guest did not leave, or nobody knows');
    // from now on it is what libvirt says it is
    if (outcomeOf(error) !== 'failed') return void all.delete(uuid);
    const ended = !leaving.silent && isVirError(error, 'VIR_ERR_OPERATION_ABORTED');
    leaving.state = leaving.stays || ended ? 'cancelled' : 'failed';
    leaving.error = leaving.silent ? unreachable(leaving.to, error) : error;
    await removeWritten(filesOf(host, uuid).leaving);
    await letRun(host, domain, leaving);
  }
}

async function begin(host: Host, domain: DomainRef, { node }: LiveTarget, landing: LiveLanding): Promise<void> {
  const { uuid } = domain;
  const leaving: Leaving = {
    ...{ to: node, waits: true, stays: false, hurried: false, silent: false, paused: false },
    ...({ state: 'running', error: null } as const),
  };
  await writeDurably(filesOf(host, uuid).leaving, JSON.stringify({ to: node }));
  host.leaving.set(uuid, leaving);
  void carry(host, domain, landing, leaving);
}

async function migrate(host: Host, uuid: string, to: LiveTarget): Promise<LiveProgress> {
  const domain = await stillHere(host, uuid);
  if (domain === null) {
    if ((await sentTo(host, uuid)) === to.node) return idle('completed');
    throw noSuchGuest(uuid);
  }
  if (host.leaving.get(uuid)?.state === 'running' || (await underway(host, domain)) !== null) {
    if ((await sentTo(host, uuid)) === to.node) return await progress(host, uuid);
    throw conflict(`Instance ${uuid} is on its way to another host.`, { code: 'migration.elsewhere' });
  }
  if (await isOff(host.connection, domain)) throw notRunning(uuid);
  if (to.landing === null)
    throw conflict(`Host ${to.node} is not ready for instance ${uuid}.`, { code: 'migration.landing' });
  await begin(host, domain, to, to.landing);
  return await progress(host, uuid);
}

/** What takes longer than the operator lets it is given up or hurried, once. */
async function keepTime(host: Host, domain: DomainRef, params: TypedParams): Promise<void> {
  const { completionMsPerGib, timeoutAction } = host.live;
  const leaving = host.leaving.get(domain.uuid);
  if (completionMsPerGib === 0 || leaving?.hurried) return;
  const bytes = Number(params['memory_total'] ?? 0) + Number(params['disk_total'] ?? 0);
  if (Number(params['time_elapsed'] ?? 0) < completionMsPerGib * Math.max(LEAST_GIB, bytes / GIB)) return;
  if (leaving !== undefined) leaving.hurried = true;
  await steer(host, domain.uuid, timeoutAction === 'abort' ? 'abort' : 'force');
}

/** One of which nothing goes out any more is cut off, and stays. */
async function keepSending(host: Host, domain: DomainRef, params: TypedParams): Promise<void> {
  const { uuid } = domain;
  const { sent, silent } = listen(host.sent.get(uuid), params, host.clock.now());
  if (sent !== undefined) host.sent.set(uuid, sent);
  if (!silent) return;
  try {
    if (!(await cutOff(host.connection, domain))) return;
    host.log.warn({ uuid, ...sent }, 'nothing of a guest that leaves went out any more: it was cut off');
    const leaving = host.leaving.get(uuid);
    if (leaving !== undefined) leaving.silent = true;
  } catch (error) {
    host.log.warn({ uuid, error: messageOf(error) }, 'a guest that leaves could not be cut off');
  }
}

async function progress(host: Host, uuid: string): Promise<LiveProgress> {
  const domain = await stillHere(host, uuid);
  if (domain === null) {
    host.sent.delete(uuid);
    return idle((await sentTo(host, uuid)) === null ? 'none' : 'completed');
  }
  const params = await underway(host, domain);
  if (params !== null) {
    await keepTime(host, domain, params);
    await keepSending(host, domain, params);
    return { state: 'running', memory: amounts(params, 'memory'), disk: amounts(params, 'disk') };
  }
  host.sent.delete(uuid);
  const leaving = host.leaving.get(uuid);
  if (leaving?.state !== 'failed') return idle(leaving?.state ?? 'none');
  // told once: who asks again may begin again
  host.leaving.delete(uuid);
  throw conflict(`Instance ${uuid} did not move: ${messageOf(leaving.error)}`, {
    code: 'migration.failed',
    cause: leaving.error,
  });
}

/** The guest's memory follows it, if that is allowed; else it stands still until all of it is there. */
async function hurry(host: Host, domain: DomainRef): Promise<void> {
  const { connection, live } = host;
  if (live.permitPostCopy) {
    const follows = await connection.domainMigrateStartPostCopy(domain).then(
      () => true,
      () => false,
    );
    if (follows) return;
  }
  const { state } = await connection.domainGetState(domain);
  if (state !== vir.VIR_DOMAIN_RUNNING) return;
  await connection.domainSuspend(domain);
  const leaving = host.leaving.get(domain.uuid);
  if (leaving !== undefined) leaving.paused = true;
}

async function steer(host: Host, uuid: string, how: 'abort' | 'force'): Promise<null> {
  const domain = await stillHere(host, uuid);
  const leaving = host.leaving.get(uuid);
  if (domain === null) return null;
  if (how === 'abort' && leaving?.state === 'running') {
    leaving.stays = true;
    if (leaving.waits) {
      leaving.state = 'cancelled';
      return await host.guests(uuid, async () => {
        if (host.leaving.get(uuid) === leaving) await removeWritten(filesOf(host, uuid).leaving);
        return null;
      });
    }
  }
  if ((await underway(host, domain)) === null) return null;
  try {
    await (how === 'abort' ? host.connection.domainAbortJob(domain) : hurry(host, domain));
  } catch (error) {
    // it is over, or past the point where it can be given up
    if (!isOver(error)) throw error;
  }
  return null;
}

/** Throws `conflict` for a guest on its way: what it has goes with it as it is. */
export async function mustStay(host: Host, domain: DomainRef): Promise<void> {
  const leaves = host.leaving.get(domain.uuid)?.state === 'running' || (await underway(host, domain)) !== null;
  if (!leaves) return;
  throw conflict(`Instance ${domain.uuid} is on its way to another host.`, { code: 'migration.moving' });
}

export function liveVerbs(host: Host): Pick<AgentVerbs, 'liveMigrate' | 'liveProgress' | 'steerLive'> {
  return {
    liveMigrate: ({ uuid, to }) => host.guests(uuid, () => migrate(host, uuid, to)),
    liveProgress: ({ uuid }) => progress(host, uuid),
    steerLive: ({ uuid, how }) => steer(host, uuid, how),
  };
}
