import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { makeActual } from '../../src/cloud/ovn/actual.ts';
import { difference, type Wanted } from '../../src/cloud/ovn/difference.ts';
import { rankOf } from '../../src/cloud/ovn/northbound.ts';
import type { Ovsdb } from '../../src/cloud/ovn/ovsdb/client.ts';
import { OvsdbError } from '../../src/cloud/ovn/ovsdb/failure.ts';
import { makeOvsdbServer, openNorthbound, type OvsdbServer, run } from '../support/ovsdb.ts';
import { eventually } from '../support/serve.ts';
import { rowsOf, topologies } from '../support/topologies.ts';

describe('a real OVSDB server', () => {
  const dir = mkdtempSync(join(tmpdir(), 'xloud-nb-'));
  let server: OvsdbServer;
  let client: Ovsdb;
  const actual = makeActual(() => client.tables());
  const nbctl = async (...args: string[]) => (await run('ovn-nbctl', [`--db=${server.remote}`, ...args])).stdout.trim();

  before(async () => {
    server = await makeOvsdbServer(dir, 'nb', ['--remote=ptcp:0:127.0.0.1']);
    await server.start();
    client = openNorthbound(server.remote, { changed: (changes, anew) => actual.follow(changes, anew) });
    await client.ready();
  });
  after(async () => {
    await client.close();
    await server.stop();
    rmSync(dir, { recursive: true });
  });

  it('takes any cloud that becomes any other, and there is nothing to do then', async () => {
    await nbctl('ls-add', 'theirs');
    for (const [at, topology] of fc.sample(topologies, { numRuns: 25, seed: 7 }).entries()) {
      const whole = (): readonly Wanted[] => {
        const rows = new Map(rowsOf(topology));
        return [...new Set([...rows.keys(), ...actual.units()])]
          .map((unit) => ({ unit, rows: rows.get(unit) ?? [], revision: at + 1 }))
          .toSorted((a, b) => rankOf(a.unit) - rankOf(b.unit));
      };
      await client.transact(difference(actual, whole()).operations);
      // what a transaction did is told before it is answered
      assert.deepEqual(difference(actual, whole()).operations, []);
    }
    assert.match(await nbctl('ls-list'), /theirs/);
  });

  it('tells what others change, of every kind of column', async () => {
    const row = (table: string, name: string) =>
      [...(client.tables().get(table)?.values() ?? [])].find((one) => one['name'] === name);
    await nbctl('ls-add', 'other', '--', 'lsp-add', 'other', 'plug', '--', 'lsp-set-enabled', 'plug', 'disabled');
    await eventually('the port', 10_000, () => row('Logical_Switch_Port', 'plug'));
    assert.deepEqual(row('Logical_Switch_Port', 'plug')?.['enabled'], [false]);
    await nbctl(
      'clear',
      'logical_switch_port',
      'plug',
      'enabled',
      '--',
      'lsp-set-addresses',
      'plug',
      'dynamic',
      'unknown',
    );
    await eventually('no word', 10_000, () =>
      JSON.stringify(row('Logical_Switch_Port', 'plug')?.['addresses']) === '["dynamic","unknown"]' ? true : null,
    );
    assert.deepEqual(row('Logical_Switch_Port', 'plug')?.['enabled'], []);
    await nbctl(
      'lsp-set-addresses',
      'plug',
      'unknown',
      'router',
      '--',
      'set',
      'logical_switch',
      'other',
      'other_config:x=1',
    );
    await eventually('another set', 10_000, () =>
      JSON.stringify(row('Logical_Switch_Port', 'plug')?.['addresses']) === '["router","unknown"]' ? true : null,
    );
    assert.deepEqual(row('Logical_Switch', 'other')?.['other_config'], { x: '1' });
    await nbctl('set', 'logical_switch', 'other', 'other_config:x=2', '--', 'lsp-del', 'plug');
    await eventually('the end of the port', 10_000, () =>
      row('Logical_Switch_Port', 'plug') === undefined ? true : null,
    );
    assert.deepEqual(row('Logical_Switch', 'other'), {
      ...row('Logical_Switch', 'other'),
      ports: [],
      other_config: { x: '2' },
    });
  });

  it('takes a name once, and nothing of a transaction whose row is another by now', async () => {
    const port = { op: 'insert', table: 'Logical_Switch_Port', name: 'p', row: { name: 'one' } } as const;
    const holder = { op: 'insert', table: 'Logical_Switch', row: { name: 's', ports: ['@p'] } } as const;
    const [, uuid] = await client.transact([port, holder]);
    assert.ok(typeof uuid === 'string');
    const fails = (failure: string) => (error: unknown) => error instanceof OvsdbError && error.failure === failure;
    await assert.rejects(client.transact([port, holder]), fails('taken'));
    const stale = { op: 'require', table: 'Logical_Switch', uuid, column: 'name', value: 'not s' } as const;
    const rename = { op: 'update', table: 'Logical_Switch', uuid, row: { name: 't' } } as const;
    await assert.rejects(client.transact([stale, rename]), fails('stale'));
    assert.equal(client.tables().get('Logical_Switch')?.get(uuid)?.['name'], 's');
    await client.transact([{ ...stale, value: 's' }, rename]);
    assert.equal(client.tables().get('Logical_Switch')?.get(uuid)?.['name'], 't');
  });

  it('is followed again after it was killed, with what changed meanwhile', async () => {
    await server.stop('SIGKILL');
    await eventually('the loss', 10_000, () => client.problem());
    await server.start();
    await nbctl('ls-add', 'made-meanwhile');
    await client.ready();
    await eventually('the switch', 10_000, () =>
      [...(client.tables().get('Logical_Switch')?.values() ?? [])].some((row) => row['name'] === 'made-meanwhile')
        ? true
        : null,
    );
    const { operations } = difference(actual, []);
    assert.deepEqual(operations, []);
  });

  it('is reached over TCP, too', async () => {
    const log = await run('ovs-appctl', ['-t', join(dir, 'nb.ctl'), 'ovsdb-server/list-remotes']);
    assert.match(log.stdout, /ptcp:0:127.0.0.1/);
    const sockets = (await run('ss', ['-ltnp'])).stdout.split('\n');
    const pid = (await run('ovs-appctl', ['-t', join(dir, 'nb.ctl'), 'version'])).stdout;
    assert.match(pid, /ovsdb-server/);
    const port = sockets.find((line) => line.includes('ovsdb-server'))?.match(/127\.0\.0\.1:(\d+)/)?.[1];
    assert.ok(port !== undefined);
    const over = openNorthbound(`tcp:127.0.0.1:${port}`);
    await over.ready();
    assert.equal(over.tables().get('Logical_Switch')?.size, client.tables().get('Logical_Switch')?.size);
    await over.close();
  });
});
