import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startNovacron } from '../../support/novacron.ts';

const ID = '94a75bd9-7dbb-4188-9e79-d4027cf296ce';

it('a deployment that is made is told with its password, also where its port cannot be had', async () => {
  const server = { id: ID, name: 'a', status: 'BUILD', metadata: {}, addresses: {}, created: '2026-01-01T00:00:00Z' };
  const bodies: Readonly<Record<string, object>> = {
    'GET /images': { images: [{ id: ID, xloud_os_template: 'jammy', name: 'jammy' }] },
    'GET /os-xloud-plans': { plans: [{ id: 'p', name: 'micro' }] },
    'POST /servers': { server: { id: ID } },
    [`GET /servers/${ID}`]: { server },
  };
  const asked: string[] = [];
  const face = await startNovacron({
    compute: (request, response) => {
      const call = `${request.method} ${(request.url ?? '').replace(/^\/v2(\.1)?|\?.*/g, '')}`;
      asked.push(call);
      const body = bodies[call];
      response.writeHead(body === undefined ? 500 : 200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(body ?? { computeFault: { code: 500, message: 'the database is away' } }));
    },
    more: {
      '/image': (_request, response) => {
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(bodies['GET /images']));
      },
    },
  });
  try {
    const wish = { name: 'a', deployment_type: 'kvm', kvm_config: { plan: 'micro', template: 'jammy' } };
    const headers = { 'X-Auth-Token': 't', 'Content-Type': 'application/json' };
    const { status, body } = await face.server.send('POST', '/api/v1/deployments/', headers, JSON.stringify(wish));
    assert.equal(status, 201, JSON.stringify([body, asked]));
    assert.ok(asked.includes(`PUT /servers/${ID}/os-xloud-ssh-port`), 'it was asked for');
    assert.match(body.root_password, /^\w{20}$/);
  } finally {
    await face.close();
  }
});
