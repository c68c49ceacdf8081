import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '../../../../src/base/limits.ts';
import { listQueryOf, type ListWords, nextLinks } from '../../../../src/standalone/volume/list-query.ts';
import type { Visit } from '../../../../src/standalone/volume/web.ts';
import { parseQuery } from '../../../../src/web/query.ts';

const words: ListWords = {
  filters: {
    name: { column: 'name' },
    size: { column: 'size_gb', as: 'number' },
    bootable: { column: 'b', as: 'bool' },
  },
  sorts: { id: 'id', name: 'name', size: 'size_gb', created_at: 'created_at' },
};

/** A request with this query, at the last version unless said otherwise. */
const visit = (querystring: string, { isAdmin = false, minor = 67, projectId = 'p' as string | null } = {}): Visit =>
  ({
    ctx: { querystring },
    caller: { isAdmin, projectId },
    query: parseQuery(querystring),
    base: 'http://x/v3',
    ...{ projectId, minor, params: {} },
  }) as unknown as Visit;
const query = (text: string, who?: Parameters<typeof visit>[1]) => listQueryOf(visit(text, who), words);
const refused = (text: string, words: RegExp) => assert.throws(() => query(text), words, text);

describe('the query of a list of volumes', () => {
  it('is the own project’s newest first, unless it says otherwise', () => {
    assert.deepEqual(query(''), {
      everywhere: false,
      choice: { projectId: 'p', columns: {}, metadata: {} },
      page: {
        sort: [
          { column: 'created_at', dir: 'desc' },
          { column: 'id', dir: 'desc' },
        ],
        ...{ marker: null, limit: limits.pageSize, offset: 0 },
      },
    });
  });

  it('is of all projects, or of another one, for administrators alone', () => {
    for (const text of ['all_tenants=1', 'all_tenants=True&project_id=q', 'project_id=q'])
      assert.equal(query(text).choice.projectId, 'p', text);
    const asAdmin = (text: string) => query(text, { isAdmin: true }).choice.projectId;
    assert.deepEqual(['', 'all_tenants=0', 'all_tenants=1', 'all_tenants=1&project_id=q'].map(asAdmin), [
      'p',
      'p',
      null,
      'q',
    ]);
    assert.equal(query('', { projectId: null }).choice.projectId, '', 'whoever has no project has nothing');
  });

  it('has an order by either form, and ends it by the id', () => {
    const sort = (text: string) => query(text).page.sort.map(({ column, dir }) => `${column} ${dir}`);
    assert.deepEqual(sort('sort=name:asc,size'), ['name asc', 'size_gb desc', 'id desc']);
    assert.deepEqual(sort('sort_key=name&sort_dir=asc'), ['name asc', 'id asc']);
    assert.deepEqual(sort('sort=id:asc'), ['id asc']);
    for (const text of ['sort=x', 'sort=constructor', 'sort=name:sideways', 'sort=', 'sort_key=name&sort_dir=x'])
      refused(text, /Invalid sort/);
  });

  it('is narrowed by what is known; the rest is refused since 3.31', () => {
    assert.deepEqual(query('name=a&name=b&size=3&bootable=True').choice.columns, {
      name: ['a', 'b'],
      size_gb: [3],
      b: [1],
    });
    assert.deepEqual(query('size=x').choice.columns, { size_gb: [-1] }, 'what no volume has');
    for (const text of ['strange=1', 'constructor=1', '__proto__=1']) refused(text, /Invalid filters/);
    assert.deepEqual(query('strange=1&name=a', { minor: 30 }).choice.columns, { name: ['a'] });
  });

  it('reads metadata as JSON or as Python writes it', () => {
    const metadata = (text: string) => query(`metadata=${encodeURIComponent(text)}`).choice.metadata;
    assert.deepEqual(metadata('{"a": "it\'s"}'), { a: "it's" });
    assert.deepEqual(metadata("{'a': 'b', u'c': u'd'}"), { a: 'b', c: 'd' });
    assert.deepEqual(metadata("{'u': 'menu', 'x': 'a u', 'y': 'it\\'s'}"), { u: 'menu', x: 'a u', y: "it's" });
    for (const text of ['x', '[]', 'null', '{"a": 1}', '"a"'])
      refused(`metadata=${encodeURIComponent(text)}`, /Invalid filter metadata/);
  });

  it('has whole numbers within bounds', () => {
    assert.equal(query('limit=5&offset=7').page.offset, 7);
    assert.equal(query('limit=999999').page.limit, limits.pageSize);
    for (const text of ['limit=-1', 'limit=x', 'limit=1.5', 'offset=-1', 'limit=9999999999'])
      refused(text, /must be an integer/);
  });

  it('leads to the next page where this one is full', () => {
    const links = (text: string, ids: readonly string[], limit: number) =>
      nextLinks(visit(text), '/volumes', ids, limit);
    assert.deepEqual(links('limit=2&offset=4&name=ü', ['a', 'b'], 2), [
      { rel: 'next', href: 'http://x/v3/volumes?limit=2&name=%C3%BC&marker=b' },
    ]);
    assert.deepEqual(links('limit=2', ['a'], 2), []);
    assert.deepEqual(links('limit=0', [], 0), []);
    assert.deepEqual(links('', ['a', 'b'], 2), []);
  });
});
