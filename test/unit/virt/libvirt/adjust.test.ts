import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../../src/base/clock.ts';
import { silentLog } from '../../../../src/base/log.ts';
import { adjustGuest } from '../../../../src/virt/libvirt/adjust.ts';
import { makeAgent } from '../../../../src/virt/libvirt/agent.ts';
import { libvirtFault, virError } from '../../../../src/virt/libvirt/errors.ts';
import { makeUntil } from '../../../../src/virt/libvirt/events.ts';
import * as vir from '../../../../src/virt/libvirt/rpc/constants.ts';
import type { LibvirtCalls } from '../../../../src/virt/libvirt/rpc/procedures.ts';

const domain = { name: 'one', uuid: '00000000-0000-0000-0000-000000000001', id: 1 };
const MIB_KIB = 1024;

function trouble(code: number, message = 'no') {
  const error = { code, domain: 10, message, level: 2, str1: null, str2: null, str3: null, int1: 0, int2: 0 };
  return libvirtFault('test', error);
}

const deviceXml = (currentMb: number): string =>
  "<domain><memory unit='KiB'>1048576</memory><devices><memory model='virtio-mem'><target><size unit='KiB'>786432</size>" +
  `<node>0</node><block unit='KiB'>2048</block><requested unit='KiB'>0</requested><current unit='KiB'>${currentMb * MIB_KIB}` +
  "</current></target><alias name='virtiomem0'/></memory></devices></domain>";

/** A domain of 4 vCPUs and 1024 MiB as libvirt shows it, with a guest that does as the test says. */
function simulated(traits: {
  readonly plugged?: number;
  readonly agent?: boolean;
  /** What an unplug comes to: at once; later, after error 68; never, after it; refused by the guest. */
  readonly unplug?: 'works' | 'late' | 'never' | 'refused';
  readonly plugFails?: boolean;
  /** Memory goes no lower than this, in MiB; null: it does not move at all. */
  readonly floorMb?: number | null;
  /** Memory is 256 MiB and a virtio-mem device of 768. */
  readonly virtioMem?: boolean;
  /** MiB that the guest says it could spare; absent: it says nothing. */
  readonly usableMb?: number;
  /** How often it says less before it says that: its word is old. */
  readonly staleAnswers?: number;
  /** New vCPUs are left offline by the guest. */
  readonly lazy?: boolean;
  readonly off?: boolean;
}) {
  const plugged = traits.plugged ?? 1;
  const state = {
    plugged,
    online: plugged,
    actualMb: 512,
    config: { vcpus: 0, memoryMb: 0 },
    /** MiB of the device that the next start asks for. */
    configRequestedMb: null as number | null,
    steps: [] as string[],
  };
  const setVcpus = async (count: number): Promise<void> => {
    state.steps.push(`vcpus ${count}`);
    if (count > state.plugged) {
      if (traits.plugFails) throw trouble(virError.VIR_ERR_INTERNAL_ERROR, 'no room for it');
      if (!traits.lazy) state.online += count - state.plugged;
      state.plugged = count;
      return;
    }
    const eject = () => {
      state.plugged = count;
      state.online = Math.min(state.online, count);
    };
    if (traits.unplug === 'refused') throw trouble(virError.VIR_ERR_OPERATION_FAILED, 'the guest refused');
    if (traits.unplug === 'late') setTimeout(eject, 30);
    if (traits.unplug === 'late' || traits.unplug === 'never') throw trouble(virError.VIR_ERR_OPERATION_TIMEOUT);
    eject();
  };
  let stale = traits.staleAnswers ?? 0;
  const spare = (usableMb: number) => {
    const old = stale > 0;
    stale -= 1;
    return { usableKib: (old ? 30 : usableMb) * MIB_KIB, lastUpdateSeconds: old ? 1 : Date.now() / 1000 + 1 };
  };
  const calls = {
    domainGetState: () =>
      Promise.resolve({ state: traits.off ? vir.VIR_DOMAIN_SHUTOFF : vir.VIR_DOMAIN_RUNNING, reason: 1 }),
    domainGetInfo: () =>
      Promise.resolve({
        vcpus: state.plugged,
        memoryKib: state.actualMb * MIB_KIB,
        maxMemKib: 1024 * MIB_KIB,
        state: 1,
      }),
    // of a device's memory a balloon knows nothing
    domainMemoryStats: () =>
      Promise.resolve({
        actualKib: (traits.virtioMem ? 256 : state.actualMb) * MIB_KIB,
        ...(traits.usableMb === undefined ? {} : spare(traits.usableMb)),
      }),
    domainGetXMLDesc: () => Promise.resolve(traits.virtioMem ? deviceXml(state.actualMb - 256) : '<domain/>'),
    domainUpdateDeviceFlags: async (_domain: unknown, xml: string, flags: number) => {
      const requestedMb = Number(/<requested unit="KiB">(\d+)</.exec(xml)?.[1]) / MIB_KIB;
      assert.match(xml, /^<memory model="virtio-mem">.*<alias name="virtiomem0"\/>/s);
      if (flags & vir.VIR_DOMAIN_AFFECT_CONFIG) {
        state.configRequestedMb = requestedMb;
        return;
      }
      state.steps.push(`device ${requestedMb}`);
      if (traits.floorMb !== null) state.actualMb = 256 + Math.max((traits.floorMb ?? 256) - 256, requestedMb);
    },
    domainGetVcpusFlags: (_domain: unknown, flags: number) => {
      if (flags & vir.VIR_DOMAIN_VCPU_MAXIMUM) return Promise.resolve(4);
      return Promise.resolve(flags & vir.VIR_DOMAIN_AFFECT_CONFIG ? state.config.vcpus : state.plugged);
    },
    domainSetVcpusFlags: async (_domain: unknown, count: number, flags: number) => {
      if (flags & vir.VIR_DOMAIN_AFFECT_CONFIG) state.config = { ...state.config, vcpus: count };
      else await setVcpus(count);
    },
    domainSetMemoryFlags: async (_domain: unknown, kib: number, flags: number) => {
      if (flags & vir.VIR_DOMAIN_AFFECT_CONFIG) {
        state.config = { ...state.config, memoryMb: kib / MIB_KIB };
        return;
      }
      state.steps.push(`memory ${kib / MIB_KIB}`);
      if (traits.floorMb !== null) state.actualMb = Math.max(traits.floorMb ?? 0, kib / MIB_KIB);
    },
    domainQemuAgentCommand: async (_domain: unknown, command: string) => {
      if (traits.agent === false) throw trouble(virError.VIR_ERR_AGENT_UNRESPONSIVE);
      const { execute, arguments: args } = JSON.parse(command) as {
        execute: string;
        arguments: { vcpus: { online: boolean }[] };
      };
      if (execute === 'guest-set-vcpus') {
        for (const { online } of args.vcpus) state.online += online ? 1 : -1;
        state.steps.push(`online ${state.online}`);
        return JSON.stringify({ return: args.vcpus.length });
      }
      const all = Array.from({ length: state.plugged }, (_, id) => ({
        ...{ 'logical-id': id, online: id < state.online, 'can-offline': id > 0 },
      }));
      return JSON.stringify({ return: all });
    },
  } as unknown as LibvirtCalls;
  const adjust = (
    vcpus: number,
    memoryMb: number,
    more: { kvm?: boolean; persist?: boolean; timeoutMs?: number } = {},
  ) =>
    adjustGuest(
      {
        ...{ calls, agent: makeAgent(calls, systemClock), clock: systemClock, log: silentLog },
        until: makeUntil({ on: () => () => {} }, { ...systemClock, sleep: () => systemClock.sleep(5) }),
        canUnplug: more.kvm ?? true,
      },
      domain,
      { actionId: 'a', target: { vcpus, memoryMb }, persist: more.persist ?? true, timeoutMs: more.timeoutMs ?? 300 },
    );
  return { state, adjust };
}

describe('adjusting a guest', () => {
  it('gives memory before vCPUs and takes vCPUs before memory', async () => {
    const { state, adjust } = simulated({});
    await adjust(3, 768);
    await adjust(2, 384);
    await adjust(1, 512);
    await adjust(4, 256);
    assert.deepEqual(state.steps, [
      ...['memory 768', 'vcpus 3', 'vcpus 2', 'memory 384'],
      ...['memory 512', 'vcpus 1', 'vcpus 4', 'memory 256'],
    ]);
  });

  it('says who confirmed what, and leaves alone what is there', async () => {
    const { state, adjust } = simulated({ plugged: 2 });
    const outcome = await adjust(2, 512);
    // but for the target of its memory, which a driver that is not loaded yet will find
    assert.deepEqual(state.steps, ['memory 512']);
    assert.deepEqual(outcome.vcpus, {
      ...{ target: 2, reached: 2, confirmedBy: 'guest', method: 'none', held: 2, problem: null },
    });
    const more = await adjust(3, 512);
    assert.deepEqual(more.vcpus, {
      ...{ target: 3, reached: 3, confirmedBy: 'guest', method: 'hotplug', held: 3, problem: null },
    });
    const mute = simulated({ agent: false });
    assert.equal((await mute.adjust(3, 512)).vcpus.confirmedBy, 'hypervisor');
  });

  it('tells a device too that it has what it shall have', async () => {
    const { state, adjust } = simulated({ virtioMem: true });
    assert.equal((await adjust(1, 512)).memoryMb.problem, null);
    assert.deepEqual(state.steps, ['device 256']);
  });

  it('keeps what was reached for the next boot, when asked to', async () => {
    const { state, adjust } = simulated({ floorMb: 140 });
    await adjust(3, 768, { persist: false });
    assert.deepEqual(state.config, { vcpus: 0, memoryMb: 0 });
    await adjust(2, 64);
    assert.deepEqual(state.config, { vcpus: 2, memoryMb: 140 });
  });

  it('waits after error 68, which is no answer', async () => {
    const { adjust } = simulated({ plugged: 3, unplug: 'late' });
    const { vcpus } = await adjust(2, 512);
    assert.deepEqual([vcpus.reached, vcpus.method, vcpus.held, vcpus.problem], [2, 'hotplug', 2, null]);
  });

  it('has vCPUs turned off by the guest where an unplug does not come, and goes on holding them', async () => {
    for (const unplug of ['never', 'refused'] as const) {
      const { state, adjust } = simulated({ plugged: 3, unplug });
      const { vcpus } = await adjust(2, 512, { timeoutMs: 50 });
      assert.deepEqual([vcpus.reached, vcpus.method, vcpus.held, vcpus.problem], [2, 'guest-offline', 3, null], unplug);
      assert.deepEqual(state.steps, ['vcpus 2', 'online 2', 'memory 512']);
    }
  });

  it('never tries to unplug under TCG', async () => {
    const { state, adjust } = simulated({ plugged: 3 });
    const { vcpus } = await adjust(1, 512, { kvm: false });
    assert.deepEqual([vcpus.reached, vcpus.method, vcpus.held, vcpus.problem], [1, 'guest-offline', 3, null]);
    assert.deepEqual(state.steps, ['online 1', 'memory 512']);
  });

  it('brings back online what is offline before it plugs more', async () => {
    const { state, adjust } = simulated({ plugged: 3 });
    await adjust(1, 512, { kvm: false });
    const two = await adjust(2, 512, { kvm: false });
    assert.deepEqual([two.vcpus.reached, two.vcpus.method, two.vcpus.held], [2, 'guest-online', 3]);
    const four = await adjust(4, 512, { kvm: false });
    assert.deepEqual([four.vcpus.reached, four.vcpus.method, four.vcpus.held], [4, 'hotplug', 4]);
    assert.deepEqual(
      state.steps.filter((step) => step !== 'memory 512'),
      ['online 1', 'online 2', 'online 3', 'vcpus 4'],
    );
  });

  it('says that nothing was reached where neither way exists', async () => {
    const mute = simulated({ plugged: 3, agent: false });
    const { vcpus } = await mute.adjust(2, 512, { kvm: false });
    assert.deepEqual([vcpus.reached, vcpus.method, vcpus.held], [3, 'none', 3]);
    assert.match(vcpus.problem ?? '', /TCG.*no agent.*3 of 2/);
    assert.deepEqual(mute.state.steps, ['memory 512']);
    const refusing = simulated({ plugged: 3, agent: false, unplug: 'never' });
    const held = (await refusing.adjust(2, 512, { timeoutMs: 30 })).vcpus;
    assert.deepEqual([held.reached, held.held], [3, 3]);
    assert.match(held.problem ?? '', /did not give the vCPUs back/);
  });

  it('turns on new vCPUs that a guest leaves off', async () => {
    const { adjust } = simulated({ lazy: true });
    const { vcpus } = await adjust(3, 512, { timeoutMs: 30 });
    assert.deepEqual([vcpus.reached, vcpus.confirmedBy, vcpus.problem], [3, 'guest', null]);
  });

  it('puts a target that is never reached back to what was, with both numbers', async () => {
    const { state, adjust } = simulated({ floorMb: 140 });
    const { memoryMb, vcpus } = await adjust(1, 32, { timeoutMs: 30 });
    assert.deepEqual([memoryMb.reached, memoryMb.held, memoryMb.method], [140, 140, 'balloon']);
    assert.match(memoryMb.problem ?? '', /140 MiB instead of 32 MiB/);
    assert.deepEqual(state.steps, ['memory 32', 'memory 140']);
    assert.equal(vcpus.problem, null);
  });

  it('takes the first part back when the second gets nowhere', async () => {
    const { state, adjust } = simulated({ plugFails: true });
    const { vcpus, memoryMb } = await adjust(3, 768);
    assert.match(vcpus.problem ?? '', /no room for it/);
    assert.deepEqual([vcpus.reached, memoryMb.reached, memoryMb.target], [1, 512, 768]);
    assert.match(memoryMb.problem ?? '', /taken back.*no room for it/);
    assert.deepEqual(state.steps, ['memory 768', 'vcpus 3', 'memory 512']);
    assert.deepEqual(state.config, { vcpus: 1, memoryMb: 512 });
  });

  it('keeps the first part when the second came a part of the way', async () => {
    const { adjust } = simulated({ plugged: 3, floorMb: 400 });
    const { vcpus, memoryMb } = await adjust(2, 300, { timeoutMs: 30 });
    assert.deepEqual([vcpus.reached, vcpus.problem, memoryMb.reached], [2, null, 400]);
  });

  it('does not try the second part when the first got nowhere', async () => {
    const { state, adjust } = simulated({ floorMb: null });
    const { vcpus, memoryMb } = await adjust(3, 768, { timeoutMs: 30 });
    assert.match(memoryMb.problem ?? '', /did not move from 512 MiB to 768 MiB/);
    assert.match(vcpus.problem ?? '', /not tried/);
    assert.equal(state.plugged, 1);
    assert.ok(!state.steps.some((step) => step.startsWith('vcpus')));
  });

  it('plugs and unplugs the blocks of a virtio-mem device, and writes down what the next start asks of it', async () => {
    const { state, adjust } = simulated({ virtioMem: true });
    const outcome = await adjust(1, 768);
    const { vcpus: _vcpus, memoryMb } = outcome;
    assert.deepEqual(memoryMb, {
      ...{ target: 768, reached: 768, confirmedBy: 'guest', method: 'virtio-mem', held: 768, problem: null },
    });
    assert.equal(outcome.view.size.memoryMb, 768);
    assert.deepEqual([state.steps, state.configRequestedMb], [['device 512'], 512]);
    await adjust(1, 256, { persist: false });
    assert.deepEqual([state.steps.at(-1), state.configRequestedMb], ['device 0', 512]);
  });

  it('leaves a virtio-mem device where the guest gives back no more, and says how far it came', async () => {
    const { state, adjust } = simulated({ virtioMem: true, floorMb: 300 });
    const { memoryMb } = await adjust(1, 256);
    assert.deepEqual(memoryMb, {
      ...{ target: 256, reached: 300, confirmedBy: 'hypervisor', method: 'virtio-mem', held: 300 },
      problem: "the guest's virtio-mem device reached 300 MiB instead of 256 MiB",
    });
    assert.deepEqual(state.steps, ['device 0', 'device 44']);
    assert.equal(state.configRequestedMb, 44);
  });

  it('takes no more from a guest of virtio-mem than it can spare', async () => {
    const { state, adjust } = simulated({ virtioMem: true, usableMb: 165 });
    const { memoryMb } = await adjust(1, 256);
    assert.deepEqual(memoryMb, {
      ...{ target: 256, reached: 412, confirmedBy: 'hypervisor', method: 'virtio-mem', held: 412 },
      problem: "the guest's virtio-mem device reached 412 MiB instead of 256 MiB, for the guest uses the rest",
    });
    assert.deepEqual(state.steps, ['device 156'], '512 less 165, and 64 to be left, in whole blocks');
    const full = simulated({ virtioMem: true, usableMb: 30 });
    assert.match((await full.adjust(1, 256)).memoryMb.problem ?? '', /did not move from 512 MiB to 256 MiB, for/);
    const easy = simulated({ virtioMem: true, usableMb: 400 });
    assert.equal((await easy.adjust(1, 256)).memoryMb.problem, null);
    // what it said before it grew is no answer
    const grown = simulated({ virtioMem: true, usableMb: 400, staleAnswers: 4 });
    assert.equal((await grown.adjust(1, 256)).memoryMb.problem, null);
    // a balloon gives way by itself
    const balloon = simulated({ usableMb: 30 });
    assert.equal((await balloon.adjust(1, 256)).memoryMb.problem, null);
  });

  it('makes whole blocks of a size that falls between two, within the device', async () => {
    const { state, adjust } = simulated({ virtioMem: true });
    assert.equal((await adjust(1, 301)).memoryMb.reached, 302);
    await adjust(1, 100);
    assert.deepEqual(state.steps, ['device 46', 'device 46', 'device 0', 'device 0']);
  });

  it('refuses what is beyond the ceiling, below one, or of a guest that is off', async () => {
    const { state, adjust } = simulated({});
    for (const [vcpus, memoryMb] of [
      [5, 512],
      [1, 1025],
      [0, 512],
      [1, 0],
    ] as const) {
      await assert.rejects(adjust(vcpus, memoryMb), { kind: 'badRequest', code: 'virt.above_maximum' });
    }
    assert.deepEqual(state.steps, []);
    await assert.rejects(simulated({ off: true }).adjust(2, 512), { kind: 'conflict', code: 'virt.not_running' });
  });
});
