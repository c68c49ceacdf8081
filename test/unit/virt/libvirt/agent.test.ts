import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { limits } from '../../../../src/base/limits.ts';
import { makeAgent, onlineChanges } from '../../../../src/virt/libvirt/agent.ts';
import { libvirtFault, virError } from '../../../../src/virt/libvirt/errors.ts';

const domain = { name: 'one', uuid: '00000000-0000-0000-0000-000000000001', id: 1 };

describe('guest agent', () => {
  const saying = (code: number, tookMs: number) => {
    const state = { nowMs: 0, asked: 0 };
    const agent = makeAgent(
      {
        domainQemuAgentCommand: () => {
          state.asked += 1;
          state.nowMs += tookMs;
          const error = {
            code,
            domain: 10,
            message: 'no',
            level: 2,
            str1: null,
            str2: null,
            str3: null,
            int1: 0,
            int2: 0,
          };
          return Promise.reject(libvirtFault('domainQemuAgentCommand', error));
        },
      },
      { now: () => state.nowMs, sleep: () => Promise.resolve() },
    );
    return { state, agent };
  };

  it('leaves a guest in peace that did not answer, until its agent says hello or the pause is over', async () => {
    const { state, agent } = saying(virError.VIR_ERR_AGENT_UNRESPONSIVE, limits.agentReplyMs);
    assert.equal(await agent.online(domain), null);
    assert.equal(await agent.online(domain), null);
    assert.equal(await agent.setOnline(domain, 1), false);
    assert.equal(state.asked, 1);
    agent.forgive(domain.uuid);
    await agent.online(domain);
    assert.equal(state.asked, 2);
    state.nowMs += limits.agentPauseMs;
    await agent.online(domain);
    assert.equal(state.asked, 3);
  });

  it('asks one that is not there again, since that costs nothing', async () => {
    const { state, agent } = saying(virError.VIR_ERR_AGENT_UNRESPONSIVE, 1);
    await agent.online(domain);
    await agent.online(domain);
    assert.equal(state.asked, 2);
  });

  it('believes nothing that cannot be, whatever the agent says', async () => {
    const replies: { heard: unknown } = { heard: null };
    const domainQemuAgentCommand = () => Promise.resolve(JSON.stringify({ return: replies.heard }));
    const agent = makeAgent({ domainQemuAgentCommand }, { now: () => 0, sleep: () => Promise.resolve() });
    const vcpu = (id: unknown, online = true) => ({ 'logical-id': id, online, 'can-offline': true });
    const online = async (heard: unknown): Promise<number | null> => {
      replies.heard = heard;
      return agent.online(domain);
    };
    for (const nonsense of [[null], ['x'], [7], [vcpu(-1)], [vcpu('1')], [vcpu(1.5)], [vcpu(1e9)], {}, 'x', 3])
      assert.equal(await online(nonsense), null, JSON.stringify(nonsense));
    assert.equal(agent.lately(domain.uuid), undefined, 'what makes no sense is not kept');
    assert.equal(await online([]), 1);
    assert.equal(await online([vcpu(0, false), vcpu(1, false)]), 1, 'one that answers runs');
    assert.equal(await online([vcpu(0), vcpu(0), vcpu(0)]), 1, 'each once');
    assert.equal(await online([vcpu(0), vcpu(1), vcpu(2, false)]), 2);
  });

  it('knows for a while what it was told, until the guest is told otherwise or its agent says hello', async () => {
    const state = { nowMs: 0, online: 2 };
    const vcpus = () => [0, 1, 2].map((id) => ({ 'logical-id': id, online: id < state.online, 'can-offline': id > 0 }));
    const agent = makeAgent(
      {
        domainQemuAgentCommand: (_domain, command) =>
          Promise.resolve(JSON.stringify({ return: command.includes('guest-set-vcpus') ? 1 : vcpus() })),
      },
      { now: () => state.nowMs, sleep: () => Promise.resolve() },
    );
    assert.equal(agent.lately(domain.uuid), undefined);
    assert.equal(await agent.online(domain), 2);
    assert.equal(agent.lately(domain.uuid), 2);
    state.nowMs += limits.agentFreshMs + 1;
    assert.equal(agent.lately(domain.uuid), undefined);
    await agent.online(domain);
    await agent.setOnline(domain, 3);
    assert.equal(agent.lately(domain.uuid), undefined, 'it was told to change');
    await agent.online(domain);
    agent.forgive(domain.uuid);
    assert.equal(agent.lately(domain.uuid), undefined, 'it may have started anew');
  });

  it('reads the beginning or the end of a file, no more than was asked for, and closes it whatever happens', async () => {
    const state = { content: 'one two three', at: 0, open: 0, lie: null as unknown };
    const answer = (execute: string, args: Readonly<Record<string, unknown>>): unknown => {
      if (execute === 'guest-file-open') return (state.open += 1);
      if (execute === 'guest-file-close') return ((state.open -= 1), {});
      if (execute === 'guest-file-seek') {
        state.at = args['whence'] === 'end' ? state.content.length : Number(args['offset']);
        return { position: state.at, eof: false };
      }
      const from = state.at;
      state.at = 0;
      // more than it was asked for
      return state.lie ?? { 'buf-b64': Buffer.from(state.content.slice(from)).toString('base64') };
    };
    const agent = makeAgent(
      {
        domainQemuAgentCommand: async (_domain, command) => {
          const { execute, arguments: args } = JSON.parse(command);
          return JSON.stringify({ return: answer(execute, args) });
        },
      },
      { now: () => 0, sleep: () => Promise.resolve() },
    );
    const read = async (part: Parameters<typeof agent.read>[2]) => (await agent.read(domain, '/x', part))?.toString();
    assert.equal(await read({ first: 3 }), 'one');
    assert.equal(await read({ last: 5 }), 'three');
    assert.equal(await read({ last: 500 }), 'one two three');
    for (const lie of [{}, 'x', 7, { 'buf-b64': 7 }, [null]]) {
      state.lie = lie;
      assert.equal(await read({ first: 3 }), undefined, JSON.stringify(lie));
    }
    assert.equal(state.open, 0);
  });

  it('does not hide other trouble', async () => {
    await assert.rejects(saying(virError.VIR_ERR_NO_DOMAIN, 1).agent.online(domain), { kind: 'notFound' });
  });

  it('turns on the lowest and off the highest, never one that cannot, and never more than needed', () => {
    const vcpus = fc
      .array(fc.record({ online: fc.boolean(), canOffline: fc.boolean() }), { minLength: 1, maxLength: 8 })
      .map((list) => list.map((one, id) => (id === 0 ? { id, online: true, canOffline: false } : { id, ...one })));
    fc.assert(
      fc.property(vcpus, fc.integer({ min: 1, max: 9 }), (list, count) => {
        const changes = new Map(onlineChanges(list, count).map((one) => [one['logical-id'], one.online]));
        const before = list.filter((one) => one.online).length;
        const after = list.filter((one) => changes.get(one.id) ?? one.online);
        for (const one of list) {
          if (changes.get(one.id) === false) assert.ok(one.online && one.canOffline);
          if (changes.get(one.id) === true) assert.ok(!one.online);
        }
        const least = list.filter((one) => one.online && !one.canOffline).length;
        const expected = count < before ? Math.max(count, least) : Math.min(count, list.length);
        assert.equal(after.length, expected);
      }),
    );
  });
});
