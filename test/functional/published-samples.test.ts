// Every sample that Nova publishes: its requests are accepted or refused as the index of samples says, word for word, and the
// answers have the keys of its answers. What each needs before it can be asked is in ../support/sample-stages.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { computeRoutes } from '../../src/api/compute/index.ts';
import { withoutKit } from '../support/kit.ts';
import { contentOf, keyDifferences, readSamples, requestOf, type Sample } from '../support/published-samples.ts';
import { anywhere, beyondUs, openStage, recipes } from '../support/sample-stages.ts';

/** Parameters have other names in the kit than in our routes; positions are the same. */
const shapeOf = (path: string): string => path.replaceAll(/\{\w+\}|:\w+/g, '*');

const known = new Set(
  computeRoutes.map(({ method, path, action }) => shapeOf(`${method} ${path}${action === null ? '' : `#${action}`}`)),
);

describe('published samples', { skip: withoutKit }, () => {
  const samples = withoutKit ? [] : readSamples();

  /** Sets the stage, asks what the sample stands for, and returns the answer. */
  async function play(sample: Sample) {
    const recipe = sample.expect === 'gone' ? anywhere : recipes[sample.endpoint];
    assert.ok(recipe !== undefined, `nothing says how to ask ${sample.endpoint}`);
    const stage = await openStage(recipe.hosts);
    try {
      const request = sample.side === 'request' ? sample : requestOf(sample, samples);
      const asked = await recipe.ask(stage, sample);
      const body = request === undefined ? asked.body : contentOf(request);
      const [method = ''] = sample.endpoint.split(' ');
      return await stage.request(method, asked.path, {
        as: asked.as ?? 'admin',
        version: sample.microversion,
        ...(method === 'GET' ? {} : { body: asked.change === undefined ? body : asked.change(body) }),
      });
    } finally {
      await stage.close();
    }
  }

  async function judge(sample: Sample): Promise<void> {
    const answer = await play(sample);
    if (sample.expect === 'gone') assert.equal(answer.status, 410, answer.text);
    else if (sample.expect === 'rejected') assert.equal(answer.status, 400, answer.text);
    else {
      assert.ok(answer.status < 300, `${answer.status} ${answer.text}`);
      if (sample.side === 'response') {
        if (sample.status !== null) assert.equal(answer.status, sample.status);
        assert.deepEqual(keyDifferences(contentOf(sample), answer.body), []);
      }
    }
  }

  for (const [endpoint, list] of Map.groupBy(samples, (sample) => sample.endpoint)) {
    if (!known.has(shapeOf(endpoint))) continue;
    describe(endpoint, () => {
      for (const sample of list) {
        const reason = beyondUs[sample.file];
        if (reason === undefined) it(`${sample.file} at ${sample.microversion}`, () => judge(sample));
        else {
          it(`${sample.file} is not ours: ${reason}`, async () => {
            await assert.rejects(judge(sample), 'the reason no longer holds');
          });
        }
      }
    });
  }

  it('endpoints that have samples are served', (test) => {
    const endpoints = new Set(samples.map(({ endpoint }) => endpoint));
    const missing = [...endpoints].filter((endpoint) => !known.has(shapeOf(endpoint)));
    test.diagnostic(`${missing.length} of ${endpoints.size} are not: ${missing.join(', ')}`);
    assert.ok(missing.length < endpoints.size);
  });
});
