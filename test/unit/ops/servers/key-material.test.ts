import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../../src/base/errors.ts';
import {
  makeSshKey,
  makeX509Key,
  sealedFor,
  sshFingerprint,
  x509Fingerprint,
} from '../../../../src/ops/servers/key-material.ts';

const refused = (error: unknown): boolean => error instanceof Fault && error.kind === 'badRequest';

// made with ssh-keygen; its `-l -E md5` gives the fingerprint
const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f somebody@here';

describe('SSH keys', () => {
  it('have the MD5 of their bytes as fingerprint, whatever the comment', () => {
    const fingerprint = sshFingerprint(ED25519);
    assert.match(fingerprint, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
    assert.equal(sshFingerprint(ED25519.split(' ').slice(0, 2).join(' ')), fingerprint);
    assert.equal(sshFingerprint(`  ${ED25519}\n`), fingerprint);
  });

  it('are refused when they are none', () => {
    const other = ED25519.replace('ssh-ed25519', 'ssh-rsa');
    for (const bad of [
      '',
      'ssh-rsa',
      'ssh-rsa !!!!',
      'hello world',
      other,
      'ssh-ed25519 AAAA',
      '-----BEGIN CERTIFICATE-----',
    ]) {
      assert.throws(() => sshFingerprint(bad), refused, bad);
    }
  });

  it('are made as a pair that fits', async () => {
    const made = await makeSshKey('me');
    assert.match(made.publicKey, /^ssh-rsa [A-Za-z0-9+/]+=* me$/);
    const blob = Buffer.from(made.publicKey.split(' ')[1] ?? '', 'base64');
    const { n } = createPrivateKey(made.privateKey ?? '').export({ format: 'jwk' });
    assert.ok(blob.includes(Buffer.from(n ?? '', 'base64url')));
    assert.equal(made.fingerprint, sshFingerprint(made.publicKey));
  });
});

describe('text for the owner of a key', () => {
  it('is nothing for what is no RSA key, whatever it is', () => {
    for (const key of [
      '',
      'ssh-rsa',
      'ssh-rsa AAAA',
      'ssh-rsa ////',
      'ssh-dss AAAAB3NzaC1kc3M=',
      'ssh-rsa AAAAB3NzaC1yc2EAAAAA',
    ]) {
      assert.equal(sealedFor(key, 'text'), null, key);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const sealed = sealedFor(`ssh-rsa ${Buffer.from(bytes).toString('base64')}`, 'text');
        assert.ok(sealed === null || typeof sealed === 'string');
      }),
    );
  });
});

describe('X.509 keys', () => {
  it('are a certificate that its own key signed, for the user, to log in with', async () => {
    const nowMs = Date.UTC(2026, 10, 21);
    const made = await makeX509Key('user-1', nowMs);
    const certificate = new X509Certificate(made.publicKey);
    assert.equal(certificate.subject, 'CN=user-1');
    assert.ok(certificate.verify(certificate.publicKey));
    assert.ok(certificate.checkPrivateKey(createPrivateKey(made.privateKey ?? '')));
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    assert.equal(certificate.validFromDate.getTime(), nowMs);
    assert.equal(made.fingerprint, certificate.fingerprint.toLowerCase());
  });

  it('are refused when they are none', () => {
    for (const bad of ['', 'ssh-rsa AAAA', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----']) {
      assert.throws(() => x509Fingerprint(bad), refused);
    }
  });
});
