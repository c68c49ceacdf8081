import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Fault } from '../../../src/base/errors.ts';
import { newUuid } from '../../../src/base/ids.ts';
import { makeNeutron } from '../../../src/cloud/neutron.ts';

const owned = { uuid: newUuid(), projectId: 'p' };

describe('ports of a new server at Neutron', () => {
  let server: Server;
  let endpoint: string;
  /** What is answered, one after the other, the last for ever. */
  let answers: readonly (readonly object[])[] = [];
  let asked = 0;
  before(async () => {
    server = createServer((_request, response) => {
      const ports = answers[Math.min(asked, answers.length - 1)];
      asked += 1;
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ ports }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  const wait = async (plugTimeoutMs: number, ...given: (readonly object[])[]): Promise<void> => {
    [answers, asked] = [given, 0];
    const neutron = makeNeutron({ endpoint, serviceToken: async () => 'token', plugTimeoutMs });
    try {
      await neutron.awaitPlugged?.(owned);
    } finally {
      await neutron.close();
    }
  };
  const port = (status: string, more: object = {}) => ({ id: 'the-port', status, admin_state_up: true, ...more });

  it('are waited for until all of them work', async () => {
    await wait(60_000, [port('DOWN'), port('ACTIVE')], [port('ACTIVE'), port('ACTIVE')]);
    assert.equal(asked, 2);
  });

  it('that are turned off, or are none, are not waited for', async () => {
    await wait(60_000, [port('DOWN', { admin_state_up: false })]);
    await wait(60_000, []);
    assert.equal(asked, 1);
  });

  it('that never work end in the words of Nova', async () => {
    await assert.rejects(wait(1, [port('DOWN')]), (fault: Fault) => {
      assert.equal(fault.code, 'PortNotPlugged');
      assert.match(fault.message, /Failed to allocate the network\(s\), not rescheduling/);
      return /the-port is DOWN/.test(String(fault.detail));
    });
  });

  it('are not waited for where that is turned off', async () => {
    await wait(0, [port('DOWN')]);
    assert.equal(asked, 0);
  });
});
