// Why: a request comes with a token or without; what follows is the same for every service here.

import type { Caller } from '../base/op.ts';
import type { IdentityService } from '../cloud/identity.ts';
import { refusal } from '../cloud/token-resolver.ts';
import { makeJudge } from '../policies/judge.ts';
import type { Policy } from '../policies/load.ts';

/** Resolves a request's token to its caller; no token at all is 401 with the address to get one. */
export function makeAuthenticator(
  identity: IdentityService,
  policy: Policy,
): (token: string | undefined) => Promise<Caller> {
  const judge = makeJudge(policy);
  return async (token) => {
    if (token === undefined || token === '') throw refusal(identity.wwwAuthenticateUri);
    return judge(await identity.authenticate(token));
  };
}
