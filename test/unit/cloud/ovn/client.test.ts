import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { systemClock } from '../../../../src/base/clock.ts';
import { silentLog } from '../../../../src/base/log.ts';
import { openOvsdb, type Ovsdb } from '../../../../src/cloud/ovn/ovsdb/client.ts';
import { OvsdbError } from '../../../../src/cloud/ovn/ovsdb/failure.ts';
import { parseRemote } from '../../../../src/cloud/ovn/ovsdb/remote.ts';
import { makeSplitter } from '../../../../src/cloud/ovn/ovsdb/splitter.ts';

const schema = {
  tables: {
    Thing: {
      columns: {
        name: { type: 'string' },
        members: { type: { key: 'string', min: 0, max: 'unlimited' } },
        up: { type: { key: 'boolean', min: 0, max: 1 } },
      },
    },
  },
};

interface Asked {
  readonly id: unknown;
  readonly method?: string;
  readonly params: readonly unknown[];
  readonly result?: unknown;
}

async function until(isSo: () => boolean): Promise<void> {
  const endMs = Date.now() + 20_000;
  while (!isSo()) {
    assert.ok(Date.now() < endMs, `never so: ${String(isSo)}`);
    await systemClock.sleep(5);
  }
}

const dir = mkdtempSync(join(tmpdir(), 'xloud-ovsdb-'));
after(() => rmSync(dir, { recursive: true }));
let count = 0;

/** A server that says what `answer` says; several messages may go out in one piece. */
async function serverOf(answer: (asked: Asked, say: (...messages: object[]) => void) => void) {
  const path = join(dir, `${(count += 1)}.sock`);
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    const say = (...messages: object[]) => void socket.write(messages.map((one) => JSON.stringify(one)).join(''));
    socket.on(
      'data',
      makeSplitter(1_000_000, (message) => answer(message as Asked, say)),
    );
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    remote: `unix:${path}`,
    say: (message: object) => sockets.forEach((socket) => socket.write(JSON.stringify(message))),
    cut: () => sockets.forEach((socket) => socket.destroy()),
    close: () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

const follow = (remote: string, more: Partial<Parameters<typeof openOvsdb>[0]> = {}): Ovsdb =>
  openOvsdb({
    remotes: [remote],
    database: 'Things',
    tables: { Thing: ['name', 'members', 'up'] },
    clock: systemClock,
    log: silentLog,
    ...more,
  });

const update = (rows: object) => ({ id: null, method: 'update2', params: ['Things', { Thing: rows }] });

describe('a client of OVSDB', () => {
  it('reads addresses as OVN writes them', () => {
    assert.deepEqual(parseRemote('unix:/run/ovn/nb.sock'), { kind: 'unix', path: '/run/ovn/nb.sock' });
    assert.deepEqual(parseRemote('tcp:127.0.0.1:6641'), { kind: 'tcp', host: '127.0.0.1', port: 6641 });
    assert.deepEqual(parseRemote('ssl:[::1]:6641'), { kind: 'ssl', host: '::1', port: 6641 });
    for (const bad of ['', 'unix:', 'unix:nb.sock', 'tcp:host', 'tcp:host:0', 'tcp:host:99999', 'http://host:1'])
      assert.equal(parseRemote(bad), null, bad);
  });

  it('misses nothing that is told in one piece with the first answer, and answers echoes', async () => {
    const echoes: unknown[] = [];
    const server = await serverOf(({ id, method, result }, say) => {
      if (method === 'get_schema') say({ id, result: schema, error: null });
      else if (method === undefined) echoes.push(result);
      else
        say(
          { id, result: { Thing: { u1: { initial: { name: 'a', members: ['set', ['x', 'y']] } } } }, error: null },
          update({ u1: { modify: { members: ['set', ['y', 'z']], up: true } }, u2: { insert: { name: 'b' } } }),
          { id: 'echo', method: 'echo', params: ['still there?'] },
        );
    });
    const client = follow(server.remote);
    await client.ready();
    await until(() => echoes.length === 1);
    assert.deepEqual(echoes, [['still there?']]);
    assert.deepEqual(Object.fromEntries(client.tables().get('Thing') ?? []), {
      u1: { name: 'a', members: ['x', 'z'], up: [true] },
      u2: { name: 'b', members: [], up: [] },
    });
    server.say(update({ u1: { delete: null } }));
    await until(() => client.tables().get('Thing')?.size === 1);
    await client.close();
    server.close();
  });

  it('comes back with a replica made anew, and says meanwhile that it is away', async () => {
    let round = 0;
    const news: boolean[] = [];
    const server = await serverOf(({ id, method }, say) => {
      if (method === 'get_schema') say({ id, result: schema, error: null });
      else say({ id, result: { Thing: { [`u${(round += 1)}`]: { initial: { name: `${round}` } } } }, error: null });
    });
    const client = follow(server.remote, { changed: (_changes, anew) => news.push(anew) });
    await client.ready();
    server.cut();
    await until(() => client.problem() !== null);
    await assert.rejects(client.transact([]), (error) => error instanceof OvsdbError && error.failure === 'away');
    await client.ready();
    assert.deepEqual([...(client.tables().get('Thing')?.keys() ?? [])], ['u2']);
    assert.deepEqual(news, [true, true]);
    await client.close();
    server.close();
  });

  it('tells a transaction that was refused from one whose row was newer, and one whose connection broke', async () => {
    const server = await serverOf(({ id, method, params }, say) => {
      if (method === 'get_schema') return say({ id, result: schema, error: null });
      if (method === 'monitor_cond') return say({ id, result: {}, error: null });
      const { op } = params[1] as { op: string };
      if (op === 'wait')
        return say({ id, result: [{ error: 'timed out', details: 'it was other' }, null], error: null });
      if (op === 'delete') return server.cut();
      // the failure of the whole follows the results
      say({ id, result: [{ uuid: ['uuid', 'n'] }, { error: 'constraint violation', details: 'twice' }], error: null });
    });
    const client = follow(server.remote);
    await client.ready();
    const uuid = '00000000-0000-4000-8000-000000000001';
    const fails = (operation: Parameters<Ovsdb['transact']>[0][number], failure: string, words: RegExp) =>
      assert.rejects(client.transact([operation]), (error) => {
        assert.ok(error instanceof OvsdbError);
        assert.equal(error.failure, failure);
        assert.match(error.message, words);
        return true;
      });
    await fails({ op: 'insert', table: 'Thing', row: { name: 'a' } }, 'refused', /constraint violation: twice/);
    await fails({ op: 'require', table: 'Thing', uuid, column: 'name', value: 'a' }, 'stale', /it was other/);
    await fails({ op: 'delete', table: 'Thing', uuid }, 'away', /closed/);
    await client.ready();
    await assert.rejects(
      client.transact([{ op: 'insert', table: 'Thing', row: { nam: 'a' } }]),
      /no column nam of Thing/,
    );
    await client.close();
    server.close();
  });

  it('follows no database of another version, and says what it lacks', async () => {
    const server = await serverOf(({ id }, say) => say({ id, result: { tables: {} }, error: null }));
    const client = follow(server.remote);
    await until(() => client.problem()?.includes('Things has no column name of Thing') === true);
    await client.close();
    server.close();
  });

  it('tries its addresses in turn', async () => {
    const server = await serverOf(({ id, method }, say) =>
      say({ id, result: method === 'get_schema' ? schema : {}, error: null }),
    );
    const client = follow('', { remotes: [`unix:${dir}/nobody.sock`, server.remote] });
    await client.ready();
    await client.close();
    server.close();
  });
});
