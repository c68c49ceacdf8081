// Why: most actions carry nothing but their key. What they are is said where they are defined; their routes derive from it.

import { plainRequests } from '../../../ops/actions.ts';
import { anyAction, none, wrapped } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';

/** Answered without a body. */
export default resource(
  Object.fromEntries(
    plainRequests.map((request) => {
      const { key, policy, summary, since, status = 202, bare = false } = request;
      return [
        `POST /servers/:server_id/action#${key}` as const,
        route<'server'>()({
          summary,
          policy,
          target: 'server',
          body: bare ? wrapped(key, none) : anyAction(key),
          status,
          ...(since === undefined ? {} : { since }),
          run: (call) => call.services.ops.requestAction(call.op, call.target, request),
        }),
      ];
    }),
  ),
);
