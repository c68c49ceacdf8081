// Machines by the hour, as those who sell them ask for them: plans, templates, and a deployment with its keys and a password that is shown once.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encrypt } from 'unixcrypt';
import { eventually, type Service, startService } from '../support/serve.ts';
import { type Ended, xloud } from '../support/xloud.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF7sTqmDyvXcWYKT4XKzvzGg8aKjSVyQ0Ay6gk0xV9tX someone';
const API = '/api/v1';

describe('deployments', () => {
  let service: Service;
  const ask = (method: string, path: string, body?: object, cloud: 'xloud' | 'xloud-demo' = 'xloud-demo') =>
    service.request(cloud, method, `${API}${path}`, body);
  const run = (...words: string[]): Promise<Ended> => xloud(...words, '--data-dir', service.dataDir);
  const deploy = (more: object = {}, config: object = {}) =>
    ask('POST', '/deployments/', {
      ...{ name: 'my-vm', deployment_type: 'kvm' },
      kvm_config: { plan: 'micro', template: 'ubuntu-22.04', ssh_keys: [KEY], ...config },
      ...more,
    });
  const refused = (reply: { status: number; body: { error?: { message: string } } }, status: number, words: RegExp) => {
    assert.equal(reply.status, status, JSON.stringify(reply.body));
    assert.match(reply.body.error?.message ?? '', words);
  };

  before(async () => {
    service = await startService({ driver: 'fake' });
    for (const name of ['jammy', 'installer']) {
      const image = { name, disk_format: 'raw', container_format: 'bare', visibility: 'public' };
      const { body } = await service.request('xloud', 'POST', '/image/v2/images', image);
      const bytes = { 'Content-Type': 'application/octet-stream' };
      await service.request('xloud', 'PUT', `/image/v2/images/${body.id}/file`, Buffer.alloc(1024), bytes);
    }
  });
  after(() => service.close());

  it('are of plans and templates, which commands make', async () => {
    assert.equal((await run('plans', 'create-defaults')).status, 0);
    assert.match((await run('templates', 'list')).stdout, /no image is a template/);
    const words = [
      '--image',
      'jammy',
      '--family',
      'ubuntu',
      '--os-version',
      '22.04',
      '--display-name',
      'Ubuntu 22.04 LTS',
    ];
    for (let time = 0; time < 2; time += 1) {
      const added = await run('templates', 'add', 'ubuntu-22.04', ...words);
      assert.equal(added.status, 0, added.stderr);
      assert.match(added.stdout, /^ubuntu-22\.04 +Ubuntu 22\.04 LTS +ubuntu +22\.04 +raw +yes +[0-9a-f-]{36}$/m);
    }
    const bare = [
      '--image',
      'installer',
      '--family',
      'windows',
      '--os-version',
      '2022',
      '--no-cloud-init',
      '--windows',
    ];
    assert.match((await run('templates', 'add', 'windows', ...bare)).stdout, /^windows .* raw +no /m);
    const none = await run('templates', 'add', 'x', '--image', 'nothing', '--family', 'a', '--os-version', '1');
    assert.deepEqual([none.status, none.stderr], [2, 'xloud: There is no image nothing.\n']);
  });

  it('are made with keys and a password, which is told once and stands nowhere', async () => {
    const made = await deploy();
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { id, root_password: password, ...shown } = made.body;
    assert.match(password, /^[A-Za-z2-9]{20}$/);
    assert.deepEqual(shown.kvm_config, { plan: 'micro', template: 'ubuntu-22.04' });
    const running = await eventually('it runs', 30_000, async () => {
      const { body } = await ask('GET', `/deployments/${id}/`);
      return body.status === 'running' ? body : null;
    });
    assert.equal(running.root_password, undefined);
    assert.equal(running.ssh_command, `ssh root@${running.addresses[0]}`);
    const headers = { 'OpenStack-API-Version': 'compute 2.90' };
    const { body } = await service.request('xloud', 'GET', `/compute/v2.1/servers/${id}`, undefined, headers);
    const userData = Buffer.from(body.server['OS-EXT-SRV-ATTR:user_data'], 'base64').toString();
    assert.match(userData, /^#cloud-config\n/);
    const told = JSON.parse(userData.slice(userData.indexOf('\n')));
    assert.deepEqual(told.ssh_authorized_keys, [KEY]);
    const [{ name, password: hash, type }] = told.chpasswd.users;
    assert.deepEqual([name, type], ['root', 'hash']);
    assert.equal(encrypt(password, hash), hash, 'the hash is of this password');
    assert.ok(!userData.includes(password) && !service.log().includes(password));
    assert.equal(body.server.flavor.original_name, 'micro');
  });

  it('are listed, stopped, started, restarted and deleted, and nothing else is among them', async () => {
    const listed = (await ask('GET', '/deployments/')).body.deployments;
    assert.deepEqual(
      listed.map(({ name }: { name: string }) => name),
      ['my-vm'],
    );
    const [{ id }] = listed;
    assert.ok(!('ssh_command' in listed[0]), 'how to get in is asked for each alone');
    const is = (status: string) =>
      eventually(status, 30_000, async () =>
        (await ask('GET', `/deployments/${id}/`)).body.status === status ? true : null,
      );
    for (const [word, status] of [
      ['stop', 'stopped'],
      ['start', 'running'],
    ] as const) {
      assert.equal((await ask('POST', `/deployments/${id}/${word}/`)).status, 202);
      await is(status);
    }
    const vm = await ask('POST', '/vms', { name: 'other', image: 'jammy', flavor: 'micro' });
    assert.equal(vm.status, 202, JSON.stringify(vm.body));
    assert.equal((await ask('GET', '/deployments/')).body.deployments.length, 1);
    refused(await ask('GET', `/deployments/${vm.body.id}/`), 404, /There is no deployment/);
    refused(await ask('DELETE', `/deployments/${vm.body.id}/`), 404, /There is no deployment/);
    assert.equal((await ask('GET', `/deployments/${id}/`, undefined, 'xloud')).status, 200, 'administrators see all');
    assert.equal((await ask('DELETE', `/deployments/${id}/`)).status, 202);
    await eventually('it is gone', 30_000, async () =>
      (await ask('GET', `/deployments/${id}/`)).status === 404 ? true : null,
    );
  });

  it('are refused with the reason', async () => {
    refused(await deploy({}, { plan: 'huge' }), 400, /There is no plan huge; there are: micro, small/);
    refused(await deploy({}, { template: 'plan9' }), 404, /There is no template plan9/);
    refused(await deploy({}, { template: 'windows' }), 400, /has no cloud-init: nothing would take the SSH keys/);
    refused(await deploy({ deployment_type: 'docker' }), 400, /kvm/);
    refused(await deploy({}, { ssh_keys: ['ssh-rsa AAAA\nruncmd: [halt]'] }), 400, /ssh_keys/);
    refused(await deploy({}, { ssh_keys: ['not a key at all'] }), 400, /ssh_keys/);
    refused(await deploy({}, { cpus: 4 }), 400, /cpus/);
    const silent = await deploy({}, { template: 'windows', ssh_keys: [] });
    assert.deepEqual([silent.status, silent.body.root_password], [201, null]);
    const nobody = await fetch(`${service.url}${API}/deployments/`, { headers: { Authorization: 'Token wrong' } });
    assert.equal(nobody.status, 401);
  });
});
