// Why: who a token stands for is identity's answer, whether that is an administrator is policy's; here the two meet.

import type { Caller } from '../base/op.ts';
import type { UnjudgedCaller } from './creds.ts';
import type { Policy } from './load.ts';

/**
 * Makes callers of resolved tokens. One and the same caller for one and the same answer of identity, as long as the policy says
 * the same of it: the policy remembers what it prepared for a caller by the object itself.
 */
export function makeJudge(policy: Pick<Policy, 'isAdmin'>): (resolved: UnjudgedCaller) => Caller {
  const callers = new WeakMap<UnjudgedCaller, Caller>();
  return (resolved) => {
    const isAdmin = policy.isAdmin(resolved);
    const known = callers.get(resolved);
    if (known?.isAdmin === isAdmin) return known;
    const caller = { ...resolved, isAdmin };
    callers.set(resolved, caller);
    return caller;
  };
}
