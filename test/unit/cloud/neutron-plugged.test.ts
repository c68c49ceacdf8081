import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { newUuid } from '../../../src/base/ids.ts';
import { makeNeutron } from '../../../src/cloud/neutron.ts';

describe('ports of a new server at Neutron', () => {
  it('work once they are ACTIVE; what is turned off is not waited for', async () => {
    const port = (id: string, status: string, admin_state_up = true, project_id = 'p') => ({
      ...{ id, status, admin_state_up, project_id, 'binding:host_id': 'h' },
    });
    const ports = [
      ...[port('works', 'ACTIVE'), port('is off', 'DOWN', false), port('down', 'DOWN'), port('new', 'BUILD')],
      // anybody may name the server in a port of theirs
      port('a stranger’s', 'DOWN', true, 'q'),
      { ...port('bound nowhere', 'DOWN'), 'binding:host_id': '' },
    ];
    const asked: (string | undefined)[] = [];
    const server = createServer(({ url }, response) => {
      asked.push(url);
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ ports }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const neutron = makeNeutron({ endpoint, serviceToken: async () => 'token' });
    const uuid = newUuid();
    assert.deepEqual(await neutron.unplugged?.({ uuid, projectId: 'p' }), ['down', 'new']);
    assert.deepEqual(asked, [`/v2.0/ports?device_id=${uuid}`]);
    await neutron.close();
    server.close();
  });
});

describe('what ports of Neutron are plugged into', () => {
  it('is what they say, else what is configured, and takes no checksums left to it where it cannot', async () => {
    const port = (id: string, vif_details: object, vif_type = 'ovs') => ({
      ...{ id, project_id: 'p', network_id: 'n', mac_address: 'fa:16:3e:00:00:01', status: 'ACTIVE', fixed_ips: [] },
      ...{ 'binding:host_id': 'h', 'binding:vif_type': vif_type, 'binding:vif_details': vif_details },
    });
    const known: Readonly<Record<string, object>> = {
      ports: [port('named', { bridge_name: 'br-own' }), port('bare', {}), port('other', {}, 'bridge')],
      networks: [{ id: 'n', name: 'lan', project_id: 'p', mtu: 1442 }],
    };
    const server = createServer(({ url }, response) => {
      const collection = /^\/v2\.0\/([a-z-]+)/.exec(url ?? '')?.[1] ?? '';
      const body = { [collection.replaceAll('-', '_')]: known[collection] ?? [] };
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const seen = async (offloads: boolean): Promise<Record<string, unknown>> => {
      const neutron = makeNeutron({ endpoint, serviceToken: async () => 'token', ovsBridge: 'br-int', offloads });
      const nics = await neutron.portsOf({ uuid: newUuid(), projectId: 'p' });
      await neutron.close();
      return Object.fromEntries(nics.map(({ portId, vifDetails }) => [portId, vifDetails]));
    };
    assert.deepEqual(await seen(true), {
      named: { bridge_name: 'br-own' },
      bare: { bridge_name: 'br-int' },
      other: {},
    });
    assert.deepEqual(await seen(false), {
      named: { bridge_name: 'br-own', offloads: false },
      bare: { bridge_name: 'br-int', offloads: false },
      other: {},
    });
    server.close();
  });
});
