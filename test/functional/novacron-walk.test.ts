// Every call of NovaCron's API as nobody and as five callers: it asks the compute API with the caller's own token, and what that refuses is
// refused. Calls are read from the table that serves them.

import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { misfit } from '../../src/faces/kit/requests.ts';
import type { FaceRoute } from '../../src/faces/kit/route.ts';
import { novacronRoutes } from '../../src/faces/novacron/routes.ts';
import { fault } from '../../src/faces/kit/schemas.ts';
import { type Api, startApi } from '../support/api.ts';
import { type CallerName, callers } from '../support/callers.ts';
import { type Faced, startNovacron } from '../support/novacron.ts';
import { makeOp, testConfig } from '../support/world.ts';

const walkers: readonly CallerName[] = ['other', 'reader', 'member', 'manager', 'admin'];

/** Bodies of calls that want one. */
const bodies: Readonly<Record<string, object>> = {
  'POST /vms': { name: 'walk', image: 'walked', vcpus: 1, memory_mb: 512, disk_mb: 1024 },
  'POST /vms/{vm_id}/adjust': { vcpus: 1 },
  'POST /vms/{vm_id}/snapshots': { name: 'walk' },
  'POST /vms/{vm_id}/backups': { name: 'walk' },
  'POST /vms/{vm_id}/performance/profile': { profile: 'balanced' },
  'POST /deployments/': { name: 'walk', deployment_type: 'kvm', kvm_config: { plan: 'plan', template: 'walked' } },
  'POST /vms/{vm_id}/migrate': { options: { live_migration: true } },
};

const nameOf = ({ method, path }: FaceRoute): string => `${method} ${path}`;

describe("every call of NovaCron's API", () => {
  let api: Api;
  let face: Faced;
  let imageId: string;

  /** The image service, which lets everybody with a token see the one image that there is. */
  const images: RequestListener = (request, response) => {
    const known = Object.hasOwn(callers, String(request.headers['x-auth-token']));
    response.writeHead(known ? 200 : 401, { 'Content-Type': 'application/json' });
    const image = { id: imageId, name: 'walked', status: 'active', visibility: 'public', min_disk: 0, min_ram: 0 };
    response.end(JSON.stringify(known ? { images: [{ ...image, size: 1, disk_format: 'raw' }] } : {}));
  };

  before(async () => {
    const quota = { ...testConfig.quota, instances: -1, cores: -1, ram: -1 };
    api = await startApi({ config: { ...testConfig, quota }, hosts: [{ name: 'walk-1' }, { name: 'walk-2' }] });
    const [server] = await api.world.create({}, makeOp(callers.member));
    imageId = server?.imageRef ?? '';
    face = await startNovacron({ compute: api.handler, more: { '/image': images } });
  });
  after(async () => {
    await face?.close();
    await api?.close();
  });

  const ask = (method: string, path: string, as: CallerName | 'none', body?: object) =>
    face.server.send(
      method,
      `/api/v1${path}`,
      { ...(as === 'none' ? {} : { 'X-Auth-Token': as }), 'Content-Type': 'application/json' },
      body === undefined ? undefined : JSON.stringify(body),
    );

  const direct = async (method: string, path: string, body?: object) => {
    const answer = await api.request(method, path, { as: 'member', version: '2.84', ...(body && { body }) });
    assert.ok(answer.status < 300, answer.text);
    await api.world.settled();
    return answer.body;
  };

  /** What stands in a path, made for the member. */
  async function valuesFor(path: string): Promise<Record<string, string>> {
    const values: Record<string, string> = { node_id: 'walk-1' };
    // last of all: where any flavor has a price, none is made by size
    if (path === '/deployments/' && (await api.request('GET', '/flavors/plan')).status === 404)
      await api.world.flavor({ id: 'plan', specs: { 'price:hour': '0.1' } });
    if (!/vm_id|deployment_id|snapshot_id|backup_id|migration_id/.test(path)) return values;
    const metadata = path.includes('deployment_id') ? { 'deployment:type': 'kvm' } : {};
    const [server] = await api.world.create({ metadata }, makeOp(callers.member));
    const vm = (values['vm_id'] = values['deployment_id'] = server?.uuid ?? '');
    for (const kind of ['snapshot', 'backup'] as const) {
      if (!path.includes(`{${kind}_id}`)) continue;
      const made = await direct('POST', `/servers/${vm}/os-xloud-${kind}s`, { [kind]: { name: 'walk' } });
      values[`${kind}_id`] = made[kind].id;
    }
    if (path.includes('{migration_id}')) {
      const { status } = await api.request('POST', `/servers/${vm}/action`, { as: 'manager', body: { migrate: null } });
      assert.equal(status, 202);
      await api.world.settled();
      const { body } = await api.request('GET', `/servers/${vm}/os-xloud-migrations`, { as: 'manager' });
      values['migration_id'] = body.migrations[0].uuid;
    }
    return values;
  }

  for (const route of novacronRoutes) {
    it(nameOf(route), async () => {
      const values = await valuesFor(route.path);
      const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] as string);
      const body = bodies[nameOf(route)];
      if (route.body !== undefined) assert.equal(misfit(route.body, body), null);

      face.take();
      const nobody = await ask(route.method, path, 'none', body);
      assert.equal(nobody.status, 401);
      assert.equal(misfit(fault, nobody.body), null);
      assert.deepEqual(face.take(), [], 'nobody has anything asked');

      for (const name of walkers) {
        const { status, text, body: answer, headers } = await ask(route.method, path, name, body);
        assert.ok(status < 500 || status === 501, `${name}: ${status} ${text}`);
        const inner = face.take();
        assert.ok(inner.length > 0, `${name} is answered without the compute API: ${status} ${text}`);
        const own = headers['x-openstack-request-id'];
        for (const { token, requestId, path: asked } of inner) {
          assert.deepEqual([token, requestId], [name, own], `${asked} is asked as somebody else`);
        }
        // an SSH port that there is not is told as none
        const refused = inner.find((one) => one.status >= 400 && !one.path.endsWith('/os-xloud-ssh-port'));
        if (refused !== undefined) assert.equal(status, refused.status, `${name}: ${JSON.stringify(refused)} ${text}`);
        if (status >= 400) {
          assert.equal(misfit(fault, answer), null, text);
          assert.deepEqual([answer.error.code, answer.error.request_id], [status, own]);
        } else {
          assert.equal(status, route.status);
          assert.equal(misfit(route.answer, answer), null, text);
        }
        if (name === 'other' && Object.hasOwn(values, 'vm_id')) {
          assert.ok([403, 404].includes(status), `${name} reaches what is not his: ${status} ${text}`);
        }
        if (name === 'reader' && route.method !== 'GET')
          assert.equal(status, 403, `${name} changes something: ${text}`);
        await api.world.settled();
      }
    });
  }

  it('is refused before anything is asked where a path or a body is none', async () => {
    face.take();
    const cases: readonly (readonly [string, string, object | undefined, number])[] = [
      ['GET', '/vms/..', undefined, 404],
      ['GET', '/vms/%2e%2e', undefined, 404],
      ['DELETE', '/vms/a%2F..%2F..', undefined, 404],
      ['GET', '/nodes/..%2f..', undefined, 404],
      ['POST', '/vms', { name: 'a', image: 'b', size: 1 }, 400],
      ['POST', '/vms', { name: ' ', image: 'b' }, 400],
      ['POST', '/vms', undefined, 400],
      ['POST', '/vms/00000000-0000-0000-0000-000000000000/start', { now: true }, 400],
      ['POST', '/vms', { name: 'a', image: 'b', cloud_init: { template_vars: { port: 80 } } }, 400],
      ['GET', '/nothing', undefined, 404],
      ['PUT', '/vms', {}, 404],
    ];
    for (const [method, path, body, status] of cases) {
      const answer = await ask(method, path, 'member', body);
      assert.deepEqual([answer.status, misfit(fault, answer.body)], [status, null], `${method} ${path} ${answer.text}`);
    }
    const form = await face.server.send(
      'POST',
      '/api/v1/vms',
      { 'X-Auth-Token': 'member', 'Content-Type': 'text/plain' },
      JSON.stringify({ name: 'a', image: 'b' }),
    );
    assert.equal(form.status, 415);
    assert.deepEqual(face.take(), []);
  });
});
