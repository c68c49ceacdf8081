import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parse } from 'yaml';
import { readCloudsYaml, writeCloudsYaml } from '../../../../src/standalone/identity/clouds-yaml.ts';

describe('clouds.yaml', () => {
  let dir: string;
  let path: string;
  const passwords = { admin: 'a"b: #c', demo: '-d' };
  const content = { authUrl: 'http://127.0.0.1:8774/identity/v3', region: 'RegionOne', passwords };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'xloud-clouds-'));
    path = join(dir, 'clouds.yaml');
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('is only its owner’s, also where a wider one was before', async () => {
    await writeFile(path, 'old', { mode: 0o644 });
    await writeCloudsYaml(path, content);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(dir), ['clouds.yaml']);
  });

  it('has the two clouds and gives the passwords back', async () => {
    await writeCloudsYaml(path, content);
    const { clouds } = parse(await readFile(path, 'utf8'));
    assert.deepEqual(Object.keys(clouds), ['xloud', 'xloud-demo']);
    assert.deepEqual(clouds.xloud, {
      auth: {
        auth_url: content.authUrl,
        username: 'admin',
        password: passwords.admin,
        project_name: 'admin',
        user_domain_name: 'Default',
        project_domain_name: 'Default',
      },
      region_name: 'RegionOne',
      identity_api_version: '3',
    });
    assert.equal(clouds['xloud-demo'].auth.project_name, 'demo');
    assert.deepEqual(await readCloudsYaml(path), passwords);
  });

  it('is null when it is not there, and named when it cannot be understood', async () => {
    assert.equal(await readCloudsYaml(path), null);
    for (const text of ['clouds: [', 'clouds: {}', '42', '']) {
      await writeFile(path, text);
      await assert.rejects(readCloudsYaml(path), /clouds\.yaml cannot be understood/);
    }
  });
});
