import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostUptime, uptimeText } from '../../../src/virt/uptime.ts';

describe('the uptime of a host', () => {
  it('prints an uptime as uptime does', () => {
    assert.equal(uptimeText(3_725, [0.5, 1, 2]), 'up 1:02, load average: 0.50, 1.00, 2.00');
    assert.equal(uptimeText(90_061, [0, 0, 0]), 'up 1 day, 1:01, load average: 0.00, 0.00, 0.00');
  });

  it("is this machine's", () => {
    assert.match(hostUptime(), /^up .*\d+:\d\d, load average: \d/);
  });
});
