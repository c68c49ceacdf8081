// Why: tests of the compute API name who asks; a caller's token is the caller's name.

import { unauthorized } from '../../src/base/errors.ts';
import type { Authenticate, Caller } from '../../src/base/op.ts';

const PROJECT = '00000000000000000000000000000de1';

/** The one id that no project has. */
export const NO_PROJECT = '00000000000000000000000000000bad';

const caller = (name: string, projectId: string, roles: readonly string[]): Caller => ({
  userId: `${name}-user`,
  userName: name,
  userDomainId: 'default',
  projectId,
  projectName: projectId,
  projectDomainId: 'default',
  domainId: null,
  roles,
  systemScope: null,
  isAdmin: roles.includes('admin'),
  token: name,
});

/** Manager, member and reader share a project; other is a member of another; admin's own is a third. */
export const callers = {
  admin: caller('admin', '0000000000000000000000000000ad31', ['admin', 'manager', 'member', 'reader']),
  manager: caller('manager', PROJECT, ['manager', 'member', 'reader']),
  member: caller('member', PROJECT, ['member', 'reader']),
  reader: caller('reader', PROJECT, ['reader']),
  other: caller('other', '0000000000000000000000000000071e', ['member', 'reader']),
} as const;

export type CallerName = keyof typeof callers;
/** Somebody, or nobody: a request without a token. */
export type Who = CallerName | 'none';

export const authenticate: Authenticate = async (token) => {
  if (token === undefined || !Object.hasOwn(callers, token)) {
    throw unauthorized('The request you have made requires authentication.', {
      headers: { 'WWW-Authenticate': 'Keystone uri="http://127.0.0.1:5000"' },
    });
  }
  return callers[token as CallerName];
};
