// Why: who a token stands for. Keystone's answer is the truth; offline verification only refuses early.

import type { AccessRule } from './access-rules.ts';
import type { Caller } from '../base/op.ts';

/** A caller without the decision whether it is an administrator: that is policy's. */
export type Identity = Omit<Caller, 'isAdmin'> & {
  readonly expiresAt: number;
  /** What the token's application credential may ask for; absent: whatever its roles allow. */
  readonly accessRules?: readonly AccessRule[];
};

export interface IdentityService {
  /**
   * Resolves a token at `GET /v3/auth/tokens`. Rejects with an `unauthorized` Fault for a token that is not good, and with
   * `unavailable` when the identity service cannot be asked: never "allowed".
   * @param how `expired`: one that is over is good too, for as long as an operator's Keystone still tells whose it was
   */
  authenticate(token: string, how?: { readonly expired: boolean }): Promise<Identity>;
  /**
   * Whether there is such a project. False only where identity says so to this caller; a caller who may not know, and an
   * identity service that cannot be asked, are no reason to refuse.
   */
  knowsProject(caller: Caller, projectId: string): Promise<boolean>;
  /** The address for `WWW-Authenticate: Keystone uri="…"`. */
  readonly wwwAuthenticateUri: string | null;
  /** Null when it answers; else why not, for `/readyz`. */
  problem(): Promise<string | null>;
  close(): Promise<void>;
}
