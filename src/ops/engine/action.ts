// Why: what an action of a server is, is said once: from which states it starts and where it leads, what it is called for users and
// listeners, how it is asked for, what its steps are. Its saga, the checks, the routes of plain actions and docs/actions.md derive from it.

import type { Op } from '../../base/op.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { Transition, Transitions } from '../../domain/servers/transition.ts';
import type { OpsDeps } from '../deps.ts';
import { beginAction } from './begin.ts';
import type { Saga } from './saga.ts';
import { noteTask } from './tasked.ts';

/** The input of an action that needs nothing but its server. */
export type NoInput = Record<string, never>;

/** What is asked for by its key alone: `POST /servers/{id}/action` with `{"pause": null}`. Its route derives from this. */
export interface PlainRequest {
  readonly key: string;
  /** The rule of who may ask. */
  readonly policy: string;
  /** The microversion since which it may be asked; undefined: always. */
  readonly since?: string;
  /** The status of the answer; 202 unless told. */
  readonly status?: number;
  /** Nothing but null may stand by the key; else what stands there does not matter. */
  readonly bare?: true;
  /** Throws as `lockServerFor`, and what the action itself refuses. */
  readonly begin: (deps: OpsDeps, op: Op, server: Pick<Server, 'uuid'>) => Promise<void>;
}

/** Begins what was asked for by its key alone. Throws as the action's `begin`. */
export const requestAction = (
  deps: OpsDeps,
  op: Op,
  server: Pick<Server, 'uuid'>,
  { begin }: Pick<PlainRequest, 'begin'>,
): Promise<void> => begin(deps, op, server);

/** An action of a server, whose work a saga does. */
export interface Action<I, T extends Transitions = Transitions> extends Saga<I> {
  readonly transitions: T;
  /** By their transitions, those that are asked for by a key alone. */
  readonly requests?: { readonly [K in keyof T]?: PlainRequest };
}

/** Types the steps of an action by its input: `defineAction<RebootInput>()({ … })`. */
export const defineAction =
  <I>() =>
  <T extends Transitions>(action: Action<I, T>): Action<I, T> => {
    noteTask(action);
    return action;
  };

type Plain = Saga<NoInput> & {
  readonly transition: Transition;
  /** Without a `begin` of its own it takes its transition, and leaves its action. */
  readonly request: Omit<PlainRequest, 'begin'> & Partial<Pick<PlainRequest, 'begin'>>;
};

/** An action that needs nothing but its server, has one transition and is asked for by a key. */
export function definePlainAction({ transition, request, ...saga }: Plain): Action<NoInput, { plain: Transition }> {
  const begin: PlainRequest['begin'] = async (deps, op, { uuid }) => {
    await beginAction(deps, op, uuid, transition, saga, () => ({}));
  };
  const plain = { begin, ...request };
  return defineAction<NoInput>()({ ...saga, transitions: { plain: transition }, requests: { plain } });
}

/** What is over as soon as it is asked for, and is recorded all the same: a lock. */
export interface InstantAction<T extends Transitions = Transitions> {
  /** As the record of the server's actions has it. */
  readonly name: string;
  readonly transitions: T;
  /** The name of its one event; null: it has none. */
  readonly event: string | null;
  /** What it is called in notifications; null: nobody is told. */
  readonly notification: string | null;
}

export const defineInstantAction = <T extends Transitions>(action: InstantAction<T>): InstantAction<T> => action;
