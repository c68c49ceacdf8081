// Why: what an agent does with a request follows from the entry of its method: whose turn it waits for, whether a driver may lack it,
// whether a repetition is done or answered.

import { notImplemented, unavailable } from '../base/errors.ts';
import type { AgentHandler } from '../bus/bus.ts';
import { type AgentVerbs, methodTraits } from '../domain/servers/agent-methods.ts';
import { believable } from '../domain/servers/believable.ts';
import type { Driver } from '../virt/driver.ts';
import type { Answers } from './answers.ts';
import type { Mailboxes } from './mailbox.ts';

export interface HandlerParts {
  readonly driver: Driver;
  readonly mailboxes: Mailboxes;
  readonly answers: Answers;
  readonly isClosing: () => boolean;
}

export function makeHandler({ driver, mailboxes, answers, isClosing }: HandlerParts): AgentHandler {
  const verbs: Partial<AgentVerbs> = driver;
  return async (method, args, asker) => {
    const { guest, queue = guest, once, reads, ends } = methodTraits[method];
    const verb = verbs[method];
    if (verb === undefined) {
      throw notImplemented(`The ${driver.kind} driver cannot ${method}.`, { code: `driver.${method}` });
    }
    const uuid = guest?.(args);
    const work = async () => {
      const reply = believable(await verb(args));
      if (ends && uuid !== undefined) await answers.forget(uuid);
      return reply;
    };
    if (queue === null) return work();
    if (isClosing()) throw unavailable('The agent is shutting down.', { code: 'agent.closing' });
    const key = `${method} ${JSON.stringify([asker, args])}`;
    const letter = { key, joinRunning: reads !== true };
    const keeps = once && uuid !== undefined && asker !== null;
    return mailboxes.post(queue(args), letter, keeps ? () => answers.once(uuid, method, asker, work) : work);
  };
}
