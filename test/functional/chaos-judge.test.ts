// A judge that finds nothing says something only if it finds what is wrong: each law of `make chaos` is broken here, and must be told.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { directoryStore } from '../../src/virt/fake/store.ts';
import { makeBooks } from '../chaos/books.ts';
import { delayMs, type Disaster, recoveryMs } from '../chaos/disasters.ts';
import { fakeHosts } from '../chaos/fake-hosts.ts';
import { brokenPromises, doubled, lost, outOfOrder, type Scene } from '../chaos/judge.ts';
import { scratchDir } from '../support/scratch.ts';
import { createRequest, makeOp, makeWorld, type World } from '../support/world.ts';

const HOST = 'host-1';

describe('the judge of make chaos', { concurrency: 1 }, () => {
  const directory = mkdtempSync(join(scratchDir(), 'xloud-judge-'));
  const storeOf = (suffix: string) => directoryStore(join(directory, HOST, `fake-guests${suffix}`));
  let world: World;
  let scene: Scene;
  let uuid: string;
  before(async () => {
    world = await makeWorld();
    await world.flavor({ id: 'small', vcpus: 1, memoryMb: 256 });
    const request = { ...createRequest('small', world.imageId), name: 'u1-1' };
    const made = await world.ops.createServers(makeOp(), request);
    await world.settled();
    uuid = made.servers[0]?.uuid as string;
    for (const guest of world.drivers.get(HOST)?.store.all() ?? []) storeOf('').put(guest);
    const hosts = fakeHosts(directory, [HOST]);
    scene = { hosts, database: world.database, books: makeBooks() } as unknown as Scene;
  });
  after(async () => {
    await world.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('finds nothing where all is well', async () => {
    const entry = scene.books.open('create', 'u1-1');
    const [action]: { request_id: string }[] = await world.database.read('instance_actions').select('request_id');
    entry.requestId = action?.request_id ?? null;
    scene.books.close(entry, 'done');
    const found = [brokenPromises(scene.books), await lost(world.database.read, scene.books), await doubled(scene)];
    assert.deepEqual([...found, await outOfOrder(scene)].flat(), []);
  });

  it('tells what was promised and is open, untrue, or on no record', async () => {
    const books = makeBooks();
    books.open('stop', 'u1-1');
    books.close(books.open('start', 'u1-1'), 'wrong', 'seen: SHUTOFF');
    const gone = books.open('adjust', 'u1-1');
    gone.requestId = 'req-of-nobody';
    books.close(gone, 'done');
    assert.match(
      brokenPromises(books).join('\n'),
      /^stuck: stop of u1-1.*\nsaid to be well, and is not: start of u1-1/,
    );
    assert.match((await lost(world.database.read, books)).join(), /^lost: adjust .*req-of-nobody/);
  });

  it('tells a guest that is twice, and one that is not where its row says', async () => {
    const guest = storeOf('').get(uuid);
    assert.ok(guest !== undefined);
    storeOf('-2').put(guest);
    assert.deepEqual(await doubled(scene), [`two guests of ${uuid}: host-1, host-1-2`]);
    storeOf('').remove(uuid);
    const told = (await outOfOrder(scene)).join('\n');
    assert.match(told, new RegExp(`guest ${uuid} on host-1-2`));
    assert.match(told, /a server without its guest/);
    storeOf('-2').remove(uuid);
    storeOf('').put({ ...guest, size: { vcpus: 7, memoryMb: 77 } });
    assert.match((await outOfOrder(scene)).join('\n'), /row and guest have different sizes/);
  });

  it('tells two servers of one name, and one that nobody asked for', async () => {
    await world.ops.createServers(makeOp(), { ...createRequest('small', world.imageId), name: 'u1-1' });
    await world.ops.createServers(makeOp(), { ...createRequest('small', world.imageId), name: 'stranger' });
    await world.settled();
    assert.deepEqual(await doubled(scene), ['2 servers u1-1', 'nobody asked for stranger']);
  });

  it('takes as recovered what was asked for after the disaster and needs its victim', () => {
    const entry = (api: number, askedAtMs: number, endedAtMs: number) =>
      ({ api, askedAtMs, endedAtMs, outcome: 'done' }) as ReturnType<typeof makeBooks>['entries'][number];
    const entries = [entry(0, 50, 400), entry(1, 110, 120), entry(0, 120, 900), entry(0, 130, 700)];
    const victim: Disaster['victim'] = {
      ...{ part: 'api', name: 'api-1', ways: [] },
      isNeededFor: ({ api }) => api === 0,
    };
    const disaster: Disaster = { kind: 'kill -9 api', victim, beganAtMs: 100, overAtMs: null };
    const books = { ...makeBooks(), entries };
    assert.equal(recoveryMs(disaster, books), 600);
    assert.equal(delayMs(disaster, books), 300);
  });
});
