// Wrong passwords by the hundred: whoever knows his own is let in meanwhile, the sender is told to wait, and what nobody waits for
// is not computed. With passwords of half the cost that they have in earnest. On both engines.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, it } from 'node:test';
import { engines } from '../../support/database.ts';
import { startWalkedCloud } from '../../support/walkers.ts';

const FLOOD = 258;

for (const engine of engines) {
  describe(`a flood of logins on ${engine}`, () => {
    it('does not keep others out, and ends with its connections', async () => {
      const cloud = await startWalkedCloud(engine, { scryptCost: { N: 2 ** 13, r: 8, p: 5 } });
      try {
        const body = (name: string) =>
          JSON.stringify({
            auth: {
              identity: {
                methods: ['password'],
                password: { user: { name, domain: { id: 'default' }, password: 'no' } },
              },
            },
          });
        const statuses: number[] = [];
        let retryAfter: string | undefined;
        const flood = Array.from({ length: FLOOD }, () => {
          const sent = request(`${cloud.url}/identity/v3/auth/tokens`, {
            method: 'POST',
            agent: false,
            headers: { 'Content-Type': 'application/json' },
          });
          sent.on('response', (answer) => {
            statuses.push(answer.statusCode ?? 0);
            if (answer.statusCode === 429) retryAfter = answer.headers['retry-after'];
            answer.resume();
          });
          sent.on('error', () => {});
          sent.end(body('victim'));
          return sent;
        });
        const refused = () => statuses.filter((status) => status === 429).length;
        while (refused() < 200) await new Promise((resolve) => setTimeout(resolve, 5));
        assert.equal(retryAfter, '5');

        const answered = () => statuses.filter((status) => status === 401).length;
        const before = answered();
        assert.equal((await cloud.login('member')).status, 201);
        // the hash under way, and one more of the flood's where it is its turn first
        assert.ok(answered() - before <= 3, `${answered() - before} of the flood went first`);
        assert.ok(FLOOD - statuses.length >= 8, 'the flood was over before the right login was');

        for (const sent of flood) sent.destroy();
        const timeOf = async (): Promise<number> => {
          const began = performance.now();
          let status = 429;
          while (status === 429) ({ status } = await cloud.login('victim'));
          assert.equal(status, 401);
          return performance.now() - began;
        };
        const [behindTheGone, alone] = [await timeOf(), await timeOf()];
        assert.ok(behindTheGone < 6 * alone, `${behindTheGone} ms behind those who are gone, ${alone} ms alone`);
      } finally {
        await cloud.close();
      }
    });
  });
}
