// Every sample that Nova publishes: its requests are accepted or refused as the index of samples says, word for word, and the
// answers have the keys of its answers. Then every endpoint at each version at which it changes and no sample is of.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { existsAt } from '../../src/api/runner.ts';
import { liveEndpoints, refusedHere, routesOf } from '../support/endpoints.ts';
import { leastBody } from '../support/minimal.ts';
import {
  contentOf,
  keyDifferences,
  readSamples,
  requestAt,
  requestOf,
  type Sample,
} from '../support/published-samples.ts';
import { anywhere, recipeOf } from '../support/recipes.ts';
import { play, strike } from '../support/stage.ts';

/** Samples that speak of what there is not here, each with the reason. */
const beyondUs: Readonly<Record<string, string>> = {
  'os-remote-consoles/v2.6/create-rdp-console-req.json':
    "no hypervisor here has RDP consoles, nor has Nova's since 29.0",
  'os-remote-consoles/v2.8/create-mks-console-req.json': 'only VMware has MKS consoles',
  'os-remote-consoles/v2.8/create-mks-console-resp.json': 'only VMware has MKS consoles',
  'servers/v2.66/server-create-req.json': 'no image can be checked against a certificate',
  'servers/v2.69/server-get-resp.json': 'a cell is down; there are no cells',
  'servers/v2.69/servers-details-resp.json': 'a cell is down; there are no cells',
  'servers/v2.71/server-get-down-cell-resp.json': 'a cell is down; there are no cells',
};

const samples = readSamples();

const playSample = (sample: Sample) => {
  const request = sample.side === 'request' ? sample : requestOf(sample, samples);
  const content = JSON.stringify(contentOf(sample));
  return play(sample.expect === 'gone' || refusedHere[sample.endpoint] ? anywhere : recipeOf(sample.endpoint), {
    endpoint: sample.endpoint,
    microversion: sample.microversion,
    body: request === undefined ? undefined : contentOf(request),
    sample,
    shows: (key) => content.includes(`"${key}"`),
  });
};

/** Until 2.47 diagnostics have the hypervisor's names of devices in their keys, and what it says of memory. */
const named = (sample: Sample, body: object): object =>
  sample.file !== 'os-server-diagnostics/server-diagnostics-get-resp.json'
    ? body
    : Object.fromEntries(
        Object.entries(body)
          .filter(([key]) => !key.startsWith('memory-'))
          .map(([key, value]) => [key.replace(/^(vnet|tap)\d+_/, 'nic_'), value]),
      );

async function judge(sample: Sample): Promise<void> {
  const answer = await playSample(sample);
  // of all that Nova removed this alone is 400 there
  const gone = sample.endpoint.endsWith('#os-getRDPConsole') ? 400 : 410;
  if (sample.expect === 'gone') assert.equal(answer.status, gone, answer.text);
  else if (sample.expect === 'rejected') assert.equal(answer.status, 400, answer.text);
  else {
    assert.ok(answer.status < 300, `${answer.status} ${answer.text}`);
    if (sample.side === 'response') {
      if (sample.status !== undefined) assert.equal(answer.status, sample.status);
      assert.deepEqual(keyDifferences(named(sample, contentOf(sample)), named(sample, answer.body)), []);
    }
  }
}

describe('published samples', () => {
  after(strike);
  for (const [endpoint, list] of Map.groupBy(samples, (sample) => sample.endpoint)) {
    describe(endpoint, () => {
      for (const sample of list) {
        const [beyond, refused] = [beyondUs[sample.file], refusedHere[sample.endpoint]];
        if (refused !== undefined) {
          it(`${sample.file} is refused: ${refused}`, async () => {
            const { status, text } = await playSample(sample);
            assert.ok((status >= 400 && status < 500) || status === 501, `${status} ${text}`);
          });
        } else if (beyond !== undefined) {
          it(`${sample.file} is not ours: ${beyond}`, async () => {
            await assert.rejects(judge(sample), 'the reason no longer holds');
          });
        } else it(`${sample.file} at ${sample.microversion}`, () => judge(sample));
      }
    });
  }
});

describe('every endpoint at each version at which it changes', () => {
  after(strike);
  const endpoints = liveEndpoints();
  const sampled = new Set(
    samples
      .filter(({ file, expect }) => expect === undefined && beyondUs[file] === undefined)
      .map(({ endpoint, microversion }) => `${endpoint} ${microversion}`),
  );
  for (const { id, minors, refused } of endpoints) {
    const routes = routesOf(id);
    for (const minor of minors) {
      const version = `2.${minor}`;
      const route = routes.find((one) => existsAt(one, minor));
      if (route === undefined || refused(minor) !== null || sampled.has(`${id} ${version}`)) continue;
      it(`${id} at ${version}`, async () => {
        const request = requestAt(id, minor, samples);
        const body = request === undefined ? leastBody(route, minor) : contentOf(request);
        const scene = { endpoint: id, microversion: version, body, sample: null, shows: () => false };
        const answer = await play(recipeOf(id), scene);
        assert.ok(answer.status < 300, `${answer.status} ${answer.text} to ${JSON.stringify(body)}`);
      });
    }
  }

  it('every endpoint is served', () => {
    assert.deepEqual(
      endpoints.filter(({ id }) => routesOf(id).length === 0).map(({ id }) => id),
      [],
    );
  });
});
