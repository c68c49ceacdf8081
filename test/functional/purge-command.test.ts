// `xloud db purge` as an operator runs it: while the service runs, from a script, and with words that are wrong.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { momentBefore } from '../../src/base/age.ts';
import { type Database, openDatabase } from '../../src/db/engine.ts';
import { insertDeleted } from '../support/deleted.ts';
import { type Service, startService } from '../support/serve.ts';
import { xloud } from '../support/xloud.ts';

const DAY_MS = 86_400_000;

describe('xloud db purge', () => {
  let service: Service;
  let database: Database;
  before(async () => {
    service = await startService({ driver: 'fake' });
    database = openDatabase(`sqlite://${join(service.dataDir, 'xloud.db')}`);
    for (let n = 0; n < 25; n += 1) await insertDeleted(database, Date.now() - 100 * DAY_MS);
    const kept = await insertDeleted(database, Date.now() - 100 * DAY_MS);
    await database.write('remnants').insert({ server_uuid: kept.uuid, host: 'gone', created_at: 1 });
    // nobody clears it meanwhile
    await database.write('services').update({ last_seen_at: 1 });
  });
  after(async () => {
    await database.close();
    await service.close();
  });
  const purge = (...words: string[]) => xloud('db', 'purge', '--data-dir', service.dataDir, ...words);
  const left = async (): Promise<number> => (await database.read('servers').pluck('id')).length;

  it('shows what would go, and removes nothing', async () => {
    const { status, stdout } = await purge('--before', '90d', '--dry-run');
    assert.equal(status, 0);
    assert.match(stdout, /^table +rows to remove\nservers +2[56]\ntotal +2[56]\n$/);
    assert.equal(await left(), 26);
  });

  it('leaves younger ones', async () => {
    assert.deepEqual(await purge('--before', '101d'), { status: 0, stdout: 'nothing to do\n', stderr: '' });
    assert.equal(await left(), 26);
  });

  it('removes them while the service runs, and says what it kept', async () => {
    const { status, stdout, stderr } = await purge('--before', '90d');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^table +rows removed\nservers +2[56]\ntotal +2[56]\n$/);
    // unless the running service cleared it first
    if (stdout.includes('25')) assert.match(stderr, /^kept: 1 .*may have left something on a host\n$/);
    assert.ok((await left()) <= 1);
    assert.equal((await service.request('xloud', 'GET', '/compute/v2.1/servers')).status, 200);
  });

  for (const [what, words, message] of [
    ['no moment', [], /--before/],
    ['a word', ['--before', 'yesterday'], /neither a date .* nor an age/],
    ['no such day', ['--before', '2026-02-30'], /neither a date .* nor an age/],
    ['a day to come', ['--before', '2999-01-01'], /has not come yet/],
  ] as const) {
    it(`ends with status 2 for ${what}`, async () => {
      const { status, stderr } = await purge(...words);
      assert.match(stderr, message);
      assert.equal(status, 2);
    });
  }

  it('makes no database where there is none', async () => {
    const dir = join(service.dataDir, 'nothing');
    const { status, stderr } = await xloud('db', 'purge', '--data-dir', dir, '--before', '90d');
    assert.ok(stderr.startsWith(`xloud: there is no database at ${join(dir, 'xloud.db')}: `), stderr);
    assert.equal(status, 2);
    assert.ok(!existsSync(dir));
  });
});

describe('the moment that an operator says', () => {
  const nowMs = Date.parse('2026-06-15T12:00Z');
  for (const [text, moment] of [
    ['2026-06-01', '2026-06-01T00:00Z'],
    ['2026-06-01T10:30', '2026-06-01T10:30Z'],
    ['2026-06-01 10:30:15', '2026-06-01T10:30:15Z'],
    ['2026-06-01T10:30Z', '2026-06-01T10:30Z'],
    ['2026-06-01T10:30+02:00', '2026-06-01T08:30Z'],
    ['14d', '2026-06-01T12:00Z'],
    ['2w', '2026-06-01T12:00Z'],
    ['12h', '2026-06-15T00:00Z'],
    ['0d', '2026-06-15T12:00Z'],
  ] as const) {
    it(`${text} is ${moment}`, () => assert.equal(momentBefore(text, nowMs), Date.parse(moment)));
  }
});
