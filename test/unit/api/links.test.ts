import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memberLinks, nextLinks, pageOf } from '../../../src/api/links.ts';

const url = {
  service: 'http://host/compute',
  versioned: 'http://host/compute/v2.1/abc',
  bookmark: 'http://host/compute/abc',
  image: 'http://host/image',
  consoles: 'http://host/console',
  path: '/flavors/detail',
};

describe('links', () => {
  it('a member has a self link with the version and a bookmark without', () => {
    assert.deepEqual(memberLinks(url, 'flavors', '7'), [
      { rel: 'self', href: 'http://host/compute/v2.1/abc/flavors/7' },
      { rel: 'bookmark', href: 'http://host/compute/abc/flavors/7' },
    ]);
  });

  it('a page is as long as was asked, but no longer than the maximum; the last of several values counts', () => {
    assert.deepEqual(pageOf({}, 1000), { limit: 1000, marker: null });
    assert.deepEqual(pageOf({ limit: ['5'], marker: ['a'] }, 1000), { limit: 5, marker: 'a' });
    assert.deepEqual(pageOf({ limit: ['5', '2000'], marker: ['a', 'b'] }, 1000), { limit: 1000, marker: 'b' });
    assert.deepEqual(pageOf({ limit: ['0'] }, 1000), { limit: 0, marker: null });
    assert.throws(() => pageOf({ limit: ['-1'] }, 1000), /limit param must be an integer/);
  });

  it('a full page has a next link that keeps the query and moves the marker', () => {
    const query = { limit: ['2'], marker: ['0'], is_public: ['None'], sort_key: ['a', 'b'] };
    assert.deepEqual(nextLinks(url, query, pageOf(query, 1000), 1000, ['1', 'two words']), [
      {
        rel: 'next',
        href: 'http://host/compute/v2.1/abc/flavors/detail?limit=2&is_public=None&sort_key=a&sort_key=b&marker=two+words',
      },
    ]);
  });

  it('a page that is not full has none, and neither has an empty one', () => {
    const query = { limit: ['2'] };
    assert.deepEqual(nextLinks(url, query, pageOf(query, 1000), 1000, ['1']), []);
    assert.deepEqual(nextLinks(url, { limit: ['0'] }, pageOf({ limit: ['0'] }, 1000), 1000, []), []);
    assert.deepEqual(nextLinks(url, {}, pageOf({}, 1000), 1000, ['1']), []);
  });

  it('a page cut by the maximum has one although nobody gave a limit', () => {
    assert.deepEqual(nextLinks(url, {}, pageOf({}, 2), 2, ['1', '2']), [
      { rel: 'next', href: 'http://host/compute/v2.1/abc/flavors/detail?marker=2' },
    ]);
  });
});
