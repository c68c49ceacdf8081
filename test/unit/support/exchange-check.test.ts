// What is held against Nova's declarations is judged: a right exchange has no problem, and each way to be wrong is seen.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Exchange } from '../../support/api.ts';
import { checkExchange } from '../../support/exchange-check.ts';

const headersOf = (minor: number): Record<string, string> => ({
  'openstack-api-version': `compute 2.${minor}`,
  'x-openstack-nova-api-version': `2.${minor}`,
  vary: 'OpenStack-API-Version, X-OpenStack-Nova-API-Version',
});

const keypair = { name: 'k', type: 'ssh', fingerprint: 'aa', public_key: 'ssh-rsa A', user_id: 'u' };

const created = (changes: Partial<Exchange> = {}): Exchange => ({
  method: 'POST',
  path: '/v2.1/os-keypairs',
  requestHeaders: { 'OpenStack-API-Version': 'compute 2.92' },
  requestBody: { keypair: { name: 'k', public_key: 'ssh-rsa A' } },
  status: 201,
  responseBody: { keypair },
  responseHeaders: headersOf(92),
  ...changes,
});

const fault = (status: number, name: string, message = 'no'): Pick<Exchange, 'status' | 'responseBody'> => ({
  status,
  responseBody: { [name]: { code: status, message } },
});

const kindsOf = (exchange: Exchange): string[] => checkExchange(exchange).problems.map(({ kind }) => kind);

describe('an exchange beside what Nova declares', () => {
  it('a right one has no problem', () => {
    assert.deepEqual(checkExchange(created()), { id: 'POST /os-keypairs', minor: 92, problems: [] });
    assert.deepEqual(kindsOf(created(fault(403, 'forbidden'))), []);
    assert.deepEqual(kindsOf(created(fault(409, 'conflictingRequest'))), []);
    assert.deepEqual(kindsOf(created({ path: '/v2.1/0123abcd/os-keypairs' })), []);
    assert.deepEqual(kindsOf(created({ path: '/v2.1/nothing', ...fault(404, 'itemNotFound') })), []);
    const unversioned = { requestHeaders: {}, requestBody: null, responseBody: {} };
    assert.equal(checkExchange(created({ method: 'GET', path: '/', ...unversioned })).id, 'GET (root) /');
  });

  const wrong: readonly (readonly [why: string, kind: string, exchange: Exchange])[] = [
    ['a status of another version', 'unexpected-status', created({ status: 200 })],
    ['an answer without what it must have', 'response-schema', created({ responseBody: { keypair: { name: 'k' } } })],
    [
      'an answer with more than it may have',
      'response-schema',
      created({ responseBody: { keypair: { ...keypair, more: 1 } } }),
    ],
    [
      'a body that should have been refused',
      'body-should-be-rejected',
      created({ requestBody: { keypair: { name: 'k' } } }),
    ],
    [
      'a query that should have been refused',
      'query-should-be-rejected',
      created({ method: 'GET', path: '/v2.1/os-keypairs?x=1', status: 200, responseBody: { keypairs: [] } }),
    ],
    [
      'a refusal of what the schema takes',
      'request-should-be-accepted',
      created(fault(400, 'badRequest', "'type' is a required property")),
    ],
    ['a failure that is not declared', 'undeclared-error', created(fault(413, 'overLimit'))],
    ['a failure of ours', 'server-error', created(fault(500, 'computeFault'))],
    ['a fault by another name', 'fault-shape', created(fault(409, 'badRequest'))],
    [
      'a fault that says more',
      'fault-shape',
      created({ status: 409, responseBody: { conflictingRequest: { code: 409 } } }),
    ],
    ['a header of another version', 'header', created({ responseHeaders: { ...headersOf(92), ...{ vary: '' } } })],
    ['a route that Nova has not', 'unknown-route', created({ path: '/v2.1/nothing' })],
    [
      'a version that is none',
      'unexpected-status',
      created({ requestHeaders: { 'OpenStack-API-Version': 'compute 2.999' } }),
    ],
    [
      'an action that is none',
      'unexpected-status',
      created({ path: '/v2.1/servers/1/action', requestBody: { fly: null }, status: 202 }),
    ],
    ['a route that was removed', 'unexpected-status', created({ path: '/v2.1/os-cells', method: 'GET', status: 200 })],
    [
      'a route at a version that has it no more',
      'unexpected-status',
      created({ path: '/v2.1/os-floating-ips', method: 'GET', status: 200 }),
    ],
  ];
  for (const [why, kind, exchange] of wrong) {
    it(`sees ${why}`, () => assert.ok(kindsOf(exchange).includes(kind), kindsOf(exchange).join()));
  }

  it('the version is that of the header that counts', () => {
    const asked = (requestHeaders: Record<string, string>) => checkExchange(created({ requestHeaders })).minor;
    assert.equal(asked({}), 1);
    assert.equal(asked({ 'X-OpenStack-Nova-API-Version': '2.5' }), 5);
    assert.equal(asked({ 'X-OpenStack-Nova-API-Version': '2.5', 'OpenStack-API-Version': 'compute 2.7' }), 7);
    assert.equal(asked({ 'OpenStack-API-Version': 'volume 3.1, compute latest' }), 104);
    assert.equal(asked({ 'OpenStack-API-Version': 'compute two' }), null);
    assert.equal(checkExchange(created({ path: '/v2/os-keypairs' })).minor, 1);
  });
});
