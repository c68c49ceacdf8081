// The token of an application credential with access rules, at every built-in service: what a rule names is answered, all else refused.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { startWalkedCloud, type WalkedCloud } from '../support/walkers.ts';

let cloud: WalkedCloud;
before(async () => {
  cloud = await startWalkedCloud();
});
after(() => cloud.close());

it('are minded by every service', async () => {
  const rules = [
    { service: 'image', method: 'GET', path: '/v2/images' },
    { service: 'network', method: 'GET', path: '/v2.0/networks/*' },
    { service: 'volumev3', method: 'GET', path: '/v3/{project_id}/volumes/**' },
  ];
  const network = await cloud.ask('member', 'POST', '/network/v2.0/networks', { network: { name: 'n' } });
  const path = `/identity/v3/users/${cloud.walkers.member.userId}/application_credentials`;
  const made = await cloud.ask('member', 'POST', path, {
    application_credential: { name: 'bounded', secret: 's', access_rules: rules },
  });
  assert.equal(made.status, 201, made.text);
  const { id } = made.body.application_credential as { id: string };
  const login = await cloud.ask('none', 'POST', '/identity/v3/auth/tokens', {
    auth: { identity: { methods: ['application_credential'], application_credential: { id, secret: 's' } } },
  });
  const token = login.headers['x-subject-token'] as string;
  const status = async (method: string, at: string, body?: unknown) =>
    (await cloud.ask('none', method, at, body, { 'X-Auth-Token': token })).status;

  const project = cloud.walkers.member.projectId;
  const { id: networkId } = network.body.network as { id: string };
  for (const at of ['/image/v2/images', `/network/v2.0/networks/${networkId}`, `/volume/v3/${project}/volumes/detail`])
    assert.equal(await status('GET', at), 200, at);
  for (const [method, at] of [
    ['GET', '/image/v2/images/x'],
    ['POST', '/image/v2/images'],
    ['GET', '/network/v2.0/networks'],
    ['GET', '/network/v2.0/ports/x'],
    ['DELETE', `/network/v2.0/networks/${networkId}`],
    ['GET', `/volume/v3/${project}/snapshots`],
    // a slash in disguise, which services read differently
    ['GET', `/network/v2.0/networks/${networkId}%2Fx`],
    ['GET', `/identity/v3/users/${cloud.walkers.member.userId}`],
  ] as const)
    assert.equal(await status(method, at, method === 'POST' ? {} : undefined), 401, `${method} ${at}`);
  const seen = await cloud.ask('member', 'GET', `/network/v2.0/networks/${networkId}`);
  assert.equal(seen.status, 200);
});
