import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '../../../../../src/base/limits.ts';
import { cutOff, listen } from '../../../../../src/virt/libvirt/move/silence.ts';
import * as vir from '../../../../../src/virt/libvirt/rpc/constants.ts';

const params = (memory: number, left: number, disk = 0, diskLeft = 0) => ({
  ...{ memory_processed: memory, memory_remaining: left, disk_processed: disk, disk_remaining: diskLeft },
});
const QUIET = limits.liveSilenceMs;
const domain = { name: 'd', uuid: '11111111-2222-4333-8444-555566667777', id: 1 };

describe('a guest of which nothing goes out', () => {
  it('is one whose wire is cut, once that lasts, and again after as long', () => {
    const { sent, silent } = listen(undefined, params(5, 9), 1_000);
    assert.ok(!silent);
    assert.ok(!listen(sent, params(5, 9), 1_000 + QUIET - 1).silent);
    const then = listen(sent, params(5, 9), 1_000 + QUIET);
    assert.ok(then.silent);
    assert.ok(!listen(then.sent, params(5, 9), 1_000 + QUIET + 250).silent);
    assert.ok(listen(then.sent, params(5, 9), 1_000 + 2 * QUIET).silent);
  });

  it('is none as long as memory or a disk goes, however slowly', () => {
    let { sent } = listen(undefined, params(5, 9, 1, 1), 0);
    for (const [time, now] of [params(6, 9, 1, 1), params(6, 9, 2, 1), params(7, 9, 2, 1)].entries()) {
      const next = listen(sent, now, (time + 1) * (QUIET - 1));
      assert.ok(!next.silent);
      ({ sent } = next);
    }
  });

  it('is none before anything goes, nor when all has gone', () => {
    for (const still of [params(0, 0), params(9, 0, 3, 0)]) {
      const { sent } = listen(undefined, still, 0);
      assert.ok(!listen(sent, still, 10 * QUIET).silent);
    }
  });

  it('is not judged while libvirt cannot say, and not forgotten', () => {
    const { sent } = listen(undefined, params(5, 9), 0);
    const meanwhile = listen(sent, {}, 10 * QUIET);
    assert.deepEqual(meanwhile, { sent, silent: false });
    assert.ok(listen(meanwhile.sent, params(5, 9), QUIET).silent);
  });
});

describe('a guest that is cut off', () => {
  const qemu = (answer: unknown, state: number = vir.VIR_DOMAIN_RUNNING, reason = 0) => {
    const asked: { execute: string; arguments?: unknown }[] = [];
    return {
      asked,
      domainGetState: () => Promise.resolve({ state, reason }),
      domainQemuMonitorCommand: (_domain: unknown, command: string) => {
        const one = JSON.parse(command) as (typeof asked)[number];
        asked.push(one);
        return Promise.resolve(JSON.stringify(one.execute === 'yank' ? { return: {} } : answer));
      },
    };
  };
  const memory = { type: 'migration' };
  const disk = { type: 'block-node', 'node-name': 'migration-vda-storage' };
  const others = [
    { type: 'chardev', id: 'charmonitor' },
    { type: 'block-node', 'node-name': 'libvirt-1-storage' },
  ];

  it('loses the connections of its move, and no other', async () => {
    const calls = qemu({ return: [...others, disk, memory] });
    assert.equal(await cutOff(calls, domain), true);
    assert.deepEqual(calls.asked[1], { execute: 'yank', arguments: { instances: [disk, memory] } });
  });

  it('is left alone where there is nothing to cut, or QEMU cannot', async () => {
    for (const answer of [{ return: others }, { error: { class: 'CommandNotFound', desc: 'no query-yank' } }]) {
      const calls = qemu(answer);
      assert.equal(await cutOff(calls, domain), false);
      assert.equal(calls.asked.length, 1);
    }
  });

  it('is left alone where it runs on the other host before its memory is there', async () => {
    const calls = qemu({ return: [memory] }, vir.VIR_DOMAIN_PAUSED, vir.VIR_DOMAIN_PAUSED_POSTCOPY);
    assert.equal(await cutOff(calls, domain), false);
    assert.deepEqual(calls.asked, []);
  });
});
