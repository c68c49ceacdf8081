// What a JSON column holds is read back as it was written, and what older programs wrote as they would write it today.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildShape, flavorShape, imageShape, nicShape, unversioned, versioned } from '../../../src/db/shapes.ts';
import { aFlavor } from '../../support/samples.ts';

describe('the shapes of JSON columns', () => {
  const nic = {
    ...{ mac: 'fa:16:3e:00:00:01', fixedIps: [], tag: null, vifType: 'bridge', vifDetails: {} },
    ...{ securityGroups: ['default'], floatingIps: [] },
  };

  it('read back what was written, and say of which version it is', () => {
    const text = nicShape.write(nic);
    assert.equal((JSON.parse(text) as { $v: number }).$v, nicShape.steps.length);
    assert.deepEqual(nicShape.read(text), nic);
    // MySQL's driver may give an object
    assert.deepEqual(nicShape.read(JSON.parse(text)), nic);
    assert.deepEqual(flavorShape.read(flavorShape.write(aFlavor())), aFlavor());
    assert.equal(imageShape.read('null'), null);
  });

  it('stand as members of others too', () => {
    const { floatingIps: _later, ...old } = nic;
    const written = JSON.parse(JSON.stringify({ nic: versioned(nicShape, nic) })) as { nic: object };
    assert.deepEqual(unversioned(nicShape, written.nic), nic);
    assert.deepEqual(unversioned(nicShape, old), nic);
  });

  it('fill in what older programs did not know, and nothing else', () => {
    const { floatingIps: _later, ...old } = nic;
    assert.deepEqual(nicShape.read(JSON.stringify(old)), nic);
    const asked = { files: [{ path: '/a', contents: '' }], roles: ['member'] };
    assert.deepEqual(buildShape.read(JSON.stringify(asked)), { userName: '', ...asked });
  });
});
