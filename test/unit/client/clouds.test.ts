import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { findCloud } from '../../../src/client/clouds.ts';

describe('the cloud of a command', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'xloud-clouds-'));
  after(() => rmSync(dataDir, { recursive: true }));
  const file = join(dataDir, 'clouds.yaml');
  const auth = (user: string) => `{auth_url: 'http://127.0.0.1:1/identity', username: ${user}, password: p}`;
  writeFileSync(file, `clouds: {xloud: {auth: ${auth('admin')}}, other: {auth: ${auth('other')}}, bare: {auth: {}}}\n`);
  const userOf = (name: string | undefined, env: Record<string, string>) =>
    findCloud({ ...(name === undefined ? {} : { name }), dataDir, env }).auth['username'];

  it('is the one that is named, else that of the environment, else xloud', () => {
    assert.equal(userOf('other', { OS_CLOUD: 'xloud' }), 'other');
    assert.equal(userOf(undefined, { OS_CLOUD: 'other' }), 'other');
    assert.equal(userOf(undefined, {}), 'admin');
  });

  it('stands in the file that the environment names, and nowhere else then', () => {
    const elsewhere = join(dataDir, 'elsewhere.yaml');
    assert.throws(() => userOf(undefined, { OS_CLIENT_CONFIG_FILE: elsewhere }), /there is no clouds.yaml/);
    writeFileSync(elsewhere, `clouds: {xloud: {auth: ${auth('third')}}}`);
    assert.equal(userOf(undefined, { OS_CLIENT_CONFIG_FILE: elsewhere }), 'third');
  });

  it('or the command ends with one line', () => {
    assert.throws(() => userOf('none', {}), { message: `there is no cloud none in ${file}` });
    assert.throws(() => userOf('bare', {}), {
      message: `cloud bare in ${file} needs auth_url and password, application credential or token`,
    });
    const broken = join(dataDir, 'broken.yaml');
    writeFileSync(broken, 'clouds: {');
    assert.throws(() => userOf(undefined, { OS_CLIENT_CONFIG_FILE: broken }), /broken.yaml cannot be understood/);
  });
});
