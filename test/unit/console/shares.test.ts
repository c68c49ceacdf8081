import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeShares } from '../../../src/console/shares.ts';

describe('shares of consoles', () => {
  it('are counted by token, user and project, and given back once', () => {
    const shares = makeShares({ token: 2, user: 3, project: 4 });
    const take = (token: string, user = 'u', project = 'p') => shares.take({ token, user, project });
    const first = take('a');
    take('a');
    assert.throws(() => take('a'), /Too many consoles are open with this token/);
    take('b');
    assert.throws(() => take('c'), /with this user/);
    take('c', 'v');
    assert.throws(() => take('d', 'w'), /with this project/);
    take('d', 'w', 'q');
    first();
    first();
    take('a');
    assert.throws(() => take('c'), /with this user/);
  });
});
