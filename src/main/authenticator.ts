// Why: who a token stands for is identity's answer, whether that is an administrator is policy's; here the two meet.

import type { Caller } from '../base/op.ts';
import type { Identity, IdentityService } from '../cloud/identity.ts';
import { refusal } from '../cloud/token-resolver.ts';
import type { Policy } from '../policies/load.ts';

/** Resolves a request's token to its caller; no token at all is 401 with the address to get one. */
export function makeAuthenticator(
  identity: IdentityService,
  policy: Policy,
): (token: string | undefined) => Promise<Caller> {
  // one Caller per resolved identity: the policy remembers what it prepared for a caller by the object itself
  const callers = new WeakMap<Identity, Caller>();
  return async (token) => {
    if (token === undefined || token === '') throw refusal(identity.wwwAuthenticateUri);
    const resolved = await identity.authenticate(token);
    let caller = callers.get(resolved);
    if (caller === undefined || caller.isAdmin !== policy.isAdmin(caller)) {
      caller = { ...resolved, isAdmin: policy.isAdmin(resolved) };
      callers.set(resolved, caller);
    }
    return caller;
  };
}
