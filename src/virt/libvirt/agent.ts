// Why: only the guest knows which of its vCPUs are online. It is asked through its agent, which may be absent, slow or hung:
// every question is bounded, and a guest that left one unanswered is not asked again for a while.

import type { Clock } from '../../base/clock.ts';
import { limits } from '../../base/limits.ts';
import { fewestOnline } from '../../domain/servers/guests.ts';
import { isVirError } from './errors.ts';
import type { LibvirtCalls } from './rpc/procedures.ts';
import type { DomainRef } from './rpc/types.ts';

/** A vCPU as the guest sees it. */
export interface GuestVcpu {
  readonly id: number;
  readonly online: boolean;
  readonly canOffline: boolean;
}

export interface GuestAgent {
  /** Null: no agent, or none that answers. */
  vcpus(domain: DomainRef): Promise<readonly GuestVcpu[] | null>;
  /** How many are online. */
  online(domain: DomainRef): Promise<number | null>;
  /** How many were online when it last answered, `limits.agentFreshMs` ago at most; undefined: it must be asked. */
  lately(uuid: string): number | undefined;
  /** Turns vCPUs on or off until `count` are online; false when no agent does it. */
  setOnline(domain: DomainRef, count: number): Promise<boolean>;
  /** Writes out and stops its file systems; false when no agent does it. */
  freeze(domain: DomainRef): Promise<boolean>;
  /** Lets them go on; going on already: nothing. */
  thaw(domain: DomainRef): Promise<void>;
  /** Sets its clock to a moment, in milliseconds since the epoch; false when no agent does it. */
  setTime(domain: DomainRef, nowMs: number): Promise<boolean>;
  /** Whether anyone answers. */
  answers(domain: DomainRef): Promise<boolean>;
  /** At most so many bytes of a file, of its beginning or its end; null: it cannot be read, or no agent does it. */
  read(
    domain: DomainRef,
    path: string,
    part: { readonly first: number } | { readonly last: number },
  ): Promise<Buffer | null>;
  /** Whatever was held against it is forgotten: its agent has said hello. */
  forgive(uuid: string): void;
}

const AGENT_ERRORS = [
  ...(['VIR_ERR_AGENT_UNRESPONSIVE', 'VIR_ERR_AGENT_UNSYNCED', 'VIR_ERR_OPERATION_INVALID'] as const),
  ...(['VIR_ERR_OPERATION_TIMEOUT', 'VIR_ERR_ARGUMENT_UNSUPPORTED', 'VIR_ERR_INTERNAL_ERROR'] as const),
  'VIR_ERR_CONFIG_UNSUPPORTED',
] as const;

/** A kernel has a number for each vCPU, and may have so many. */
const HIGHEST_ID = 8_191;

const isId = (id: unknown): id is number => Number.isSafeInteger(id) && Number(id) >= 0 && Number(id) <= HIGHEST_ID;

/** What an agent said of vCPUs, each once; null: it makes no sense. Whoever owns the guest can have it say anything. */
function readVcpus(reply: unknown): readonly GuestVcpu[] | null {
  if (!Array.isArray(reply)) return null;
  const all = new Map<number, GuestVcpu>();
  for (const one of reply as readonly unknown[]) {
    if (typeof one !== 'object' || one === null) return null;
    const { 'logical-id': id, 'can-offline': canOffline, online } = one as Readonly<Record<string, unknown>>;
    if (!isId(id)) return null;
    all.set(id, { id, online: online === true, canOffline: canOffline === true });
  }
  return [...all.values()];
}

/** What answers runs: one is online at least. */
const countOnline = (all: readonly GuestVcpu[]): number =>
  Math.max(fewestOnline, all.filter(({ online }) => online).length);

export function makeAgent(calls: Pick<LibvirtCalls, 'domainQemuAgentCommand'>, clock: Clock): GuestAgent {
  const silentUntilMs = new Map<string, number>();
  const answers = new Map<string, { readonly online: number; readonly atMs: number }>();

  const ask = async (domain: DomainRef, execute: string, args: object = {}): Promise<unknown> => {
    if ((silentUntilMs.get(domain.uuid) ?? 0) > clock.now()) return null;
    const startedMs = clock.now();
    try {
      const command = JSON.stringify({ execute, arguments: args });
      const reply = await calls.domainQemuAgentCommand(domain, command, limits.agentReplyMs / 1000);
      silentUntilMs.delete(domain.uuid);
      return reply === null ? null : (JSON.parse(reply) as { return?: unknown }).return;
    } catch (error) {
      if (!AGENT_ERRORS.some((name) => isVirError(error, name))) throw error;
      // an agent that is not there is known at once; one that hangs costs the whole time
      const nowMs = clock.now();
      if (nowMs - startedMs > limits.agentReplyMs / 2) silentUntilMs.set(domain.uuid, nowMs + limits.agentPauseMs);
      return null;
    }
  };

  const vcpus = async (domain: DomainRef): Promise<readonly GuestVcpu[] | null> => {
    const reply = await ask(domain, 'guest-get-vcpus');
    answers.delete(domain.uuid);
    const all = readVcpus(reply);
    if (all !== null) answers.set(domain.uuid, { online: countOnline(all), atMs: clock.now() });
    return all;
  };

  return {
    vcpus,
    online: async (domain) => {
      const all = await vcpus(domain);
      return all === null ? null : countOnline(all);
    },
    setOnline: async (domain, count) => {
      const all = await vcpus(domain);
      if (all === null) return false;
      const changes = onlineChanges(all, count);
      if (changes.length === 0) return true;
      answers.delete(domain.uuid);
      return (await ask(domain, 'guest-set-vcpus', { vcpus: changes })) !== null;
    },
    freeze: async (domain) => (await ask(domain, 'guest-fsfreeze-freeze')) !== null,
    thaw: async (domain) => {
      await ask(domain, 'guest-fsfreeze-thaw');
    },
    // in nanoseconds
    setTime: async (domain, nowMs) => (await ask(domain, 'guest-set-time', { time: nowMs * 1_000_000 })) !== null,
    answers: async (domain) => (await ask(domain, 'guest-ping')) !== null,
    read: (domain, path, part) => readFile((execute, args) => ask(domain, execute, args), path, part),
    lately: (uuid) => {
      const answer = answers.get(uuid);
      return answer === undefined || clock.now() - answer.atMs > limits.agentFreshMs ? undefined : answer.online;
    },
    forgive: (uuid) => {
      silentUntilMs.delete(uuid);
      answers.delete(uuid);
    },
  };
}

type Ask = (execute: string, args: object) => Promise<unknown>;

const fieldOf = (reply: unknown, name: string): unknown =>
  typeof reply === 'object' && reply !== null ? (reply as Readonly<Record<string, unknown>>)[name] : undefined;

/** Whatever is read is cut here too: an agent may give more than it was asked for. */
async function readFile(
  ask: Ask,
  path: string,
  part: { readonly first: number } | { readonly last: number },
): Promise<Buffer | null> {
  const handle = await ask('guest-file-open', { path, mode: 'r' });
  if (!Number.isSafeInteger(handle)) return null;
  try {
    const most = 'first' in part ? part.first : part.last;
    if ('last' in part) {
      const size = fieldOf(await ask('guest-file-seek', { handle, offset: 0, whence: 'end' }), 'position');
      if (!Number.isSafeInteger(size)) return null;
      const offset = Math.max(0, Number(size) - most);
      if ((await ask('guest-file-seek', { handle, offset, whence: 'set' })) === null) return null;
    }
    const bytes = fieldOf(await ask('guest-file-read', { handle, count: most }), 'buf-b64');
    return typeof bytes === 'string' ? Buffer.from(bytes, 'base64').subarray(0, most) : null;
  } finally {
    await ask('guest-file-close', { handle });
  }
}

/** What to tell the agent so that `count` vCPUs are online: the lowest come, the highest go. */
export function onlineChanges(
  vcpus: readonly GuestVcpu[],
  count: number,
): readonly { readonly 'logical-id': number; readonly online: boolean }[] {
  const sorted = vcpus.toSorted((a, b) => a.id - b.id);
  const excess = sorted.filter((one) => one.online).length - count;
  const chosen =
    excess > 0
      ? sorted.filter((one) => one.online && one.canOffline).slice(-excess)
      : sorted.filter((one) => !one.online).slice(0, -excess);
  return chosen.map((one) => ({ 'logical-id': one.id, online: excess < 0 }));
}
