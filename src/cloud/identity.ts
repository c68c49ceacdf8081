// Why: resolves tokens to users. Keystone's answer decides; offline verification only refuses early.

import type { AccessRule } from './access-rules.ts';
import type { Caller } from '../base/op.ts';

/** A caller without `isAdmin`, which policy decides. */
export type Identity = Omit<Caller, 'isAdmin'> & {
  readonly expiresAt: number;
  /** The access rules of the token's application credential; absent: not limited. */
  readonly accessRules?: readonly AccessRule[];
};

export interface IdentityService {
  /**
   * Validates a token at `GET /v3/auth/tokens`. Rejects with an `unauthorized` Fault for an invalid token, and with
   * `unavailable` if the identity service cannot be reached: never "allowed".
   * @param how `expired`: also accepts an expired token, for as long as an operator's Keystone does (`allow_expired_window`)
   */
  authenticate(token: string, how?: { readonly expired: boolean }): Promise<Identity>;
  /**
   * Whether there is such a project. False only if the identity service answers 404 to this caller; a caller without permission, and an
   * unreachable identity service, are no reason to refuse.
   */
  knowsProject(caller: Caller, projectId: string): Promise<boolean>;
  /** The address for `WWW-Authenticate: Keystone uri="…"`. */
  readonly wwwAuthenticateUri: string | null;
  /** Null if it answers; else why not, for `/readyz`. */
  problem(): Promise<string | null>;
  close(): Promise<void>;
}
