import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadConfig } from '../../../src/main/config.ts';
import { readOwn } from '../../../src/main/novacron-face.ts';

describe('callers of this machine that bring no token', () => {
  const directory = mkdtempSync(join(tmpdir(), 'xloud-own-'));
  after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'secret');
  writeFileSync(file, 'secret\n');

  const own = (options: Readonly<Record<string, string>>) =>
    readOwn(
      loadConfig({ flags: Object.entries(options).map(([name, value]) => `novacron.${name}=${value}`) }).novacron,
    );
  const whole = {
    ...{ listen: '127.0.0.1:8080', loopback_project: 'p', loopback_credential_id: 'c' },
    loopback_credential_secret_file: file,
  };

  it('are nobody unless the operator names a project', () => {
    assert.equal(own({}), null);
    assert.equal(own({ ...whole, loopback_project: '' }), null);
  });

  it('are an application credential of it', () => {
    const expected = { projectId: 'p', credential: { id: 'c', secret: 'secret' } };
    assert.deepEqual(own(whole), expected);
    assert.deepEqual(own({ ...whole, listen: '[::1]:8080' }), expected);
  });

  it('are refused at a port that others reach, and where something is missing', () => {
    for (const listen of ['', '0.0.0.0:8080', '[::]:8080', '192.0.2.1:8080'])
      assert.throws(
        () => own({ ...whole, listen }),
        /novacron.loopback_project: it wants novacron.listen at a loopback/,
      );
    assert.throws(() => own({ ...whole, loopback_credential_id: '' }), /loopback_credential_id/);
    assert.throws(
      () => own({ ...whole, loopback_credential_secret_file: join(directory, 'none') }),
      /novacron.loopback_credential_secret_file: ENOENT/,
    );
    assert.throws(() => own({ ...whole, listen: 'localhost' }), /an address and a port/);
  });
});
