// Why: growing and shrinking a running guest, and telling the truth about it: what it has afterwards, who confirmed that, and
// what it may still hold. Every target is absolute, so asking again is harmless.

import type { Clock } from '../../base/clock.ts';
import { badRequest, conflict, Fault, messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { adjustOrder } from '../../domain/adjustment/adjust.ts';
import type { AdjustMethod, AdjustOutcome, GuestAdjustRequest, PartOutcome } from '../../domain/servers/guests.ts';
import { power } from '../../domain/servers/servers.ts';
import { inBlocks, memoryLaws } from '../../domain/adjustment/memory-method.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import type { GuestAgent } from './agent.ts';
import { isVirError } from './errors.ts';
import type { Until } from './events.ts';
import { memoryOf, powerOf, viewOf } from './guest.ts';
import { memoryWayIn } from './memory.ts';
import type { MemoryWay } from './memory/way.ts';
import * as vir from './rpc/constants.ts';
import type { LibvirtCalls } from './rpc/procedures.ts';
import type { DomainRef } from './rpc/types.ts';
import { toMib } from './units.ts';

export interface AdjustDeps {
  readonly calls: LibvirtCalls;
  readonly agent: GuestAgent;
  readonly until: Until;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether an unplug of a vCPU can complete: KVM, not TCG. */
  readonly canUnplug: boolean;
}

/** One adjustment under way: the guest and the time until which it is waited for. */
interface Task {
  readonly deps: AdjustDeps;
  readonly domain: DomainRef;
  readonly memory: MemoryWay;
  readonly deadlineMs: number;
}

const leftMs = ({ deps, deadlineMs }: Task): number => Math.max(0, deadlineMs - deps.clock.now());

/** Brings a guest to the target, as far as it goes within the time, and says how far that was. */
export async function adjustGuest(
  deps: AdjustDeps,
  domain: DomainRef,
  request: GuestAdjustRequest,
): Promise<AdjustOutcome> {
  const { calls } = deps;
  const deadlineMs = deps.clock.now() + request.timeoutMs;
  const [xml] = await Promise.all([calls.domainGetXMLDesc(domain), assertPossible(calls, domain, request.target)]);
  const task: Task = { deps, domain, memory: memoryWayIn(xml), deadlineMs };
  const parts = (await moveMemoryAlone(task, request.target)) ?? (await moveAny(task, request.target));
  // what the agent has just confirmed it is not asked once more
  const { confirmedBy, reached } = parts.vcpus;
  const agent = confirmedBy === 'guest' ? { online: () => Promise.resolve(reached) } : deps.agent;
  const size = { vcpus: parts.vcpus.reached, memoryMb: parts.memoryMb.reached };
  const [view] = await Promise.all([
    viewOf({ calls, agent }, domain),
    request.persist ? writeConfig(task, size) : null,
  ]);
  return { ...parts, view };
}

async function assertPossible(calls: LibvirtCalls, domain: DomainRef, target: Size): Promise<void> {
  const [state, info] = await Promise.all([powerOf(calls, domain), calls.domainGetInfo(domain)]);
  if (state !== power.running) {
    throw conflict(`Instance ${domain.uuid} is not running.`, { code: 'virt.not_running' });
  }
  const flags = vir.VIR_DOMAIN_VCPU_MAXIMUM | vir.VIR_DOMAIN_AFFECT_LIVE;
  const vcpus = await calls.domainGetVcpusFlags(domain, flags);
  const memoryMb = toMib(info.maxMemKib);
  if (target.vcpus >= 1 && target.memoryMb >= 1 && target.vcpus <= vcpus && target.memoryMb <= memoryMb) return;
  throw badRequest(
    `Instance ${domain.uuid} cannot have ${target.vcpus} vCPUs and ${target.memoryMb} MiB: ` +
      `its ceiling is ${vcpus} vCPUs and ${memoryMb} MiB.`,
    { code: 'virt.above_maximum' },
  );
}

interface Parts {
  readonly vcpus: PartOutcome;
  readonly memoryMb: PartOutcome;
}

/**
 * The usual case, where all vCPUs that are wanted are plugged: only memory moves. Whether the vCPUs are online its agent
 * has said lately, or is asked meanwhile, which takes as long. Null where there is more to do than memory.
 */
async function moveMemoryAlone(task: Task, target: Size): Promise<Parts | null> {
  const [there, memoryMb] = await Promise.all([plugged(task), actualMb(task)]);
  if (there !== target.vcpus || memoryMb === target.memoryMb) return null;
  const before = { vcpus: there, memoryMb };
  const [memory, online] = await Promise.all([
    movePart(task, 'memoryMb', before, target),
    task.deps.agent.lately(task.domain.uuid) ?? task.deps.agent.online(task.domain),
  ]);
  const parts = { memoryMb: memory, vcpus: await stay(task, 'vcpus', { ...before, online }, target, null) };
  if (online === null || online >= there) return parts;
  // some are offline inside; from where it was, so that memory goes back if they don't come
  return moveParts(task, { vcpus: online, memoryMb, online }, target);
}

const moveAny = async (task: Task, target: Size): Promise<Parts> => moveParts(task, await presentSize(task), target);

/** Room comes before load and load goes before room; a second part that got nowhere takes the first back with it. */
async function moveParts(task: Task, before: Present, target: Size): Promise<Parts> {
  const [first, second] = adjustOrder(before, target);
  const parts: { vcpus?: PartOutcome; memoryMb?: PartOutcome } = {};
  if (first !== undefined) {
    parts[first] = await movePart(task, first, before, target);
    if (second !== undefined) {
      if (gotNowhere(parts[first], before[first])) {
        // why it failed stands with the other part
        parts[second] = await stay(task, second, before, target, 'not tried, since the other part failed');
      } else {
        parts[second] = await movePart(task, second, before, target);
        if (gotNowhere(parts[second], before[second])) {
          parts[first] = await undo(task, first, before, target, parts[second].problem);
        }
      }
    }
  }
  return {
    vcpus: parts.vcpus ?? (await stay(task, 'vcpus', before, target, null)),
    memoryMb: parts.memoryMb ?? (await keepMemory(task, before, target)),
  };
}

/**
 * Memory that is at its target is told so all the same: a guest whose driver is not loaded yet has all that it was started with,
 * and comes to what stood as its target before.
 */
const keepMemory = (task: Task, before: Present, target: Size): Promise<PartOutcome> =>
  orStay(task, 'memoryMb', before, target, async () => {
    await setMemory(task, target.memoryMb);
    return stay(task, 'memoryMb', before, target, null);
  });

type Part = 'vcpus' | 'memoryMb';

const gotNowhere = (part: PartOutcome, before: number): boolean => part.problem !== null && part.reached === before;

const movePart = (task: Task, part: Part, before: Size, target: Size): Promise<PartOutcome> =>
  orStay(task, part, before, target, () =>
    part === 'vcpus' ? moveVcpus(task, target.vcpus) : moveMemory(task, target.memoryMb),
  );

/** What came of `work`; where the hypervisor refuses, the part as it is, and why. */
async function orStay(
  task: Task,
  part: Part,
  before: Size,
  target: Size,
  work: () => Promise<PartOutcome>,
): Promise<PartOutcome> {
  try {
    return await work();
  } catch (error) {
    // Without libvirt nobody knows what the guest has now: the caller asks again, which is safe with absolute targets.
    if (!(error instanceof Fault) || error.kind === 'unavailable' || error.kind === 'notFound') throw error;
    task.deps.log.warn({ uuid: task.domain.uuid, part, target: target[part], code: error.code }, messageOf(error));
    return {
      ...(await stay(task, part, await presentSize(task), target, messageOf(error))),
      held: Math.max(before[part], await held(task, part)),
    };
  }
}

async function undo(task: Task, part: Part, before: Size, target: Size, why: string | null): Promise<PartOutcome> {
  const back = await movePart(
    { ...task, deadlineMs: task.deps.clock.now() + limits.adjustConfirmMs },
    part,
    target,
    before,
  );
  return { ...back, target: target[part], problem: `taken back, since the other part failed: ${why}` };
}

/** The outcome of a part that is left as it was seen: to ask the guest's agent again would cost more than all the rest. */
async function stay(
  task: Task,
  part: Part,
  present: Present,
  target: Size,
  problem: string | null,
): Promise<PartOutcome> {
  return {
    target: target[part],
    reached: present[part],
    confirmedBy: part === 'memoryMb' || present.online === null ? 'hypervisor' : 'guest',
    method: 'none',
    held: await held(task, part),
    problem,
  };
}

const held = async (task: Task, part: Part): Promise<number> =>
  part === 'vcpus' ? await plugged(task) : await actualMb(task);

/** What a guest uses, and the vCPUs that its agent says are online; null: no agent tells. */
interface Present extends Size {
  readonly online: number | null;
}

/** What the guest uses: the vCPUs that are online in it (those plugged, where no agent tells) and its memory. */
async function presentSize(task: Task): Promise<Present> {
  const [online, vcpus, memoryMb] = await Promise.all([
    task.deps.agent.online(task.domain),
    plugged(task),
    actualMb(task),
  ]);
  return { vcpus: Math.min(online ?? vcpus, vcpus), memoryMb, online };
}

const plugged = ({ deps, domain }: Task): Promise<number> =>
  deps.calls.domainGetVcpusFlags(domain, vir.VIR_DOMAIN_AFFECT_LIVE);

async function actualMb({ deps, domain, memory }: Task): Promise<number> {
  const [info, stats] = await Promise.all([deps.calls.domainGetInfo(domain), memoryOf(deps.calls, domain)]);
  return toMib(memory.hasKib(info, stats));
}

// --- vCPUs

async function moveVcpus(task: Task, target: number): Promise<PartOutcome> {
  const there = await plugged(task);
  const online = await task.deps.agent.online(task.domain);
  return target > (online ?? there)
    ? await growVcpus(task, target, there, online)
    : await shrinkVcpus(task, target, there);
}

/** First those that are only offline in the guest, then new ones. */
async function growVcpus(task: Task, target: number, there: number, online: number | null): Promise<PartOutcome> {
  const { deps, domain } = task;
  let method: AdjustMethod = 'none';
  if (online !== null && online < there) {
    await deps.agent.setOnline(domain, Math.min(target, there));
    method = 'guest-online';
  }
  if (there < target) {
    await deps.calls.domainSetVcpusFlags(domain, target, vir.VIR_DOMAIN_AFFECT_LIVE);
    method = 'hotplug';
  }
  const enough = (count: number) => count >= target;
  let confirmed = await waitForOnline(task, Math.min(limits.hotplugSettleMs, leftMs(task)), enough);
  if (confirmed !== null && !enough(confirmed)) {
    // a guest without a rule that turns new vCPUs on leaves them off until somebody asks
    await deps.agent.setOnline(domain, target);
    confirmed = await waitForOnline(task, leftMs(task), enough);
  }
  return await vcpuOutcome(task, target, confirmed, method, 'the guest did not bring the new vCPUs online');
}

/** Unplugged where that can complete, else taken offline in the guest, where they stay plugged and held. */
async function shrinkVcpus(task: Task, target: number, there: number): Promise<PartOutcome> {
  const { deps, domain } = task;
  const enough = (count: number) => count <= target;
  if (deps.canUnplug && there > target) {
    const refusal = await unplug(task, target);
    if ((await plugged(task)) <= target) {
      const online = await waitForOnline(task, leftMs(task), enough);
      return await vcpuOutcome(task, target, online, 'hotplug', 'vCPUs are offline in the guest');
    }
    deps.log.info({ uuid: domain.uuid, target, refusal }, 'the guest keeps vCPUs; its agent is asked to turn them off');
  }
  const asked = await deps.agent.setOnline(domain, target);
  const online = asked ? await waitForOnline(task, leftMs(task), enough) : null;
  const why = asked
    ? 'the guest did not take the vCPUs offline'
    : deps.canUnplug
      ? 'the guest did not give the vCPUs back, and no agent in it answers'
      : 'under emulation (TCG) a vCPU cannot be unplugged, and no agent in the guest answers that could turn it off';
  return await vcpuOutcome(task, target, online, asked ? 'guest-offline' : 'none', why);
}

/** Asks for the vCPUs back and waits for them. Error 68 is no answer: the guest may give them back later, or never. */
async function unplug(task: Task, target: number): Promise<string | null> {
  const { deps, domain } = task;
  try {
    await deps.calls.domainSetVcpusFlags(domain, target, vir.VIR_DOMAIN_AFFECT_LIVE);
    return null;
  } catch (error) {
    const pending = isVirError(error, 'VIR_ERR_OPERATION_TIMEOUT');
    if (!(error instanceof Fault) || (error.kind === 'unavailable' && !pending)) throw error;
    const gone = async () => ((await plugged(task)) <= target ? true : undefined);
    if (pending && (await deps.until(domain.uuid, leftMs(task), gone))) return null;
    return messageOf(error);
  }
}

/** Waits for the number of online vCPUs, and gives the last that was heard; null: nobody can tell. */
async function waitForOnline(
  task: Task,
  timeoutMs: number,
  enough: (online: number) => boolean,
): Promise<number | null> {
  const { deps, domain } = task;
  let online: number | null = null;
  await deps.until(domain.uuid, timeoutMs, async () => {
    online = await deps.agent.online(domain);
    return online === null || enough(online) ? true : undefined;
  });
  return online;
}

async function vcpuOutcome(
  task: Task,
  target: number,
  online: number | null,
  method: AdjustMethod,
  why: string,
): Promise<PartOutcome> {
  const there = await plugged(task);
  const reached = Math.min(online ?? there, there);
  return {
    target,
    reached,
    confirmedBy: online === null ? 'hypervisor' : 'guest',
    method,
    held: there,
    problem: reached === target ? null : `${why} (${reached} of ${target})`,
  };
}

// --- memory

const setMemory = ({ deps, domain, memory }: Task, mb: number): Promise<void> =>
  memory.set(deps.calls, domain, mb, vir.VIR_DOMAIN_AFFECT_LIVE);

async function moveMemory(task: Task, targetMb: number): Promise<PartOutcome> {
  const { deps, domain, memory } = task;
  const set = (mb: number) => setMemory(task, mb);
  const at = async (mb: number) => ((await actualMb(task)) === mb ? true : undefined);
  const { beforeMb, askedMb } = await sparing(task, targetMb);
  await set(askedMb);
  const reached = await deps.until(domain.uuid, leftMs(task), () => at(askedMb));
  if (reached === true && askedMb === targetMb) return memoryOutcome(memory, targetMb, targetMb, null);
  if (reached !== true) {
    // A target that stands for ever makes the guest give and take the same pages again and again.
    const lowMb = await actualMb(task);
    await set(lowMb);
    await deps.until(domain.uuid, limits.memorySettleMs, () => at(lowMb));
  }
  const nowMb = await actualMb(task);
  const { device } = memoryLaws[memory.method];
  const came =
    nowMb === beforeMb
      ? `the guest's ${device} did not move from ${nowMb} MiB to ${targetMb} MiB`
      : `the guest's ${device} reached ${nowMb} MiB instead of ${targetMb} MiB`;
  const why = askedMb === targetMb ? '' : `, for the guest uses the rest`;
  return memoryOutcome(memory, targetMb, nowMb, `${came}${why}`);
}

/**
 * What may be asked of a guest that is to come to a size: no less than it must be left, and nothing where that is all it has.
 * It speaks of itself once in a second: what it said before it grew does not tell what it can spare now.
 */
async function sparing(task: Task, targetMb: number) {
  const { deps, domain, memory } = task;
  const nowSeconds = Math.ceil(deps.clock.now() / 1000);
  const look = async () => {
    const [info, stats] = await Promise.all([deps.calls.domainGetInfo(domain), memoryOf(deps.calls, domain)]);
    const beforeMb = toMib(memory.hasKib(info, stats));
    const leastMb = inBlocks(memory.method, toMib(memory.leastKib(info, stats)), toMib(info.maxMemKib), 'above');
    const askedMb = targetMb < beforeMb ? Math.min(Math.max(targetMb, leastMb), beforeMb) : targetMb;
    return { beforeMb, askedMb, sure: askedMb === targetMb || (stats.lastUpdateSeconds ?? Infinity) >= nowSeconds };
  };
  const waitMs = Math.min(limits.guestStatsMs, leftMs(task));
  const sure = () => look().then((seen) => (seen.sure ? seen : undefined));
  return (await deps.until(domain.uuid, waitMs, sure)) ?? (await look());
}

// either device's size is what the guest's own driver said
const memoryOutcome = (
  { method }: MemoryWay,
  target: number,
  reached: number,
  problem: string | null,
): PartOutcome => ({
  ...{ target, reached, problem, held: reached, method },
  confirmedBy: problem === null ? 'guest' : 'hypervisor',
});

/** The persistent definition, which a start by other hands than ours takes. Each change of it is a file that libvirt writes. */
async function writeConfig({ deps: { calls }, domain, memory }: Task, size: Size): Promise<void> {
  const vcpus = await calls.domainGetVcpusFlags(domain, vir.VIR_DOMAIN_AFFECT_CONFIG);
  if (vcpus !== size.vcpus) await calls.domainSetVcpusFlags(domain, size.vcpus, vir.VIR_DOMAIN_AFFECT_CONFIG);
  await memory.set(calls, domain, size.memoryMb, vir.VIR_DOMAIN_AFFECT_CONFIG);
}
