import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { neutronFloatingIps } from '../../../src/cloud/neutron-groups.ts';
import { neutronHttp } from '../../../src/cloud/neutron-http.ts';
import { callers } from '../../support/callers.ts';

interface Asked {
  readonly as: string | null;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** Neutron's floating addresses over answers that are given beforehand; returns what was asked. */
function over(...answers: readonly { readonly status: number; readonly body?: unknown }[]) {
  const asked: Asked[] = [];
  const left = [...answers];
  const http = neutronHttp({
    async ask(as, method, path, body) {
      asked.push({ as: as?.userName ?? null, method, path, body });
      const { status, body: answer = null } = left.shift() ?? { status: 500 };
      return { status, body: answer, message: 'why', type: 'PortInUse' };
    },
  });
  return { api: neutronFloatingIps(http), asked };
}

const wire = {
  id: 'f',
  floating_ip_address: '172.24.4.1',
  floating_network_id: 'n',
  port_id: 'p',
  fixed_ip_address: '10.0.0.5',
  tenant_id: 't',
};
const facts = { id: 'f', address: '172.24.4.1', networkId: 'n', portId: 'p', fixedIp: '10.0.0.5' };

describe("Neutron's floating addresses", () => {
  it('are listed by project, by address or by port', async () => {
    const many = { status: 200, body: { floatingips: [wire] } };
    const { api, asked } = over(many, many, many);
    assert.deepEqual(await api.floatingIps(callers.member, { projectId: 't' }), [facts]);
    await api.floatingIps(callers.member, { address: '172.24.4.1' });
    await api.floatingIps(null, { portIds: ['p', 'q'] });
    assert.deepEqual(
      asked.map(({ as, path }) => [as, path]),
      [
        ['member', '/v2.0/floatingips?tenant_id=t'],
        ['member', '/v2.0/floatingips?floating_ip_address=172.24.4.1'],
        [null, '/v2.0/floatingips?port_id=p&port_id=q'],
      ],
    );
  });

  it('are none where Neutron routes nothing', async () => {
    const { api } = over({ status: 404 });
    assert.deepEqual(await api.floatingIps(null, { portIds: ['p'] }), []);
  });

  it('are shown, made, pointed and deleted', async () => {
    const one = (status: number) => ({ status, body: { floatingip: wire } });
    const { api, asked } = over(
      one(200),
      { status: 404 },
      one(201),
      one(200),
      one(200),
      { status: 204 },
      { status: 404 },
    );
    assert.deepEqual(await api.floatingIp(callers.member, 'f'), facts);
    assert.equal(await api.floatingIp(callers.member, 'f'), null);
    assert.deepEqual(await api.createFloatingIp(callers.member, 'n'), facts);
    await api.pointFloatingIp(callers.member, 'f', { portId: 'p', fixedIp: '10.0.0.5' });
    await api.pointFloatingIp(callers.member, 'f', null);
    assert.deepEqual(
      [await api.deleteFloatingIp(callers.member, 'f'), await api.deleteFloatingIp(callers.member, 'f')],
      [true, false],
    );
    assert.deepEqual(asked.map(({ method, body }) => [method, body]).slice(2, 5), [
      ['POST', { floatingip: { floating_network_id: 'n' } }],
      ['PUT', { floatingip: { port_id: 'p', fixed_ip_address: '10.0.0.5' } }],
      ['PUT', { floatingip: { port_id: null } }],
    ]);
  });

  it('are refused with the reason and its kind', async () => {
    const { api } = over({ status: 409 }, { status: 403 }, { status: 400 });
    for (const kind of ['conflict', 'forbidden', 'badRequest']) {
      await assert.rejects(api.createFloatingIp(callers.member, 'n'), { kind, code: 'PortInUse', message: 'why' });
    }
  });
});
