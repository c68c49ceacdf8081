import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startAgent } from '../../../src/agent/agent.ts';
import { type AnswerStore, directoryAnswers, memoryAnswers } from '../../../src/agent/answers.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { limits } from '../../../src/base/limits.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Asker } from '../../../src/bus/contract.ts';
import { makeMemoryBus } from '../../../src/bus/memory.ts';
import { type FakeDriver, makeFakeDriver } from '../../../src/virt/fake.ts';
import { aSpec } from '../../support/samples.ts';
import { scratchDir } from '../../support/scratch.ts';

const HOST = 'host1';
const asker: Asker = { action: 7, step: 'guest', attempt: 12 };
const password = 'a secret: of its own';

const scratch = mkdtempSync(join(scratchDir(), 'xloud-answers-'));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** A host with a guest. Its agent can be exchanged, as when it is upgraded. */
async function arrange(t: TestContext, answers: AnswerStore) {
  const bus = makeMemoryBus({ clock: systemClock, log: silentLog });
  const driver: FakeDriver = makeFakeDriver({ clock: systemClock });
  const spec = aSpec();
  const { uuid } = spec;
  await driver.spawn({ spec });
  const start = () => startAgent({ host: HOST, bus, driver, answers, clock: systemClock, log: silentLog });
  let agent = await start();
  t.after(async () => {
    await agent.close(100);
    await driver.close();
    await bus.close();
  });
  return {
    ...{ bus, driver, uuid },
    reboot: (by: Asker | null) => bus.call(HOST, 'reboot', { spec, type: 'HARD', timeoutMs: 0 }, by),
    setPassword: (by: Asker) => bus.call(HOST, 'setAdminPassword', { uuid, user: 'root', password }, by),
    reboots: () => (driver.store.get(uuid)?.starts ?? 0) - 1,
    restart: async () => {
      await agent.close(100);
      agent = await start();
    },
  };
}

const kinds = {
  memory: () => memoryAnswers(),
  files: () => directoryAnswers(join(scratch, randomUUID())),
};

for (const [kind, make] of Object.entries(kinds)) {
  describe(`answers that a host keeps in ${kind}`, () => {
    it('are those of an attempt that asks again, also of another agent', async (t) => {
      const { reboot, reboots, restart } = await arrange(t, make());
      const first = await reboot(asker);
      assert.deepEqual(await reboot(asker), first);
      await restart();
      assert.deepEqual(await reboot(asker), first);
      assert.equal(reboots(), 1);
    });

    it('are of one attempt of one step of one action', async (t) => {
      const { reboot, reboots } = await arrange(t, make());
      for (const by of [asker, { ...asker, attempt: 13 }, { ...asker, step: 'guest.undo' }, { ...asker, action: 8 }]) {
        await reboot(by);
      }
      assert.equal(reboots(), 4);
    });

    it('are of one method', async (t) => {
      const { reboot, setPassword, reboots } = await arrange(t, make());
      assert.equal(await setPassword(asker), null);
      await reboot(asker);
      assert.equal(await setPassword(asker), null);
      assert.equal(reboots(), 1);
    });

    it('are no answers to somebody who says not who asks', async (t) => {
      const { reboot, reboots } = await arrange(t, make());
      await reboot(null);
      await reboot(null);
      assert.equal(reboots(), 2);
    });

    it('are not of what failed', async (t) => {
      const { driver, uuid, reboot, reboots } = await arrange(t, make());
      driver.behave(uuid, 'fail:reboot');
      await assert.rejects(reboot(asker));
      driver.behave(uuid, null);
      await reboot(asker);
      assert.equal(reboots(), 1);
    });

    it('are the last few', async (t) => {
      const store = make();
      const { reboot, reboots, uuid } = await arrange(t, store);
      for (let attempt = 0; attempt <= limits.answersKept; attempt += 1) await reboot({ ...asker, attempt });
      assert.equal((await store.read(uuid)).length, limits.answersKept);
      const before = reboots();
      await reboot({ ...asker, attempt: 1 });
      assert.equal(reboots(), before);
      await reboot({ ...asker, attempt: 0 });
      assert.equal(reboots(), before + 1);
    });

    it('go with their guest, at once or when an agent starts without it', async (t) => {
      const store = make();
      const { bus, driver, uuid, reboot, restart } = await arrange(t, store);
      await reboot(asker);
      await store.write(randomUUID(), await store.read(uuid));
      await restart();
      assert.deepEqual(await store.guests(), [uuid]);
      await bus.call(HOST, 'destroy', { uuid }, asker);
      assert.deepEqual([await store.guests(), await driver.list({})], [[], []]);
    });

    it('are not of what is read, nor of what may be done again', async (t) => {
      const store = make();
      const { bus, uuid } = await arrange(t, store);
      await bus.call(HOST, 'inspect', { uuid }, asker);
      await bus.call(HOST, 'console', { uuid, maxBytes: 100 }, asker);
      await bus.call(HOST, 'powerOff', { uuid, timeoutMs: 0 }, asker);
      assert.deepEqual(await store.guests(), []);
    });
  });
}

describe('files of answers', () => {
  it('have no secret in them', async (t) => {
    const directory = join(scratch, randomUUID());
    const { driver, uuid, setPassword } = await arrange(t, directoryAnswers(directory));
    await setPassword(asker);
    assert.equal(driver.store.get(uuid)?.passwords?.['root'], password);
    assert.deepEqual(readdirSync(directory), [`${uuid}.json`]);
    const text = readFileSync(join(directory, `${uuid}.json`), 'utf8');
    assert.deepEqual(JSON.parse(text), [{ ...asker, method: 'setAdminPassword', reply: null }]);
  });

  it('that cannot be read keep nobody from a reboot', async (t) => {
    const directory = join(scratch, randomUUID());
    const { uuid, reboot, reboots } = await arrange(t, directoryAnswers(directory));
    await reboot(asker);
    writeFileSync(join(directory, `${uuid}.json`), '[{"act');
    await reboot(asker);
    assert.equal(reboots(), 2, 'nothing is known of the first');
    await reboot(asker);
    assert.equal(reboots(), 2);
  });

  it('go whole, with what a crash left of the next', async () => {
    const directory = join(scratch, randomUUID());
    const store = directoryAnswers(directory);
    const uuid = randomUUID();
    await store.write(uuid, []);
    writeFileSync(join(directory, `${uuid}.json.new`), '[{"act');
    await store.remove(uuid);
    assert.deepEqual(readdirSync(directory), []);
  });
});

it('what stands in the place of a file of answers and is none keeps nobody waiting', async () => {
  const directory = mkdtempSync(join(scratch, 'odd-'));
  const uuid = randomUUID();
  symlinkSync('/dev/zero', join(directory, `${uuid}.json`));
  await assert.rejects(directoryAnswers(directory).read(uuid), /holds no answers of ours/);
});
