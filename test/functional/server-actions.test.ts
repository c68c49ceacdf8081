// start, stop, reboot and the console: from which states, what shows meanwhile, what becomes of the server, and what guests do
// by themselves.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const START = { 'os-start': null };
const STOP = { 'os-stop': null };
const SOFT = { reboot: { type: 'SOFT' } };
const HARD = { reboot: { type: 'HARD' } };
const PAUSE = { pause: null };
const UNPAUSE = { unpause: null };
const SUSPEND = { suspend: null };
const RESUME = { resume: null };

const VM_STATES = ['active', 'paused', 'suspended', 'stopped', 'rescued', 'error', 'building', 'shelved'] as const;

for (const engine of engines) {
  describe(`actions of servers on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({ engine, config: { ...testConfig, shutdownMs: 50 } });
      id = await servers.create();
    });
    after(() => servers.close());

    const conflict = (answer: Answer, message: string) => {
      assert.equal(answer.status, 409, answer.text);
      assert.equal(answer.body.conflictingRequest.message, message);
    };
    const driver = () =>
      servers.world.drivers.get('host-1') as NonNullable<ReturnType<typeof servers.world.drivers.get>>;
    const statusOf = async (of: string) => (await servers.show(of)).status as string;
    /** What shows while the host does it, and what in the end. */
    const during = async (of: string, action: object) => {
      const { status, 'OS-EXT-STS:task_state': task } = await servers.world.held(async () => {
        const answer = await servers.act(of, action);
        assert.deepEqual([answer.status, answer.text], [202, '']);
        return servers.show(of);
      });
      await servers.world.settled();
      const end = await servers.show(of);
      return [status, task, end.status, end['OS-EXT-STS:task_state'], end['OS-EXT-STS:power_state']];
    };

    it('say what they do while they do it, and end', async () => {
      const one = await servers.create();
      assert.deepEqual(await during(one, STOP), ['ACTIVE', 'powering-off', 'SHUTOFF', null, 4]);
      assert.deepEqual(await during(one, START), ['SHUTOFF', 'powering-on', 'ACTIVE', null, 1]);
      assert.deepEqual(await during(one, SOFT), ['REBOOT', 'rebooting', 'ACTIVE', null, 1]);
      assert.deepEqual(await during(one, HARD), ['HARD_REBOOT', 'rebooting_hard', 'ACTIVE', null, 1]);
      assert.deepEqual(await during(one, { reboot: { type: 'soft' } }), ['REBOOT', 'rebooting', 'ACTIVE', null, 1]);
      await servers.act(one, STOP);
      await servers.world.settled();
      assert.deepEqual(await during(one, HARD), ['SHUTOFF', 'rebooting_hard', 'ACTIVE', null, 1]);
      assert.deepEqual(await during(one, PAUSE), ['ACTIVE', 'pausing', 'PAUSED', null, 3]);
      assert.deepEqual(await during(one, UNPAUSE), ['PAUSED', 'unpausing', 'ACTIVE', null, 1]);
      assert.deepEqual(await during(one, SUSPEND), ['ACTIVE', 'suspending', 'SUSPENDED', null, 7]);
      assert.deepEqual(await during(one, RESUME), ['SUSPENDED', 'resuming', 'ACTIVE', null, 1]);
      await servers.act(one, SUSPEND);
      await servers.world.settled();
      assert.deepEqual(await during(one, HARD), ['SUSPENDED', 'rebooting_hard', 'ACTIVE', null, 1]);
    });

    it('leave a server in ERROR there where they fail, though its guest runs', async () => {
      const broken = await servers.create({ metadata: { xloud_fake: 'fail:powerOff' } });
      await servers.set(broken, { vm_state: 'error' });
      assert.equal((await servers.act(broken, STOP)).status, 202);
      await servers.world.settled();
      const { status, 'OS-EXT-STS:task_state': task, 'OS-EXT-STS:power_state': state } = await servers.show(broken);
      assert.deepEqual([status, task, state], ['ERROR', null, 1]);
    });

    it('are refused in the wrong state, in Nova’s words', async () => {
      const legal: Record<string, readonly string[]> = {
        start: ['stopped'],
        stop: ['active', 'error'],
        reboot: ['active'],
        hard: ['active', 'stopped', 'paused', 'suspended', 'error'],
        pause: ['active'],
        unpause: ['paused'],
        suspend: ['active'],
        resume: ['suspended'],
      };
      for (const [word, body] of [
        ['start', START],
        ['stop', STOP],
        ['reboot', SOFT],
        ['hard', HARD],
        ['pause', PAUSE],
        ['unpause', UNPAUSE],
        ['suspend', SUSPEND],
        ['resume', RESUME],
      ] as const) {
        for (const state of VM_STATES.filter((vmState) => !legal[word]?.includes(vmState))) {
          await servers.set(id, { vm_state: state });
          const name = word === 'hard' ? 'reboot' : word;
          conflict(await servers.act(id, body), `Cannot '${name}' instance ${id} while it is in vm_state ${state}`);
        }
      }
      for (const [state, task, body, word] of [
        ['stopped', 'powering-on', START, 'start'],
        ['active', 'rebooting', STOP, 'stop'],
        ['active', 'adjusting', SOFT, 'reboot'],
        ['active', 'powering-off', HARD, 'reboot'],
        ['active', 'deleting', HARD, 'reboot'],
      ] as const) {
        await servers.set(id, { vm_state: state, task_state: task });
        conflict(await servers.act(id, body), `Cannot '${word}' instance ${id} while it is in task_state ${task}`);
      }
      await servers.set(id, { vm_state: 'stopped', task_state: null, launched_at: null });
      conflict(await servers.act(id, START), `Instance ${id} is in an invalid state for 'start'`);
      await servers.set(id, { launched_at: Date.now(), host: null });
      conflict(await servers.act(id, START), `Instance ${id} is not ready`);
      conflict(await servers.act(id, { 'os-getConsoleOutput': {} }), `Instance ${id} is not ready`);
      await servers.set(id, { vm_state: 'active', host: 'host-1' });
    });

    it('are refused on a locked server, but not to administrators', async () => {
      await servers.set(id, { locked_by: 'owner', locked_reason: 'mine' });
      for (const body of [START, STOP, SOFT, HARD, PAUSE, UNPAUSE, SUSPEND, RESUME])
        conflict(await servers.act(id, body), `Instance ${id} is locked`);
      assert.equal((await servers.act(id, { 'os-getConsoleOutput': {} })).status, 200);
      const shown = await servers.show(id, { version: '2.73' });
      assert.deepEqual([shown.locked, shown.locked_reason], [true, 'mine']);
      assert.equal((await servers.act(id, HARD, { as: 'admin' })).status, 202);
      await servers.world.settled();
      await servers.set(id, { locked_by: null, locked_reason: null });
    });

    it('need a member', async () => {
      for (const [body, rule] of [
        [START, 'servers:start'],
        [STOP, 'servers:stop'],
        [SOFT, 'servers:reboot'],
        [SUSPEND, 'os-suspend-server:suspend'],
        [RESUME, 'os-suspend-server:resume'],
        [{ 'os-getConsoleOutput': {} }, 'os-console-output'],
      ] as const) {
        const answer = await servers.act(id, body, { as: 'reader' });
        assert.equal(answer.status, 403);
        assert.match(answer.body.forbidden.message, new RegExp(`os_compute_api:${rule} `));
      }
    });

    it('have one name and a body that fits', async () => {
      const bad = async (body: unknown, message: RegExp) => {
        const answer = await servers.act(id, body);
        assert.equal(answer.status, 400, answer.text);
        assert.match(answer.body.badRequest.message, message);
      };
      await bad({}, /^Malformed request body$/);
      await bad({ ...START, ...STOP }, /^Malformed request body$/);
      await bad({ dance: null }, /^There is no such action: dance$/);
      await bad([], /^There is no such action: None/);
      await bad('{"os-start": ', /^Malformed request body$/);
      await bad(
        { reboot: null },
        /^Invalid input for field\/attribute reboot\. Value: None\. None is not of type 'object'$/,
      );
      await bad({ reboot: {} }, /'type' is a required property$/);
      await bad(
        { reboot: { type: 'WARM' } },
        /^Invalid input for field\/attribute type\. Value: WARM\. 'WARM' is not one of/,
      );
      await bad({ reboot: { type: 'SOFT', now: true } }, /'now' was unexpected\)$/);
      await bad(
        { 'os-getConsoleOutput': { length: 'all' } },
        /^Invalid input for field\/attribute length\. Value: all\. /,
      );
      await bad({ 'os-getConsoleOutput': { length: -2 } }, /^Invalid input for field\/attribute length\. Value: -2\. /);
      // the value of a switch does not matter
      assert.equal((await servers.act(id, { 'os-stop': { any: ['thing'] } })).status, 202);
      await servers.world.settled();
      assert.equal((await servers.act(id, { 'os-start': false })).status, 202);
      await servers.world.settled();
    });

    it('a guest that ignores the power button is switched off after a while', async () => {
      const deaf = await servers.create({ metadata: { xloud_fake: 'deaf' } });
      const before = Date.now();
      await servers.act(deaf, STOP);
      await servers.world.settled();
      assert.ok(Date.now() - before >= 50);
      assert.equal(await statusOf(deaf), 'SHUTOFF');
      await servers.act(deaf, START);
      await servers.world.settled();
      await servers.act(deaf, SOFT);
      await servers.world.settled();
      assert.equal(await statusOf(deaf), 'ACTIVE');
      assert.equal(driver().store.get(deaf)?.starts, 3);
    });

    it('a failure leaves the state that it had, and says why', async () => {
      const stubborn = await servers.create({ metadata: { xloud_fake: 'fail:powerOff' } });
      assert.equal((await servers.act(stubborn, STOP)).status, 202);
      await servers.world.settled();
      const after = await servers.show(stubborn);
      assert.deepEqual([after.status, after['OS-EXT-STS:task_state'], after.fault], ['ACTIVE', null, undefined]);
      const [action] = (await servers.request('GET', `/servers/${stubborn}/os-instance-actions`, { as: 'member' })).body
        .instanceActions;
      assert.deepEqual([action.action, action.message], ['stop', 'Error']);
      const events = await servers.request('GET', `/servers/${stubborn}/os-instance-actions/${action.request_id}`, {
        version: '2.84',
      });
      const [event] = events.body.instanceAction.events;
      assert.deepEqual([event.event, event.result], ['compute_stop_instance', 'Error']);
      assert.match(event.details, /fails at powerOff/);
    });

    it('a guest that switches itself off is SHUTOFF, and that is on record', async () => {
      const own = await servers.create();
      driver().powerOffFromInside(own);
      await servers.until(own, (server) => server.status === 'SHUTOFF');
      const shown = await servers.show(own);
      assert.deepEqual([shown['OS-EXT-STS:power_state'], shown['OS-EXT-STS:task_state']], [4, null]);
      const actions = await servers.request('GET', `/servers/${own}/os-instance-actions`, { as: 'member' });
      const [last] = actions.body.instanceActions;
      assert.deepEqual([last.action, last.message], ['stop', null]);
      assert.equal((await servers.act(own, START)).status, 202);
      await servers.world.settled();
      assert.equal(await statusOf(own), 'ACTIVE');
    });

    it('a guest that crashes is off, and the crash is on record', async () => {
      const sick = await servers.create();
      driver().crashFromInside(sick);
      await servers.until(sick, (server) => server['OS-EXT-STS:power_state'] === 6);
      assert.equal(await statusOf(sick), 'SHUTOFF');
      const list = `/servers/${sick}/os-instance-actions`;
      const [last] = (await servers.request('GET', list, { as: 'member' })).body.instanceActions;
      assert.deepEqual([last.action, last.message], ['stop', 'Error']);
      const whole = await servers.request('GET', `${list}/${last.request_id}`, { as: 'admin', version: '2.84' });
      const [event] = whole.body.instanceAction.events;
      assert.deepEqual([event.event, event.result], ['guest_changed', 'Error']);
      assert.match(event.details, /^The guest crashed: /);
      assert.equal((await servers.act(sick, HARD)).status, 202);
      await servers.world.settled();
      assert.equal(await statusOf(sick), 'ACTIVE');
    });

    it('the console shows its end, as long as asked', async () => {
      const talks = await servers.create({ name: 'talks' });
      const output = async (length?: unknown) => {
        const answer = await servers.act(talks, { 'os-getConsoleOutput': length === undefined ? {} : { length } });
        assert.equal(answer.status, 200, answer.text);
        return answer.body.output as string;
      };
      const whole = await output();
      assert.match(whole, /Linux version/);
      const lines = whole.split('\n');
      assert.ok(lines.length > 3);
      for (const none of [null, -1, '-1', 10_000]) assert.equal(await output(none), whole);
      assert.equal(await output(0), '');
      assert.equal(await output(1), lines.at(-1));
      assert.deepEqual((await output('3')).split('\n'), lines.slice(-3));
      const guest = driver().store.get(talks);
      assert.ok(guest !== undefined);
      driver().store.put({ ...guest, console: 'a\u0000\u001b[31mred\r\n\tend \u{1F600} é\n' });
      assert.equal(await output(), 'a[31mred\n\tend \u{1F600} é\n');
    });

    it('leave a server that is still rebooted to the reboot', async () => {
      const flavor = await servers.world.flavor({ specs: { minimum_cpu: '1', minimum_memory: '256' } });
      const one = await servers.create({ flavorRef: flavor });
      const larger = { path: `/os-xloud-adjust/${one}`, body: { current_vcpus: 3 } };
      await servers.world.gated(['pause', 'reboot'], async (gate) => {
        assert.equal((await servers.act(one, PAUSE)).status, 202);
        await gate.reached('pause');
        assert.equal((await servers.act(one, HARD)).status, 202);
        gate.pass('pause');
        await gate.reached('reboot');
        for (;;) {
          const open = await servers.world.database
            .read('instance_actions')
            .where({ server_uuid: one })
            .whereNot('state', 'done');
          if (open.length === 1) break;
          await sleep(5);
        }
        // were it free, it could be given more, which the end of the reboot would not know of
        const { status, body } = await servers.request('POST', larger.path, { body: larger.body });
        const message = `Cannot 'adjust' instance ${one} while it is in task_state rebooting_hard`;
        assert.deepEqual([status, body.conflictingRequest?.message], [409, message]);
      });
      await servers.world.settled();
      assert.equal((await servers.request('POST', larger.path, { body: larger.body })).status, 202);
      await servers.world.settled();
      const shown = await servers.show(one);
      assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state']], ['ACTIVE', null]);
    });

    it('leave nothing behind', async () => {
      await servers.world.settled();
      assert.deepEqual(await servers.world.leftovers(), []);
    });
  });
}
