// Why: a destination that is named was once taken without a word of the scheduler, then only when asked, and now never.

import { badRequest } from '../../../base/errors.ts';
import { versioned } from '../../../base/history.ts';
import { isTrue } from '../../parameters.ts';

export interface NamedHost {
  readonly host?: string | null;
  readonly force?: boolean | string;
}

/** Whether the scheduler's filters are passed over, by minor version; throws Nova's 400 where no host is named to be forced to. */
export function forcing(askedFrom: string, neverFrom: string): (minor: number, asked: NamedHost) => boolean {
  const forced = versioned<'always' | 'asked' | 'never'>('always', [askedFrom, 'asked'], [neverFrom, 'never']);
  return (minor, { host, force = false }) => {
    const asks = forced.at(minor) === 'asked' && isTrue(force);
    if (asks && host == null) throw badRequest("Can't force to a non-provided destination");
    return host != null && (asks || forced.at(minor) === 'always');
  };
}
