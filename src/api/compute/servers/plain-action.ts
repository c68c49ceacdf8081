// Why: most actions carry nothing but their name. What differs between them is said in one line.

import type { Op } from '../../../base/op.ts';
import type { Server } from '../../../domain/servers/instance.ts';
import type { Ops } from '../../../ops/index.ts';
import type { RuleName } from '../../../policies/index.ts';
import { anyAction } from '../../parameters.ts';
import { route } from '../../resource.ts';

/** Verbs that need only the server. */
type PlainVerb = { [V in keyof Ops]: Ops[V] extends (op: Op, server: Server) => Promise<void> ? V : never }[keyof Ops];

/** An action whose value does not matter, answered without a body. */
export const plainAction = (name: string, policy: RuleName, summary: string, verb: PlainVerb, status = 202) =>
  route<'server'>()({
    summary,
    policy,
    target: 'server',
    body: anyAction(name),
    status,
    run: (call) => call.services.ops[verb](call.op, call.target),
  });
