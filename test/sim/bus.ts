// Why: between processes lie messages. What is asked of a guest's host arrives in the order in which it was asked, as a queue keeps
// it, late, not at all, or twice; answers get lost; reports and nudges come in any order.

import { unavailable } from '../../src/base/errors.ts';
import type { AgentHandler, Bus } from '../../src/bus/bus.ts';
import type { Asker } from '../../src/bus/contract.ts';
import type { AgentArgs, AgentMethod, AgentReply } from '../../src/domain/servers/agent-methods.ts';
import type { MemoryBus } from '../../src/bus/memory.ts';
import type { Life } from './life.ts';
import type { Mishaps } from './mishaps.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** How long anybody waits for an agent here, in milliseconds. */
export const ANSWER_MS = 8_000;

/** The wires: by host and guest, resolved when the last message has arrived. */
export type Lanes = Map<string, Promise<void>>;

export interface BusParts {
  readonly inner: MemoryBus;
  readonly lanes: Lanes;
  readonly timeline: Timeline;
  readonly mishaps: Mishaps;
  readonly trace: Trace;
}

const subjectOf = (args: object): string => {
  const { uuid, spec } = args as { readonly uuid?: string; readonly spec?: { readonly uuid: string } };
  return uuid ?? spec?.uuid ?? '';
};

/** The bus as one process has it. */
export function busFor({ inner, lanes, timeline, mishaps, trace }: BusParts, life: Life): Bus {
  const late = (host: string, method: string) =>
    unavailable(`Host ${host} did not answer '${method}' in time.`, { code: 'bus.timeout' });

  /** What is on its way arrives, whatever becomes of who sent it; after what was sent before it, however often that arrives. */
  async function deliver<M extends AgentMethod>(
    host: string,
    method: M,
    args: AgentArgs<M>,
    asker: Asker | null,
  ): Promise<AgentReply<M>> {
    const lane = `${host} ${subjectOf(args)}`;
    const arrived = Promise.withResolvers<void>();
    const before = lanes.get(lane);
    lanes.set(lane, arrived.promise);
    await timeline.sleep(mishaps.delayMs(), null);
    await before;
    const first = inner.call(host, method, args, asker);
    if (!mishaps.happens('callTwice', life, `${method} ${host}`)) {
      arrived.resolve();
      return first;
    }
    await first.catch(() => undefined);
    arrived.resolve();
    return inner.call(host, method, args, asker);
  }

  async function call<M extends AgentMethod>(
    host: string,
    method: M,
    args: AgentArgs<M>,
    asker: Asker | null = null,
  ): Promise<AgentReply<M>> {
    await life.awake();
    if (mishaps.happens('callLost', life, `${method} ${host}`)) {
      await life.sleep(ANSWER_MS);
      throw late(host, method);
    }
    const answer = deliver(host, method, args, asker);
    if (mishaps.happens('answerLost', life, `${method} ${host}`)) {
      answer.catch(() => undefined);
      await life.sleep(ANSWER_MS);
      throw late(host, method);
    }
    const reply = await life.heard(answer);
    await life.sleep(mishaps.delayMs());
    return reply;
  }

  /** News arrive some time, or never, or twice. */
  function spread(what: string, arrive: () => void): void {
    if (!life.alive || mishaps.happens('newsLost', life, what)) return;
    timeline.after(mishaps.delayMs(), null, arrive);
    if (mishaps.happens('newsTwice', life, what)) timeline.after(mishaps.delayMs(), null, arrive);
  }

  const handlerOf =
    (handle: AgentHandler): AgentHandler =>
    async (method, args, asker) => {
      await life.awake();
      trace.tell(life.name, `${method} ${subjectOf(args)}`);
      return life.heard(handle(method, args, asker));
    };

  /** A subscription ends with its process. */
  async function subscribed(subscribing: Promise<() => Promise<void>>): Promise<() => Promise<void>> {
    const end = await subscribing;
    life.whenDead(() => void end());
    return end;
  }

  return {
    call,
    serveAgent: (host, handle) => subscribed(inner.serveAgent(host, handlerOf(handle))),
    nudge: (actionId) => spread(`nudge ${actionId}`, () => inner.nudge(actionId)),
    onNudge: (listener) => subscribed(inner.onNudge((actionId) => void life.awake().then(() => listener(actionId)))),
    async report(report) {
      await life.awake();
      spread(`report of ${report.host}`, () => void inner.report(report));
    },
    onReport: (listener) =>
      subscribed(
        inner.onReport(async (report) => {
          await life.awake();
          return life.heard(listener(report));
        }),
      ),
    waiting: () => inner.waiting(),
    dead: () => inner.dead(),
    hearingMs: () => inner.hearingMs(),
    problem: () => null,
    close: async () => undefined,
  };
}
