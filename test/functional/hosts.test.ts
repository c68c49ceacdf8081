import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RequestOptions } from '../support/api.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import { adminOp } from '../support/world.ts';

for (const engine of engines) {
  describe(`hosts on ${engine}`, () => {
    let api: Servers;
    before(async () => {
      const inventory = { vcpus: 16, memoryMb: 8_192, diskGb: 100 };
      api = await startServers({ engine, hosts: [{ name: 'alpha', inventory }, { name: 'beta' }] });
      const now = Date.now();
      const row = { zone: 'internal', created_at: now, last_seen_at: now, host: 'control' };
      const other = (binary: string, uuid: string) =>
        api.world.database.write('services').insert({ ...row, binary, uuid });
      await other('nova-scheduler', '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111');
      await other('nova-osapi_compute', '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec112');
      const { id } = await api.world.ops.createAggregate(adminOp(), { name: 'east', zone: 'east' });
      await api.world.ops.addHostToAggregate(adminOp(), id, 'beta');
    });
    after(() => api.close());

    const get = (path = '', options: RequestOptions = {}) =>
      api.request('GET', `/os-hosts${path}`, { version: '2.42', ...options });
    const names = async (query: string) =>
      ((await get(query)).body.hosts as { host_name: string }[]).map(({ host_name }) => host_name);

    it('are listed with their services and zones', async () => {
      assert.deepEqual((await get()).body, {
        hosts: [
          { host_name: 'alpha', service: 'compute', zone: 'nova' },
          { host_name: 'beta', service: 'compute', zone: 'east' },
          { host_name: 'control', service: 'scheduler', zone: 'internal' },
        ],
      });
      assert.deepEqual(await names('?zone=east&x=1'), ['beta']);
      assert.deepEqual(await names('?zone='), ['alpha', 'beta', 'control']);
      await api.world.ops.setServiceStatus(adminOp(), { host: 'beta', binary: 'nova-compute' }, { disabled: true });
      assert.deepEqual(await names(''), ['alpha', 'control']);
    });

    it('show what they have, what is claimed, and what each project may have', async () => {
      const on = { availability_zone: 'nova:alpha' };
      await api.create({ ...on, flavorRef: ELASTIC }, { as: 'admin' });
      await api.create({ flavorRef: PLAIN });
      await api.create({ flavorRef: ELASTIC });
      const { status, body } = await get('/alpha');
      assert.equal(status, 200);
      const row = (project: string, cpu: number, memory_mb: number, disk_gb: number) => ({
        resource: { host: 'alpha', project, cpu, memory_mb, disk_gb },
      });
      assert.deepEqual(body.host, [
        row('(total)', 16, 8_192, 100),
        row('(used_now)', 3, 1_024, 3),
        row('(used_max)', 9, 8_704, 3),
        row(callers.member.projectId as string, 5, 4_608, 2),
        row(callers.admin.projectId as string, 4, 4_096, 1),
      ]);
      const empty = (await get('/beta')).body.host as object[];
      assert.equal(empty.length, 3);
    });

    it('that are not there are not found; a control host has no hypervisor', async () => {
      for (const name of ['nobody', 'control']) {
        for (const [method, path, body] of [
          ['GET', '', undefined],
          ['PUT', '', { status: 'enable' }],
          ['GET', '/startup', undefined],
          ['GET', '/shutdown', undefined],
          ['GET', '/reboot', undefined],
        ] as const) {
          const answer = await api.request(method, `/os-hosts/${name}${path}`, { body, version: '2.42' });
          assert.equal(answer.status, 404, `${method} ${path}`);
          assert.equal(answer.body.itemNotFound.message, `Host '${name}' is not mapped to any cell`);
        }
      }
    });

    it('cannot be switched by any hypervisor here', async () => {
      const put = (body: object) => api.request('PUT', '/os-hosts/alpha', { body });
      const answers = [
        await put({ status: 'DISABLE' }),
        await put({ maintenance_mode: 'enable' }),
        await get('/alpha/reboot'),
        await get('/alpha/startup'),
        await get('/alpha/shutdown'),
      ];
      for (const { status, body } of answers) {
        assert.equal(status, 501);
        assert.equal(body.notImplemented.message, 'The requested functionality is not supported.');
      }
      for (const bad of [{}, { status: 'on' }, { status: 'enable', x: 1 }]) assert.equal((await put(bad)).status, 400);
      assert.ok((await names('')).includes('alpha'));
    });

    it('are for administrators, and end with 2.42', async () => {
      assert.equal((await get('', { as: 'member' })).status, 403);
      for (const path of ['', '/alpha', '/alpha/reboot'])
        assert.equal((await get(path, { version: '2.43' })).status, 404);
    });
  });
}
