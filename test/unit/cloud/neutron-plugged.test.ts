import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { newUuid } from '../../../src/base/ids.ts';
import { makeNeutron } from '../../../src/cloud/neutron.ts';

describe('ports of a new server at Neutron', () => {
  it('work once they are ACTIVE; what is turned off is not waited for', async () => {
    const port = (id: string, status: string, admin_state_up = true) => ({ id, status, admin_state_up });
    const ports = [port('works', 'ACTIVE'), port('is off', 'DOWN', false), port('down', 'DOWN'), port('new', 'BUILD')];
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
