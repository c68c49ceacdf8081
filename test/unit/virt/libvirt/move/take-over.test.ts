import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { takeDisksOver } from '../../../../../src/virt/libvirt/move/take-over.ts';
import * as vir from '../../../../../src/virt/libvirt/rpc/constants.ts';

const domain = { name: 'd', uuid: '11111111-2222-4333-8444-555566667777', id: 1 };
const drives = [
  { inserted: { 'node-name': 'root' } },
  { inserted: { 'node-name': 'taken', active: true } },
  { inserted: { 'node-name': 'drive', active: false } },
  {},
];

/** A guest whose QEMU answers so to whoever would give a disk to others. */
const guest = (answer: object, state: number = vir.VIR_DOMAIN_PAUSED, reason = 0) => {
  const asked: { execute: string; arguments: Record<string, unknown> }[] = [];
  return {
    asked,
    domainGetState: () => Promise.resolve({ state, reason }),
    domainQemuMonitorCommand: (_domain: unknown, command: string) => {
      const one = JSON.parse(command) as (typeof asked)[number];
      asked.push(one);
      return Promise.resolve(JSON.stringify(one.execute === 'query-block' ? { return: drives } : answer));
    },
  };
};

describe('the disks of a guest that came as it stands still', () => {
  it('are taken over, each that is not yet, and none is given to anybody', async () => {
    const refuses = guest({ error: { class: 'GenericError', desc: 'NBD server not running' } });
    await takeDisksOver(refuses, domain);
    const [, ...asked] = refuses.asked;
    assert.deepEqual(
      asked.map((one) => [one.execute, one.arguments['node-name'], one.arguments['writable']]),
      [
        ['block-export-add', 'root', false],
        ['block-export-add', 'drive', false],
      ],
    );
  });

  it('are taken back at once where QEMU gave them after all', async () => {
    const gives = guest({ return: {} });
    await takeDisksOver(gives, domain);
    const once = ['block-export-add', 'block-export-del'];
    assert.deepEqual(
      gives.asked.map(({ execute }) => execute),
      ['query-block', ...once, ...once],
    );
    const [, given, taken] = gives.asked;
    assert.equal(taken?.arguments['id'], given?.arguments['id']);
  });

  it('are left alone where it runs, or runs here and some of its memory is elsewhere', async () => {
    for (const other of [
      guest({}, vir.VIR_DOMAIN_RUNNING),
      guest({}, vir.VIR_DOMAIN_PAUSED, vir.VIR_DOMAIN_PAUSED_POSTCOPY),
    ]) {
      await takeDisksOver(other, domain);
      assert.deepEqual(other.asked, []);
    }
  });
});
