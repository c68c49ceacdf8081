// A service passes on what a user asked it for, with his token and its own.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { unauthorized } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Identity, IdentityService } from '../../../src/cloud/identity.ts';
import { makeAuthenticator } from '../../../src/main/authenticator.ts';
import { makePolicy } from '../../../src/policies/load.ts';

const HOUR_MS = 3_600_000;

const identityOf = (token: string, roles: readonly string[], more: Partial<Identity> = {}): Identity => ({
  ...{ userId: token, userName: token, userDomainId: 'default' },
  ...{ projectId: 'p', projectName: 'p', projectDomainId: 'default', domainId: null, systemScope: null },
  ...{ roles: [...roles], expiresAt: Date.now() + HOUR_MS, token },
  ...more,
});

const known: Readonly<Record<string, Identity>> = {
  user: identityOf('user', ['member']),
  late: identityOf('late', ['member'], { expiresAt: Date.now() - HOUR_MS }),
  narrow: identityOf('narrow', ['member'], {
    accessRules: [{ service: 'image', method: 'GET', path: '/v2/images' }],
  }),
  service: identityOf('service', ['service']),
};

const identity: IdentityService = {
  async authenticate(token, how) {
    const found = known[token];
    if (found === undefined) throw unauthorized('no');
    if (found.expiresAt < Date.now() && how?.expired !== true) throw unauthorized('over');
    return found;
  },
  knowsProject: async () => true,
  wwwAuthenticateUri: 'http://keystone/v3',
  problem: async () => null,
  async close() {},
};

describe('a token of a service beside that of a user', () => {
  const policy = makePolicy({ log: silentLog, clock: systemClock });
  const authenticate = makeAuthenticator(identity, policy, { count: null, serviceRoles: ['service'] });
  const ask = async (token: string, serviceToken?: string): Promise<string> => {
    const asked = { service: 'compute', method: 'GET', path: '/v2.1/servers' };
    const caller = await authenticate(token, { ...asked, ...(serviceToken === undefined ? {} : { serviceToken }) });
    return caller.userId;
  };

  it('lets it be over, as it was not when the service was asked', async () => {
    await assert.rejects(ask('late'), { kind: 'unauthorized' });
    assert.equal(await ask('late', 'service'), 'late');
  });

  it('leaves access rules to the service that he asked', async () => {
    await assert.rejects(ask('narrow'), { kind: 'unauthorized' });
    assert.equal(await ask('narrow', 'service'), 'narrow');
  });

  it('changes nothing where it is no service’s', async () => {
    assert.equal(await ask('user', 'user'), 'user');
    assert.equal(await ask('user', ''), 'user');
    await assert.rejects(ask('late', 'user'), { kind: 'unauthorized' });
    await assert.rejects(ask('narrow', 'user'), { kind: 'unauthorized' });
  });

  it('is refused with it where it is none', async () => {
    await assert.rejects(ask('user', 'invented'), { kind: 'unauthorized' });
    await assert.rejects(ask('invented', 'service'), { kind: 'unauthorized' });
  });
});
