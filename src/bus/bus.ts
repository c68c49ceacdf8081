// Why: what carries identifiers and agent calls between processes. The database is the truth; losing the bus delays work and
// loses none.

import type { AgentArgs, AgentMethod, AgentReply, AgentReport } from './contract.ts';

/** One handler per agent method; each may be called twice with the same arguments. */
export type AgentHandlers = { readonly [M in AgentMethod]: (args: AgentArgs<M>) => Promise<AgentReply<M>> };

export type Unsubscribe = () => Promise<void>;

export interface Bus {
  /**
   * Asks the agent of a host. Rejects with the agent's own Fault, or with `unavailable` when nobody answered in time: then
   * the outcome is unknown and the call must be repeated or the guest inspected.
   */
  call<M extends AgentMethod>(host: string, method: M, args: AgentArgs<M>): Promise<AgentReply<M>>;
  serveAgent(host: string, handlers: AgentHandlers): Promise<Unsubscribe>;
  /** Tells the workers that an action waits. Losing it is harmless: workers also look by themselves. */
  nudge(actionId: number): void;
  onNudge(listener: (actionId: number) => void): Promise<Unsubscribe>;
  report(report: AgentReport): Promise<void>;
  onReport(listener: (report: AgentReport) => Promise<void>): Promise<Unsubscribe>;
  /** Null when it works; else why not, for `/readyz`. */
  problem(): string | null;
  close(): Promise<void>;
}
