// A project that asks too much is told when to come back, by every service alike; nobody else notices.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { makeRequestRates } from '../../src/main/request-rates.ts';
import { callers } from '../support/callers.ts';
import type { Answer } from '../support/http.ts';
import { startWalkedCloud, type WalkedCloud, type WalkerName } from '../support/walkers.ts';

const rates = (all: number, writes: number) =>
  makeRequestRates({ project_requests_per_minute: all, project_writes_per_minute: writes });

describe('requests of a project', () => {
  let cloud: WalkedCloud;
  before(async () => {
    cloud = await startWalkedCloud('sqlite', { count: rates(6, 2) });
  });
  after(() => cloud.close());

  const read = (who: WalkerName, service = '/network/v2.0/networks') => cloud.ask(who, 'GET', service);
  const write = (who: WalkerName) => cloud.ask(who, 'POST', '/network/v2.0/networks', { network: { name: 'n' } });
  const isRefused = ({ status, headers }: Answer): void => {
    assert.equal(status, 429);
    const seconds = Number(headers['retry-after']);
    assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `${seconds} s`);
  };

  it('are as many as are allowed, at all services together, whoever of the project asks', async () => {
    assert.equal((await write('member')).status, 201);
    assert.equal((await write('manager')).status, 201);
    const third = await write('member');
    isRefused(third);
    assert.match(third.text, /This project may make 2 requests that change something a minute/);
    // those two are counted, the one that was refused is not
    for (const service of ['/network/v2.0/networks', '/image/v2/images', '/network/v2.0/subnets', '/image/v2/images'])
      assert.equal((await read('reader', service)).status, 200);
    for (const service of ['/network/v2.0/networks', '/image/v2/images']) {
      const refused = await read('member', service);
      isRefused(refused);
      assert.match(refused.text, /This project may make 6 requests a minute/);
    }
  });

  it('that are refused as one of too many leave a write its own room', async () => {
    const count = rates(1, 1);
    assert.ok(count !== null);
    const caller = { ...callers.member, projectId: 'apart' };
    await count(caller, false);
    const kept = [];
    for (let n = 0; n < 3; n += 1) kept.push(await count(caller, true).catch((error: Error) => error.message));
    for (const message of kept) assert.match(String(message), /may make 1 requests a minute/);
  });

  it('do not count for another project', async () => {
    for (let n = 0; n < 6; n += 1) assert.equal((await read('other')).status, 200);
    isRefused(await read('other'));
  });

  it('of administrators and of services are not counted', async () => {
    for (const who of ['admin', 'service'] as const)
      for (let n = 0; n < 10; n += 1) assert.equal((await read(who)).status, 200);
  });

  it('are not counted where the token is no good', async () => {
    for (let n = 0; n < 10; n += 1) assert.equal((await read('none')).status, 401);
  });

  it('are any number unless the configuration says otherwise', () => assert.equal(rates(0, 0), null));
});
