// Neutron's metadata agents: what they pass on is answered for the server that they name, if they have the secret.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { makeMetadataAnswers } from '../../src/api/metadata/handler.ts';
import { answerProxied } from '../../src/api/metadata/proxied.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newUuid } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { guestMetadata } from '../../src/ops/index.ts';
import { callers, type Cloud, startCloud } from '../support/cloud.ts';
import { addServer } from '../support/metadata.ts';

const SECRET = 'what Neutron knows';

describe("Neutron's metadata agents", () => {
  let cloud: Cloud;
  let server: Server;
  let url: string;
  const uuid = newUuid();
  const projectId = callers.demo.projectId ?? '';
  const counted: string[] = [];

  before(async () => {
    cloud = await startCloud({});
    const { database } = cloud;
    const owner = { projectId, userId: callers.demo.userId };
    await addServer(database, [], { uuid, ...owner, host: 'host-1' });
    const answers = makeMetadataAnswers({
      source: guestMetadata({ database, clock: systemClock }),
      count: async (guest) => {
        counted.push(guest);
      },
      ...{ clock: systemClock, log: silentLog },
    });
    server = createServer(answerProxied({ answers, secret: SECRET, observer: { answered() {} } }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    server.close();
    await cloud.close();
  });

  const signed = (id: string, secret = SECRET) => createHmac('sha256', secret).update(id).digest('hex');
  const ask = async (headers: Readonly<Record<string, string>>, path = '/openstack/latest/meta_data.json') => {
    const answer = await fetch(`${url}${path}`, { headers });
    return { status: answer.status, text: await answer.text() };
  };
  const named = (id = uuid, tenant = projectId, signature = signed(id)) => ({
    ...{ 'X-Instance-ID': id, 'X-Tenant-ID': tenant, 'X-Instance-ID-Signature': signature },
    // as a guest's address of IPv6 is written: whose it is stands above
    'X-Forwarded-For': 'fe80::f816:3eff:fe00:1%eth9',
  });

  it('are told what a server is that they name', async () => {
    const { status, text } = await ask(named());
    assert.equal(status, 200);
    assert.equal(JSON.parse(text).uuid, uuid);
    assert.equal(JSON.parse(text).project_id, projectId);
    assert.match((await ask(named(), '/latest/meta-data/')).text, /instance-id/);
    // each guest has an allowance of its own, though one agent asks for many
    assert.deepEqual(counted, [uuid, uuid]);
  });

  for (const [what, headers, status] of [
    ['without a name', () => ({}), 400],
    ['without a project', () => ({ 'X-Instance-ID': uuid, 'X-Instance-ID-Signature': signed(uuid) }), 400],
    ['without a signature', () => ({ 'X-Instance-ID': uuid, 'X-Tenant-ID': projectId }), 403],
    ['by another secret', () => named(uuid, projectId, signed(uuid, 'another')), 403],
    ["by another server's signature", () => named(uuid, projectId, signed(newUuid())), 403],
    ['of another project', () => named(uuid, newUuid().replaceAll('-', '')), 404],
    ['that there is not', () => named(newUuid()), 404],
    ['that is no id', () => named("' or 1=1"), 404],
  ] as const) {
    it(`are told nothing of a server ${what}`, async () => {
      const answer = await ask(headers() as Record<string, string>);
      assert.equal(answer.status, status);
      assert.doesNotMatch(answer.text, /uuid/);
    });
  }
});
