// Why: a request comes with a token or without; what follows is the same for every service here.

import type { Authenticate } from '../base/op.ts';
import type { IdentityService } from '../cloud/identity.ts';
import { accessAllowed, accessRefused } from '../cloud/access-rules.ts';
import { refusal } from '../cloud/token-resolver.ts';
import { makeJudge } from '../policies/judge.ts';
import type { Policy } from '../policies/load.ts';
import type { CountRequest } from './request-rates.ts';

const READING = new Set(['GET', 'HEAD']);

/**
 * Resolves a request's token to its caller; no token at all is 401 with the address to get one.
 * @param count throws 429 where the caller's project asks too much
 */
export function makeAuthenticator(identity: IdentityService, policy: Policy, count: CountRequest | null): Authenticate {
  const judge = makeJudge(policy);
  return async (token, asked) => {
    if (token === undefined || token === '') throw refusal(identity.wwwAuthenticateUri);
    const resolved = await identity.authenticate(token);
    if (!accessAllowed(resolved.accessRules, asked)) throw accessRefused(identity.wwwAuthenticateUri);
    const caller = judge(resolved);
    if (count !== null) await count(caller, !READING.has(asked.method));
    return caller;
  };
}
