import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { writeCloudsYaml } from '../../src/standalone/identity/clouds-yaml.ts';
import { startIdentity, type TestIdentity } from '../support/identity.ts';
import { type ClientProcess, startClientProcess, withoutClient } from '../support/openstack/process.ts';

const run = promisify(execFile);
const CLIENT = '/usr/bin/openstack';
const skip = withoutClient('debian');

describe('built-in identity, with the stock client and clouds.yaml', { skip }, () => {
  let cloud: TestIdentity;
  let started: ClientProcess;

  before(async () => {
    cloud = await startIdentity();
    const { authUrl, passwords } = cloud;
    await writeCloudsYaml(join(cloud.dir, 'clouds.yaml'), { authUrl, region: 'RegionOne', passwords });
    started = await startClientProcess('debian', join(cloud.dir, 'clouds.yaml'), cloud.dir);
  });
  after(async () => {
    await started.close();
    await cloud.stop();
  });

  async function client(name: string, ...words: string[]): Promise<string> {
    const { status, out, err } = await started.ask(['--os-cloud', name, ...words]);
    assert.equal(status, 0, `openstack ${words.join(' ')}: ${err}`);
    return out;
  }
  // oxlint-disable-next-line typescript/no-explicit-any -- the client's tables, as they come
  const json = async (name: string, ...words: string[]): Promise<any> =>
    JSON.parse(await client(name, ...words, '-f', 'json'));
  const admin = (...words: string[]) => json('xloud', ...words);
  const names = (rows: readonly { Name: string }[]) => rows.map((row) => row.Name).toSorted();

  it('issues tokens to both users', async () => {
    // as people start it, who have the file where they are
    const env = { PATH: '/usr/bin:/bin', HOME: cloud.dir, OS_CLOUD: 'xloud', LC_ALL: 'C.UTF-8' };
    const { stdout } = await run(CLIENT, ['token', 'issue', '-f', 'json'], { cwd: cloud.dir, env, timeout: 120_000 });
    const token = JSON.parse(stdout);
    assert.equal(token.project_id, cloud.bootstrapped.projects.admin);
    assert.equal((await cloud.identity.service.authenticate(token.id)).userName, 'admin');
    const demo = await json('xloud-demo', 'token', 'issue');
    assert.equal(demo.project_id, cloud.bootstrapped.projects.demo);
    await client('xloud', 'token', 'revoke', demo.id);
    await assert.rejects(cloud.identity.service.authenticate(demo.id), /requires authentication/);
  });

  it('lists projects to an administrator, and to a member his own', async () => {
    assert.deepEqual(names(await admin('project', 'list')), ['admin', 'demo', 'service']);
    assert.deepEqual(names(await json('xloud-demo', 'project', 'list')), ['demo']);
    assert.equal((await json('xloud-demo', 'project', 'show', 'demo')).name, 'demo');
  });

  it('creates users, projects and domains, and gives roles', async () => {
    await admin('domain', 'create', 'corp');
    await admin('project', 'create', '--domain', 'corp', '--description', 'Work', '--tag', 'blue', 'work');
    const args = ['--domain', 'corp', '--project', 'work', '--project-domain', 'corp', '--password', 'pw'];
    const user = await admin('user', 'create', ...args, '--email', 'w@x', 'worker');
    assert.equal(user.email, 'w@x');
    await client('xloud', 'role', 'add', '--project', 'work', '--user', 'worker', 'member');
    await client('xloud', 'role', 'add', '--system', 'all', '--user', 'worker', 'reader');
    const given = await admin('role', 'assignment', 'list', '--user', 'worker', '--names');
    assert.deepEqual(
      given.map((row: { Role: string; User: string; Project: string; System: string }) => [
        row.Role,
        row.User,
        row.Project,
        row.System,
      ]),
      [
        ['member', 'worker@corp', 'work@corp', ''],
        ['reader', 'worker@corp', '', 'all'],
      ],
    );
    await client('xloud', 'user', 'set', '--disable', 'worker');
    assert.equal((await admin('user', 'show', 'worker')).enabled, false);
    await client('xloud', 'role', 'remove', '--project', 'work', '--user', 'worker', 'member');
    assert.deepEqual(names(await admin('role', 'list')), ['admin', 'manager', 'member', 'reader', 'service']);
    await client('xloud', 'user', 'delete', 'worker');
    await client('xloud', 'project', 'delete', 'work');
    await client('xloud', 'domain', 'set', '--disable', 'corp');
    await client('xloud', 'domain', 'delete', 'corp');
    assert.deepEqual(names(await admin('domain', 'list')), ['Default']);
  });

  it('shows the catalog, services, endpoints and regions', async () => {
    assert.deepEqual(names(await admin('catalog', 'list')), ['keystone', 'nova']);
    assert.equal((await admin('endpoint', 'list')).length, 6);
    assert.equal((await admin('service', 'list')).length, 2);
    assert.deepEqual(
      (await admin('region', 'list')).map((row: { Region: string }) => row.Region),
      ['RegionOne'],
    );
  });

  it('makes application credentials and logs in with one', async () => {
    const made = await json('xloud-demo', 'application', 'credential', 'create', '--role', 'reader', 'ci');
    const env = {
      PATH: '/usr/bin:/bin',
      HOME: '/nonexistent',
      OS_AUTH_TYPE: 'v3applicationcredential',
      OS_AUTH_URL: cloud.authUrl,
      OS_APPLICATION_CREDENTIAL_ID: made.id,
      OS_APPLICATION_CREDENTIAL_SECRET: made.secret,
      OS_IDENTITY_API_VERSION: '3',
    };
    const { stdout } = await run(CLIENT, ['token', 'issue', '-f', 'json'], { cwd: '/', env, timeout: 120_000 });
    const caller = await cloud.identity.service.authenticate(JSON.parse(stdout).id);
    assert.deepEqual(caller.roles, ['reader']);
    assert.deepEqual(names(await json('xloud-demo', 'application', 'credential', 'list')), ['ci']);
    await client('xloud-demo', 'application', 'credential', 'delete', 'ci');
    assert.deepEqual(await json('xloud-demo', 'application', 'credential', 'list'), []);
  });
});
