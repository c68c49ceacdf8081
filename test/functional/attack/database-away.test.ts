// A database that is away or full is no bug of ours: who asks is told to come back, the service is not ready as long as that lasts,
// and what was promised before is kept afterwards.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer as createHttp } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { silentLog } from '../../../src/base/log.ts';
import type { Database } from '../../../src/db/engine.ts';
import { proveWritable } from '../../../src/db/readiness.ts';
import { diskProblem, withHealth } from '../../../src/main/health.ts';
import { makeMetrics } from '../../../src/web/metrics.ts';
import { fragileMariadb } from '../../support/mariadb.ts';
import { type Servers, startServers } from '../../support/servers.ts';

const isToldToWait = (answer: { status: number; headers: Readonly<Record<string, string>>; text: string }): void => {
  assert.equal(answer.status, 503, answer.text);
  assert.match(answer.headers['retry-after'] ?? '', /^\d+$/);
};

/** What /readyz says of a database and a directory. */
async function readyz(
  database: Database,
  directory: string,
): Promise<{ status: number; checks: Record<string, string> }> {
  const conditions = [
    { name: 'database', problem: () => proveWritable(database, Date.now()).then(() => null) },
    { name: 'disk', problem: () => diskProblem(directory) },
  ];
  const server = createHttp(withHealth(makeMetrics(), conditions, silentLog, (_, response) => response.end()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/readyz`);
    const { checks } = (await answer.json()) as { checks: Record<string, string> };
    return { status: answer.status, checks };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const asks = (servers: Servers, id: string) =>
  Promise.all([
    servers.request('GET', '/servers/detail'),
    servers.request('GET', `/servers/${id}`),
    servers.request('POST', `/servers/${id}/action`, { body: { 'os-stop': null } }),
    servers.request('PUT', `/servers/${id}/metadata`, { body: { metadata: { a: 'b' } } }),
    servers.request('DELETE', `/servers/${id}`),
    servers.post(),
  ]);

describe('a database that dies', () => {
  it('is told to whoever asks, and does not break what goes on afterwards', async (t) => {
    const wire = await fragileMariadb();
    t.after(() => wire.close());
    const servers = await startServers({ engine: 'mysql', databaseUrl: wire.url, recorded: false });
    t.after(() => servers.close());
    const id = await servers.create();
    assert.equal((await readyz(servers.world.database, tmpdir())).status, 200);
    await wire.cut();
    for (const answer of await asks(servers, id)) isToldToWait(answer);
    const { status, checks } = await readyz(servers.world.database, tmpdir());
    assert.equal(status, 503);
    assert.deepEqual(checks, { database: 'does not answer', disk: 'ok' });
    await wire.mend();
    assert.equal((await readyz(servers.world.database, tmpdir())).status, 200);
    assert.equal((await servers.request('DELETE', `/servers/${id}`)).status, 204);
    await servers.world.settled();
    assert.deepEqual(await servers.world.leftovers(), []);
  });
});

describe('a disk that is full', () => {
  it('takes nothing new, and says so; what is there is shown', async (t) => {
    const servers = await startServers({ recorded: false });
    t.after(() => servers.close());
    const { write } = servers.world.database;
    const id = await servers.create();
    // from now on SQLite has no page more than it has
    const { max_page_count: most } = (await write.raw('pragma max_page_count'))[0] as { max_page_count: number };
    await write.raw('pragma max_page_count = 1');
    const user_data = Buffer.alloc(40_000, 'x').toString('base64');
    isToldToWait(await servers.post({ user_data }));
    assert.equal((await servers.request('GET', `/servers/${id}`)).status, 200);
    await write.raw(`pragma max_page_count = ${most}`);
    assert.equal((await servers.post({ user_data })).status, 202);
    await servers.world.settled();
    assert.deepEqual(await servers.world.leftovers(), []);
  });

  it('is no directory for data', async (t) => {
    const servers = await startServers({ recorded: false });
    t.after(() => servers.close());
    const directory = mkdtempSync(join(tmpdir(), 'xloud-gone-'));
    rmSync(directory, { recursive: true });
    const { status, checks } = await readyz(servers.world.database, directory);
    assert.equal(status, 503);
    assert.deepEqual(checks, { database: 'ok', disk: 'takes no file (ENOENT)' });
  });
});
