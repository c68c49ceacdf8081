import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../../../src/base/clock.ts';
import { silentLog } from '../../../../src/base/log.ts';
import { makeTokenKeys } from '../../../../src/cloud/token-keys.ts';
import { openSigning } from '../../../../src/standalone/identity/signing.ts';

describe('signing keys', () => {
  let dir: string;
  const claims = () => ({
    sub: 'u',
    iat: Date.now() / 1000,
    exp: Math.floor(Date.now() / 1000) + 60,
    openstack_methods: ['password'],
    openstack_audit_ids: ['a'],
  });
  const verify = async (token: string) =>
    (await makeTokenKeys({ directory: join(dir, 'identity-keys'), clock: systemClock, log: silentLog }).verify(token))
      .kind;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'xloud-signing-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('are one, whoever opens them first and however often', async () => {
    const opened = await Promise.all(Array.from({ length: 8 }, () => openSigning(dir)));
    assert.equal((await readdir(join(dir, 'identity-keys'))).length, 1);
    assert.deepEqual(await readdir(join(dir, 'identity-private')), ['private.pem']);
    const again = await openSigning(dir);
    for (const signing of [...opened, again]) assert.equal(await verify(await signing.sign(claims())), 'good');
  });

  it('are replaced by deleting the private one; the old tokens go with its public half', async () => {
    const old = await (await openSigning(dir)).sign(claims());
    const [oldName] = await readdir(join(dir, 'identity-keys'));
    await rm(join(dir, 'identity-private', 'private.pem'));
    const fresh = await (await openSigning(dir)).sign(claims());
    assert.deepEqual([await verify(old), await verify(fresh)], ['good', 'good']);
    await rm(join(dir, 'identity-keys', oldName ?? ''));
    assert.deepEqual([await verify(old), await verify(fresh)], ['forged', 'good']);
  });
});
