// Why: who changes or deletes what he has read can have it refused where somebody else changed it meanwhile (`If-Match`).

import { Fault } from '../../base/errors.ts';
import type { WebContext } from '../../web/app.ts';
import { invalid } from './faults.ts';
import type { Owned } from './noun.ts';

/** The revision that a request is for; null: for any. @throws badRequest for what names none */
export function revisionAsked(ctx: WebContext): number | null {
  const text = ctx.get('If-Match').trim();
  if (text === '') return null;
  const [, number] = /^revision_number=(\d{1,9})$/.exec(text) ?? [];
  if (number === undefined) throw invalid('If-Match is revision_number=NUMBER here.');
  return Number(number);
}

/** @throws preconditionFailed where an object is at another revision than the one that is asked for */
export function checkRevision(object: Owned & { readonly revision?: number }, asked: number | null): void {
  // what has no revisions is at its first for ever
  const { revision = 0 } = object;
  if (asked === null || asked === revision) return;
  throw new Fault('preconditionFailed', `Constrained to ${asked}, but current revision is ${revision}`, {
    code: 'RevisionNumberConstraintFailed',
  });
}
