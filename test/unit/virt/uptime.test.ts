import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostUptime, uptimeText, usersIn } from '../../../src/virt/uptime.ts';

describe('the uptime of a host', () => {
  const now = new Date(2026, 0, 1, 9, 5, 7);

  it('prints an uptime as uptime does', () => {
    const text = (seconds: number, users: number) => uptimeText(now, seconds, users, [0.5, 1, 2]);
    assert.equal(text(3_725, 0), ' 09:05:07 up  1:02,  0 users,  load average: 0.50, 1.00, 2.00');
    assert.equal(text(90_061, 1), ' 09:05:07 up 1 day,  1:01,  1 user,  load average: 0.50, 1.00, 2.00');
    assert.equal(text(172_860, 2), ' 09:05:07 up 2 days, 1 min,  2 users,  load average: 0.50, 1.00, 2.00');
  });

  it('counts who is logged in', () => {
    const records = Buffer.alloc(3 * 384);
    records.writeInt16LE(2, 0);
    records.writeInt16LE(7, 384);
    records.writeInt16LE(7, 768);
    assert.equal(usersIn(records), 2);
    assert.equal(usersIn(records.subarray(0, 800)), 1, 'a record that is half written does not count');
  });

  it("is this machine's, and the openstack client can take it apart", () => {
    assert.match(hostUptime(), /^\s*(.+)\sup\s+(.+),\s+(.+)\susers?,\s+load average:\s(.+)$/);
  });
});
