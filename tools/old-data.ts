// Why: data outlives the program that wrote it. This makes what an installation of today has, as a file that all later code is
// tested with (test/functional/old-data.test.ts): run it once for a release, and keep the file as it is.
//
//   node tools/old-data.ts test/fixtures/data-2026-11-29.json

import { writeFileSync } from 'node:fs';
import { createRequest, adminOp, makeOp, makeWorld } from '../test/support/world.ts';
import { requestOf } from '../test/support/request-of.ts';

const [path = ''] = process.argv.slice(2);
const world = await makeWorld({
  builtInNetworks: true,
  floatingIps: true,
  hosts: [
    { name: 'host-1', inventory: { memoryMb: 65_536 } },
    { name: 'host-2', inventory: { memoryMb: 65_536 } },
  ],
});
const { ops, database } = world;
const elastic = await world.flavor({ id: 'elastic', specs: { minimum_cpu: '1', minimum_memory: '256' } });
const larger = await world.flavor({ id: 'larger', vcpus: 8, memoryMb: 8192 });
await ops.createKeypair(makeOp(), { name: 'key', type: 'ssh', publicKey: null, userId: makeOp().caller.userId });
const make = async (name: string, more: object = {}): Promise<{ uuid: string }> => {
  const request = { ...createRequest(elastic, world.imageId), name, metadata: { a: 'b' }, tags: ['one'], ...more };
  const { servers } = await ops.createServers(makeOp(), request);
  await world.settled();
  return { uuid: servers[0]?.uuid ?? '' };
};
const grown = await make('grown', { keyName: 'key', userData: 'IyEvYmluL3NoCg==' });
await ops.adjustServer(makeOp(), await world.server(grown.uuid), { vcpus: 3, memoryMb: 1024, persist: true });
const stopped = await make('stopped');
await ops.requestAction(makeOp(), stopped, requestOf('os-stop'));
const resized = await make('resized');
await ops.resizeServer(makeOp(), resized, { flavorRef: larger, autoDiskConfig: null });
const shelved = await make('shelved');
await ops.requestAction(makeOp(), shelved, requestOf('shelve'));
const paused = await make('paused');
await ops.requestAction(makeOp(), paused, requestOf('pause'));
await make('broken', { metadata: { xloud_fake: 'fail:spawn' } });
const moved = await make('moved');
await ops.migrateServer(adminOp(), moved, null);
await world.settled();
await ops.requestAction(adminOp(), moved, requestOf('confirmResize'));
const deleted = await make('deleted');
await ops.deleteServer(makeOp(), deleted);
await make('locked').then((server) => ops.lockServer(makeOp(), server, 'because'));
await world.settled();
const waits = await make('waits');
await world.worker().close();
// nobody begins this one any more
await ops.requestAction(makeOp(), waits, requestOf('os-stop'));

const names: { name: string }[] = await database.read('sqlite_master').where({ type: 'table' }).select('name');
const tables: Record<string, unknown[]> = {};
for (const { name } of names.filter((one) => !/^(sqlite_|schema_migrations_lock$)/.test(one.name))) {
  const rows: unknown[] = await database.read(name).select('*');
  if (rows.length > 0) tables[name] = rows;
}
const guests = Object.fromEntries(
  [...world.drivers].map(([name, { store }]) => [name, { guests: store.all(), aside: store.aside.all() }]),
);
writeFileSync(path, `${JSON.stringify({ imageId: world.imageId, tables, guests }, null, 1)}\n`);
await world.close();
