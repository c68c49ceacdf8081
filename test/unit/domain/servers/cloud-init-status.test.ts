import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type CloudInitFiles, cloudInitStatus } from '../../../../src/domain/servers/cloud-init-status.ts';

const datasource = 'DataSourceOpenStackLocal [net,ver=2]';
const stage = (start: number, finished: number | null, errors: readonly unknown[] = []) => ({
  start,
  finished,
  errors,
});
/** As cloud-init 22.4 writes it. */
const statusFile = (final: object, more: object = {}) =>
  JSON.stringify({
    v1: {
      datasource,
      ...{ 'init-local': stage(100, 110), init: stage(111, 120), 'modules-config': stage(121, 130) },
      ...{ 'modules-final': final, stage: null, ...more },
    },
  });
const files = (given: Partial<CloudInitFiles>): CloudInitFiles => ({ status: null, result: null, log: null, ...given });
const wordOf = (given: Partial<CloudInitFiles>) => cloudInitStatus(files(given), '').status;

describe('what cloud-init came to, by its files', () => {
  it('is nothing where it left none', () => {
    assert.equal(wordOf({}), 'not_run');
  });

  it('is under way, at a stage, until its last one is over', () => {
    const status = statusFile(stage(131, null), { stage: 'modules-final' });
    const found = cloudInitStatus(files({ status, log: 'half\n' }), '');
    assert.deepEqual(
      [found.status, found.stage, found.seconds, found.log],
      ['running', 'modules-final', null, 'half\n'],
    );
    assert.equal(wordOf({ status: statusFile(stage(0, null)) }), 'running');
    // what failed so far is shown, and the word stays until the end
    const failed = statusFile(stage(131, null), { init: stage(111, 120, ['early']), stage: 'modules-final' });
    const early = cloudInitStatus(files({ status: failed }), '');
    assert.deepEqual([early.status, early.errors], ['running', ['early']]);
  });

  it('is done, or what failed', () => {
    const done = cloudInitStatus(
      files({ status: statusFile(stage(131, 142.26)), result: JSON.stringify({ v1: { datasource, errors: [] } }) }),
      "Cloud-init v. 1 running 'init' at",
    );
    assert.deepEqual(
      [done.source, done.status, done.stage, done.datasource, done.errors, done.seconds],
      ['agent', 'done', null, datasource, [], 42.3],
    );
    const result = JSON.stringify({ v1: { datasource, errors: ['no package', 'late'] } });
    const failed = cloudInitStatus(files({ status: statusFile(stage(131, 142, ['no package'])), result }), '');
    assert.deepEqual([failed.status, failed.errors], ['error', ['no package', 'late']]);
  });

  it('tells warnings of newer ones apart', () => {
    const status = statusFile({
      ...stage(131, 142),
      recoverable_errors: { WARNING: ['old key'], DEPRECATED: ['older'] },
    });
    const found = cloudInitStatus(files({ status }), '');
    assert.deepEqual([found.status, found.warnings], ['done', ['old key', 'older']]);
  });

  it('has a shape and an end, whatever a guest puts there', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.jsonValue().map((v1) => JSON.stringify({ v1 })),
      fc
        .jsonValue()
        .map((part) => statusFile({ errors: [part], start: part, finished: part }, { stage: part, datasource: part })),
      fc.array(fc.string({ minLength: 600 }), { minLength: 30 }).map((errors) => JSON.stringify({ v1: { errors } })),
    );
    const perhaps = fc.option(anything);
    fc.assert(
      fc.property(perhaps, perhaps, fc.option(fc.string({ unit: 'binary' })), (status, result, log) => {
        const found = cloudInitStatus({ status, result, log }, '');
        const texts = [...found.errors, ...found.warnings, found.stage ?? '', found.datasource ?? ''];
        assert.ok(texts.length <= 42);
        for (const text of texts) assert.ok(typeof text === 'string' && text.length <= 500 && text.isWellFormed());
        assert.ok(found.seconds === null || (found.seconds >= 0 && found.seconds <= 1e6));
        assert.ok(found.log === null || found.log.isWellFormed());
      }),
    );
  });
});

describe('what cloud-init came to, by the console', () => {
  const said = (...lines: string[]) =>
    cloudInitStatus(null, lines.map((line) => `[   12.3] cloud-init[201]: ${line}\r\n`).join(''));
  const begins = (name: string) =>
    `Cloud-init v. 22.4.2 running '${name}' at Tue, 01 Dec 2026 15:35:10 +0000. Up 90.15 seconds.`;
  const ends = `Cloud-init v. 22.4.2 finished at Tue, 01 Dec 2026 15:35:26 +0000. Datasource ${datasource}.  Up 105.25 seconds`;

  it('is unknown where it said nothing', () => {
    const { source, status, log } = cloudInitStatus(null, 'login: \n');
    assert.deepEqual([source, status, log], [null, 'unknown', null]);
  });

  it('is what it said last, of the last boot', () => {
    const late = said(begins('init-local'), begins('modules:config'));
    assert.deepEqual([late.source, late.status, late.stage], ['console', 'running', 'modules:config']);
    const done = said(begins('init-local'), ends);
    assert.deepEqual([done.status, done.stage, done.datasource], ['done', null, datasource]);
    const failed = said(begins('init-local'), "util.py[WARNING]: Running module locale (<module 'x'>) failed", ends);
    assert.deepEqual([failed.status, failed.errors], ['error', ["Running module locale (<module 'x'>) failed"]]);
    const again = said(begins('init-local'), 'Running module locale failed', ends, begins('init-local'));
    assert.deepEqual([again.status, again.errors], ['running', []]);
  });

  it('shows its own words, and no more of them than a hundred lines', () => {
    const found = cloudInitStatus(null, `secret\n${`cloud-init[2]: ${begins('init')}\n`.repeat(300)}secret\n`);
    assert.equal(found.log?.split('\n').length, 100);
    assert.doesNotMatch(found.log ?? '', /secret/);
  });
});
