// Many who ask for large pages at once keep nobody else waiting for all of them: the others have their turn between pieces.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Incoming, runRoute } from '../../../src/api/runner.ts';
import type { RouteEntry } from '../../../src/api/resource.ts';
import { makeValidator } from '../../../src/api/schema.ts';
import { limits } from '../../../src/base/limits.ts';
import type { WebContext } from '../../../src/web/app.ts';

const PAGES = 6;
const PIECES = 3;

const busy = (ms: number): void => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

describe('answers that are made in pieces', () => {
  it('give the others their turn between pieces, and between one and the next', async () => {
    const log: string[] = [];
    const route = {
      summary: 'Large.',
      policy: null,
      status: 200,
      run: async () => null,
      *pieces() {
        for (let piece = 0; piece < PIECES; piece += 1) {
          busy(limits.sliceMs + 1);
          log.push('piece');
          yield 'x';
        }
      },
    } as unknown as RouteEntry;
    const incoming = {
      op: { minor: 1, caller: { userId: 'u', projectId: 'p' } },
      services: {},
      params: {},
      query: {},
      body: null,
      url: {},
      kept: null,
      legacy: false,
    } as unknown as Incoming;
    let isOver = false;
    const others = (): void => {
      log.push('others');
      if (!isOver) setImmediate(others);
    };
    setImmediate(others);
    const answers = Array.from({ length: PAGES }, () => ({}) as WebContext);
    await Promise.all(answers.map((ctx) => runRoute(ctx, [route], incoming, makeValidator())));
    isOver = true;
    assert.deepEqual(
      answers.map(({ body }) => String(body)),
      answers.map(() => 'x'.repeat(PIECES)),
    );
    const inOne = log
      .join(' ')
      .split('others')
      .map((stretch) => stretch.split('piece').length - 1);
    assert.ok(Math.max(...inOne) <= 2, log.join(' '));
  });
});
