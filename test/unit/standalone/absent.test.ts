// What the built-in services have not is told apart from an address that nobody knows.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { absentFault } from '../../../src/standalone/absent.ts';

it('what is not built is refused with a reason, and nothing else is', () => {
  for (const [service, path] of [
    ['network', '/v2.0/trunks'],
    ['network', '/v2.0/trunks/x/add_subports'],
    ['network', '/v2.0/fwaas/firewall_groups'],
    ['network', '/v2.0/qos/policies/x/dscp_marking_rules'],
    ['image', '/v2/tasks'],
    ['image', '/v2/metadefs/namespaces/x/objects/y'],
    ['image', '/v2/images/x/import'],
    ['volume', '/v3/backups/detail'],
    ['volume', '/v3/default-types/x'],
  ] as const) {
    const fault = absentFault(service, path);
    assert.equal(fault?.kind, 'notImplemented', path);
    assert.match(fault.message, new RegExp(`^The built-in ${service} service .+\\.$`));
  }
  for (const [service, path] of [
    ['network', '/v2.0/trunksx'],
    ['network', '/v2.0/networks/x'],
    ['network', '/v2.0'],
    ['image', '/v2/images/x'],
    ['image', '/v2/nothing'],
    ['volume', '/v3/volumes'],
    ['volume', '/v3/groups/x'],
  ] as const)
    assert.equal(absentFault(service, path), null, path);
});
