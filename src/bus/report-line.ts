// Why: whoever takes reports may be slower than hosts tell them. What waits is kept short and fair, whatever brought it: of one host in
// its order, of several in turns, and a newer report takes the place of an older one that says less.

import { Fault } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { AgentReport } from './contract.ts';

/** What a newer report of a kind says of the same host better than an older one that nobody took yet. */
const outdates: Readonly<Record<AgentReport['kind'], readonly AgentReport['kind'][]>> = {
  // the older one would say less, and later: that its host was alive when it was not any more
  inventory: ['inventory', 'guests', 'heartbeat'],
  guests: ['guests'],
  heartbeat: ['heartbeat'],
  usage: ['usage'],
  pressure: ['pressure'],
  guest: [],
};

interface Waiting {
  readonly report: AgentReport;
  /** Told when it was taken, or needs not be any more. */
  readonly done: () => void;
}

export interface ReportLine {
  /** Never waits. `done` is called once nothing is left to do for it. */
  push(report: AgentReport, done?: () => void): void;
  /** Reports that wait for the listener. */
  waiting(): number;
  /** Resolves when every report so far is taken. */
  idle(): Promise<void>;
  /** Forgets what waits. */
  stop(): void;
}

/** Takes a host's reports one after another, so that their order is kept, and different hosts' at once; never blocks who reports. */
export function makeReportLine(listener: (report: AgentReport) => Promise<void>, log: Log): ReportLine {
  /** By host, the first to come first; a host without any is not there. */
  const lines = new Map<string, Waiting[]>();
  /** The hosts whose reports are being taken. */
  const busy = new Map<string, Promise<void>>();
  let count = 0;

  /** Of a host that leaves us without an answer: to ask it for each of its guests would hold up others. It is compared whole later. */
  function forgetEvents(host: string): void {
    const waiting = lines.get(host) ?? [];
    const left = waiting.filter(({ report }) => report.kind !== 'guest');
    for (const { report, done } of waiting) if (report.kind === 'guest') done();
    count -= waiting.length - left.length;
    if (left.length > 0) lines.set(host, left);
    else lines.delete(host);
  }

  /** Takes the first report of a host, which goes to the end of the line with what is left: others have their turn. */
  async function takeOne(host: string): Promise<void> {
    await Promise.resolve();
    const [first, ...left] = lines.get(host) ?? [];
    lines.delete(host);
    if (left.length > 0) lines.set(host, left);
    if (first === undefined) return;
    count -= 1;
    try {
      await listener(first.report);
    } catch (error) {
      log.error({ err: error, host, kind: first.report.kind }, 'a report was not taken');
      if (error instanceof Fault && error.code === 'bus.timeout') forgetEvents(host);
    }
    first.done();
  }

  /** Begins with hosts that wait, as far as there is room. */
  function begin(): void {
    for (const host of lines.keys()) {
      if (busy.size >= limits.reportsAtOnce) return;
      if (busy.has(host)) continue;
      const taken = takeOne(host).then(() => {
        busy.delete(host);
        begin();
      });
      busy.set(host, taken);
    }
  }

  return {
    push(report, done = () => undefined) {
      const { host, kind } = report;
      const before = lines.get(host) ?? [];
      const outdated = before.filter((older) => outdates[kind].includes(older.report.kind));
      if (count - outdated.length >= limits.busBacklog) {
        log.warn({ host, kind }, 'report dropped: the listener does not keep up');
        return done();
      }
      for (const older of outdated) older.done();
      const left = before.filter((older) => !outdated.includes(older));
      lines.set(host, [...left, { report, done }]);
      count += 1 - outdated.length;
      begin();
    },
    waiting: () => count,
    async idle() {
      while (busy.size > 0) await Promise.all(busy.values());
    },
    stop() {
      lines.clear();
      count = 0;
    },
  };
}
