// What NovaCron's API makes of requests: whom the compute API is asked for what, and what it refuses itself. That every line of the document
// works: novacron-document.test.ts; rights: novacron-walk.test.ts.

import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { hash } from 'node:crypto';
import { type Api, startApi } from '../support/api.ts';
import { callers } from '../support/callers.ts';
import { type Faced, startNovacron } from '../support/novacron.ts';
import { makeOp } from '../support/world.ts';

describe("NovaCron's API", () => {
  let api: Api;
  let face: Faced;
  let imageId: string;

  /** Images by their names: one, several, none. */
  const images: RequestListener = (request, response) => {
    const name = new URL(request.url ?? '', 'http://image').searchParams.get('name');
    const image = { id: imageId, name, status: 'active', visibility: 'public', min_disk: 1, min_ram: 0, size: 1 };
    const found = name === 'two' ? [image, image] : name === 'none' ? [] : [image];
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ images: found }));
  };

  before(async () => {
    api = await startApi({ hosts: [{ name: 'node-1' }, { name: 'node-2' }] });
    const [server] = await api.world.create({}, makeOp(callers.member));
    imageId = server?.imageRef ?? '';
    face = await startNovacron({ compute: api.handler, more: { '/image': images } });
  });
  after(async () => {
    await face?.close();
    await api?.close();
  });

  const ask = async (method: string, path: string, body?: object, as = 'admin') => {
    const headers = { 'X-Auth-Token': as, ...(body && { 'Content-Type': 'application/json' }) };
    const answer = await face.server.send(method, `/api/v1${path}`, headers, body && JSON.stringify(body));
    await api.world.settled();
    return answer;
  };
  const create = (wish: object) => ask('POST', '/vms', { name: 'vm', image: 'one', ...wish });
  const made = async (wish: object = {}): Promise<string> => {
    const answer = await create(wish);
    assert.equal(answer.status, 202, answer.text);
    return answer.body.id;
  };
  const refused = async (status: number, words: RegExp, answer: Awaited<ReturnType<typeof ask>>) => {
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.body.error.message, words);
  };

  it('makes a VM of a size or of a flavor, and of one image', async () => {
    const { body } = await create({ vcpus: 1, memory_mb: 600, disk_mb: 1025 });
    assert.deepEqual([body.vcpus, body.memory_mb, body.disk_mb, body.flavor], [1, 600, 2048, 'sized-1-600-2']);
    await api.world.flavor({ id: 'plain', vcpus: 2 });
    assert.equal((await create({ flavor: 'plain' })).body.vcpus, 2);
    assert.equal((await create({ flavor: 'flavor-plain' })).body.flavor, 'flavor-plain');
    await refused(400, /either flavor is said, or/, await create({ flavor: 'plain', vcpus: 1 }));
    await refused(404, /no flavor fast/, await create({ flavor: 'fast' }));
    await refused(409, /several images two/, await create({ image: 'two' }));
    await refused(404, /no image none/, await create({ image: 'none' }));
    await refused(400, /more than the 16 that flavors by size/, await create({ vcpus: 17 }));
  });

  it('tells cloud-init by template, variables and keys', async () => {
    const size = { vcpus: 1, memory_mb: 512, disk_mb: 1024 };
    const cloud_init = {
      user_data_template: 'web-server',
      template_vars: { port: 8080, packages: ['curl', 'jq'], ssh_authorized_keys: ['ssh-rsa AAAA a,b'] },
    };
    const id = await made({ ...size, cloud_init });
    const { body } = await api.request('GET', `/servers/${id}`, { version: '2.84' });
    assert.deepEqual(body.server.metadata, {
      'xloud:template': 'web-server',
      'xloud:template.port': '8080',
      'xloud:template.packages': 'curl,jq',
    });
    const data = Buffer.from(body.server['OS-EXT-SRV-ATTR:user_data'], 'base64').toString();
    assert.equal(data, '#cloud-config\n{"ssh_authorized_keys":["ssh-rsa AAAA a,b"]}\n');
    const told = (more: object) => create({ ...size, cloud_init: more });
    await refused(
      400,
      /has a comma/,
      await told({ user_data_template: 'web-server', template_vars: { packages: ['a,b'] } }),
    );
    await refused(400, /none is named/, await told({ template_vars: { port: 1 } }));
    await refused(
      400,
      /say the keys in the user data/,
      await told({ user_data: '#!', template_vars: { ssh_authorized_keys: [] } }),
    );
    await refused(400, /no cloud-init template/, await told({ user_data_template: 'nothing' }));
    await refused(400, /port/, await told({ user_data_template: 'web-server', template_vars: { port: 0 } }));
  });

  it('keeps tags of copies as a map', async () => {
    const id = await made({ vcpus: 1, memory_mb: 512, disk_mb: 1024 });
    const tags = { purpose: 'a=b', bare: '' };
    const { body } = await ask('POST', `/vms/${id}/snapshots`, { name: 's', tags });
    assert.deepEqual(body.tags, tags);
    for (const bad of [{ 'a/b': 'c' }, { 'a=b': 'c' }, { '': 'c' }, { a: 'b,c' }, { a: 1 }])
      assert.equal(
        (await ask('POST', `/vms/${id}/snapshots`, { name: 's', tags: bad })).status,
        400,
        JSON.stringify(bad),
      );
    const first = (await ask('POST', `/vms/${id}/backups`, { name: 'b' })).body.id;
    const second = (await ask('POST', `/vms/${id}/backups`, { name: 'b', type: 'incremental' })).body.id;
    const backup = await ask('GET', `/backups/${second}`);
    assert.deepEqual([backup.body.type, backup.body.parent_id], ['incremental', first]);
    await refused(409, /./, await ask('DELETE', `/backups/${first}`));
  });

  it('refuses of a migration what nobody would do, and tells what is done', async () => {
    const id = await made({ vcpus: 1, memory_mb: 512, disk_mb: 1024 });
    const migrate = (options: object, target_node_id?: string) =>
      ask('POST', `/vms/${id}/migrate`, { options, ...(target_node_id && { target_node_id }) });
    await refused(501, /auto_start/, await migrate({ live_migration: true, auto_start: false }));
    await refused(501, /confirmed/, await migrate({ delete_source: true }));
    await refused(400, /./, await migrate({ live_migration: true }, 'nowhere'));
    const { node_id: home } = (await ask('GET', `/vms/${id}`)).body;
    const other = home === 'node-1' ? 'node-2' : 'node-1';
    const offline = await migrate({ auto_start: true, verify_after_migration: false }, other);
    assert.deepEqual(offline.body.options, {
      ...{ live_migration: false, auto_start: true, delete_source: false, verify_after_migration: true },
    });
    assert.equal(offline.body.notes.length, 2);
    const one = `/migrations/${offline.body.id}`;
    assert.deepEqual((await ask('GET', one)).body.state, 'finished');
    assert.equal((await ask('POST', `${one}/confirm`)).status, 202);
    assert.deepEqual(
      [(await ask('GET', one)).body.state, (await ask('GET', `/vms/${id}`)).body.node_id],
      ['confirmed', other],
    );
    await refused(409, /cannot be cancelled/, await ask('POST', `${one}/cancel`));
    const live = (await migrate({ live_migration: true })).body;
    await refused(400, /nothing to confirm/, await ask('POST', `/migrations/${live.id}/confirm`));
    await refused(404, /./, await ask('GET', '/migrations/00000000-0000-0000-0000-000000000000'));
  });

  it('takes profiles by either name, and tells why what was done failed', async () => {
    const id = await made({ vcpus: 1, memory_mb: 512, disk_mb: 1024 });
    for (const profile of ['ubuntu-24-04-optimized', 'ubuntu-24.04']) {
      const given = await ask('POST', `/vms/${id}/performance/profile`, { profile });
      assert.deepEqual([given.status, given.body.profile, given.body.pending], [200, 'ubuntu-24-04-optimized', true]);
    }
    assert.equal((await ask('POST', `/vms/${id}/performance/profile`, { profile: null })).body.profile, null);
    await refused(400, /no profile 'fast'/, await ask('POST', `/vms/${id}/performance/profile`, { profile: 'fast' }));
    const actions = (await ask('GET', `/vms/${id}/actions`)).body.actions;
    assert.deepEqual([actions.at(-1).action, actions.at(-1).failed], ['create', false]);
    await ask('POST', `/vms/${id}/stop`);
    await refused(409, /./, await ask('POST', `/vms/${id}/stop`));
  });

  it('describes itself to anybody', async () => {
    const page = await face.server.send('GET', '/api/v1/docs');
    const style = /<style>([^]*)<\/style>/.exec(page.text)?.[1] ?? '';
    const policy = page.headers['content-security-policy'] ?? '';
    assert.ok(policy.includes(hash('sha256', style, 'base64')) && policy.startsWith("default-src 'none'"));
    const { body } = await face.server.send('GET', '/api/v1/openapi.json');
    assert.deepEqual([body.openapi, body.paths['/vms/{vm_id}/migrate'].post.tags], ['3.1.0', ['Migration']]);
    const index = (await face.server.send('GET', '/api/v1')).body;
    assert.equal(index.docs, `${face.server.url}/api/v1/docs`);
  });
});
