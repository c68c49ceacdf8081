// Why: a request comes with a token or without; what follows is the same for every service here.

import type { Authenticate } from '../base/op.ts';
import type { IdentityService } from '../cloud/identity.ts';
import { accessAllowed, accessRefused } from '../cloud/access-rules.ts';
import { refusal } from '../cloud/token-resolver.ts';
import { makeJudge } from '../policies/judge.ts';
import type { Policy } from '../policies/load.ts';
import type { CountRequest } from './request-rates.ts';

const READING = new Set(['GET', 'HEAD']);

/** Who stands for services among others' tokens, and what is counted. */
export interface AuthenticatorWish {
  readonly count: CountRequest | null;
  /** Roles of services that pass on what users asked them for. */
  readonly serviceRoles: readonly string[];
}

/**
 * Resolves a request's token to its caller; no token at all is 401 with the address to get one. As keystonemiddleware: a token of a service
 * beside it says that the user asked that service, which did so before his token was over, and what he asked there is not what is asked here,
 * so that access rules were judged there; one that is not good is 401.
 * @param count throws 429 where the caller's project asks too much
 */
export function makeAuthenticator(
  identity: IdentityService,
  policy: Policy,
  { count, serviceRoles }: AuthenticatorWish,
): Authenticate {
  const judge = makeJudge(policy);
  async function isPassedOn(serviceToken: string | undefined): Promise<boolean> {
    if (serviceToken === undefined || serviceToken === '') return false;
    const { roles } = await identity.authenticate(serviceToken);
    return roles.some((role) => serviceRoles.includes(role));
  }
  return async (token, asked) => {
    if (token === undefined || token === '') throw refusal(identity.wwwAuthenticateUri);
    const passedOn = await isPassedOn(asked.serviceToken);
    const resolved = await identity.authenticate(token, { expired: passedOn });
    if (!passedOn && !accessAllowed(resolved.accessRules, asked)) throw accessRefused(identity.wwwAuthenticateUri);
    const caller = judge(resolved);
    if (count !== null) await count(caller, !READING.has(asked.method));
    return caller;
  };
}
