// Why: whoever may open a console must not be able to open all of them: each token, user and project has its share.

import { Fault } from '../base/errors.ts';

/** Whom a console counts for. */
export interface Holders {
  readonly token: string;
  readonly user: string;
  readonly project: string;
}

export type ShareBounds = { readonly [kind in keyof Holders]: number };

export interface Shares {
  /**
   * Counts one more console for its holders; the function that is returned gives the place back.
   * @throws a Fault `overLimit` that names the kind of holder whose share is used up
   */
  take(holders: Holders): () => void;
}

/** Counts the consoles of each holder from none on. */
export function makeShares(bounds: ShareBounds): Shares {
  const kinds = Object.keys(bounds) as (keyof Holders)[];
  const counts = new Map<string, number>();
  return {
    take(holders) {
      const keys = kinds.map((kind) => [kind, `${kind} ${holders[kind]}`] as const);
      for (const [kind, key] of keys) {
        if ((counts.get(key) ?? 0) < bounds[kind]) continue;
        throw new Fault('overLimit', `Too many consoles are open with this ${kind}.`, { code: 'consoles' });
      }
      for (const [, key] of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        for (const [, key] of keys) {
          const left = (counts.get(key) as number) - 1;
          if (left === 0) counts.delete(key);
          else counts.set(key, left);
        }
      };
    },
  };
}
