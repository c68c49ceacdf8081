// Why: what carries identifiers and agent calls between processes. The database is the truth; losing the bus delays work and
// loses none.

import { type Fault, unavailable } from '../base/errors.ts';
import type { AgentArgs, AgentMethod, AgentReply } from '../domain/servers/agent-methods.ts';
import type { AgentReport, Asker } from './contract.ts';

/** What answers for a host, whatever it is asked; it may be asked twice. */
export type AgentHandler = <M extends AgentMethod>(
  method: M,
  args: AgentArgs<M>,
  asker: Asker | null,
) => Promise<AgentReply<M>>;

/** No queue, no agent: nothing was asked. */
export const nobody = (host: string): Fault => unavailable(`No agent serves host ${host}.`, { code: 'bus.nobody' });

export const closed = (): Fault => unavailable('The bus is closed.', { code: 'bus.closed' });

export type Unsubscribe = () => Promise<void>;

export interface Bus {
  /**
   * Asks the agent of a host. Rejects with the agent's own Fault, or with `unavailable` when nobody answered in time: then
   * the outcome is unknown and the call must be repeated or the guest inspected.
   * @param asker the step of an action that asks; default: none does
   */
  call<M extends AgentMethod>(
    host: string,
    method: M,
    args: AgentArgs<M>,
    asker?: Asker | null,
  ): Promise<AgentReply<M>>;
  serveAgent(host: string, handler: AgentHandler): Promise<Unsubscribe>;
  /** Tells the workers that an action waits. Losing it is harmless: workers also look by themselves. */
  nudge(actionId: number): void;
  onNudge(listener: (actionId: number) => void): Promise<Unsubscribe>;
  report(report: AgentReport): Promise<void>;
  onReport(listener: (report: AgentReport) => Promise<void>): Promise<Unsubscribe>;
  /** Reports that wait for a listener in this process. */
  waiting(): number;
  /** Messages that nobody could take, which an operator should look at. Rejects with `unavailable` while the broker is away. */
  dead(): Promise<number>;
  /** For how many milliseconds it has worked without a break; 0: it does not. What hosts tell is heard only then. */
  hearingMs(): number;
  /** Null when it works; else why not, for `/readyz`. */
  problem(): string | null;
  close(): Promise<void>;
}
