import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { endpointIn } from '../../../src/cloud/catalog.ts';

const endpoint = (which: string, region: string, url: unknown) => ({ interface: which, region_id: region, url });
const answer = {
  catalog: [
    { types: ['image'], endpoints: 'none' },
    null,
    {
      type: 'image',
      endpoints: [
        endpoint('public', 'one', 'https://images.one/glance/v2/'),
        endpoint('internal', 'two', 'http://10.0.0.2:9292'),
        endpoint('admin', 'two', 'no address'),
      ],
    },
  ],
};

describe("Keystone's catalog", () => {
  for (const [interfaces, region, found] of [
    [['internal', 'public'], '', 'http://10.0.0.2:9292'],
    [['internal', 'public'], 'one', 'https://images.one/glance'],
    [['public'], 'two', null],
    [['admin'], 'two', null],
  ] as const) {
    it(`has ${found} as ${interfaces.join(', ')} of ${region === '' ? 'any region' : region}`, () => {
      assert.equal(endpointIn(answer, { types: ['image'], interfaces, region }), found);
    });
  }

  it('may be no catalog at all', () => {
    for (const odd of [null, 'x', {}, { catalog: {} }, { catalog: [{ type: 'image' }] }])
      assert.equal(endpointIn(odd, { types: ['image'], interfaces: ['public'], region: '' }), null);
  });
});
