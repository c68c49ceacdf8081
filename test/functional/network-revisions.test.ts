// What is changed of one revision alone, and lists by tags: of every noun of the network service alike.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Answer, type Cloud, startCloud } from '../support/cloud.ts';

let cloud: Cloud;
before(async () => {
  cloud = await startCloud();
});
after(() => cloud.close());

const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  cloud.ask('demo', method, `/network/v2.0/${path}`, body, headers);
const at = (revision: number | string) => ({ 'If-Match': `revision_number=${revision}` });
const made = async (noun: string, value: object) =>
  (await ask('POST', `${noun.replaceAll('_', '-')}s`, { [noun]: value })).json[noun];

describe('a change of one revision', () => {
  const nouns = {
    network: { name: 'net' },
    security_group: { name: 'group' },
    subnetpool: { name: 'pool', prefixes: ['10.88.0.0/16'] },
  };
  for (const [noun, value] of Object.entries(nouns)) {
    it(`is made where nobody else was faster, and refused otherwise: of a ${noun}`, async () => {
      const { id, revision_number: first } = await made(noun, value);
      const path = `${noun.replaceAll('_', '-')}s/${id}`;
      const rename = (name: string, headers = {}) => ask('PUT', path, { [noun]: { name } }, headers);
      assert.equal((await rename('second', at(first))).json[noun].revision_number, first + 1);
      const late = await rename('third', at(first));
      assert.deepEqual([late.status, late.json.NeutronError.type], [412, 'RevisionNumberConstraintFailed'], late.text);
      assert.match(late.json.NeutronError.message, new RegExp(`^Constrained to ${first}, but current revision is`));
      assert.equal((await ask('GET', path)).json[noun].name, 'second');
      assert.equal((await ask('DELETE', path, undefined, at(first))).status, 412);
      assert.equal((await ask('DELETE', path, undefined, at(first + 1))).status, 204);
    });
  }

  it('names its revision', async () => {
    const { id } = await made('network', { name: 'net' });
    for (const text of ['*', '"1"', 'revision_number=x', 'revision_number=-1']) {
      const answer = await ask('PUT', `networks/${id}`, { network: { name: 'x' } }, { 'If-Match': text });
      assert.equal(answer.status, 400, text);
    }
  });

  it('of what is not there is of nothing', async () => {
    const nobody = '00000000-0000-0000-0000-000000000000';
    assert.equal((await ask('PUT', `networks/${nobody}`, { network: { name: 'x' } }, at(1))).status, 404);
  });
});

describe('a list by tags', () => {
  it('has what has all of them, or one, or not', async () => {
    const tagged = async (...tags: readonly string[]): Promise<string> => {
      const { id } = await made('network', { name: tags.join('') });
      await ask('PUT', `networks/${id}/tags`, { tags: ['mine', ...tags] });
      return id;
    };
    const [one, two, three] = [await tagged('a', 'b', 'c'), await tagged('b', 'c', 'd'), await tagged('a"b')];
    const all = [one, two, three];
    const list = async (query: string) => {
      const found = (await ask('GET', `networks?tags=mine&${query}`)).json.networks.map(({ id }: { id: string }) => id);
      return found.toSorted((a: string, b: string) => all.indexOf(a) - all.indexOf(b));
    };
    assert.deepEqual(await list('tags-any=a,d'), [one, two]);
    assert.deepEqual(await list('tags-any=b'), [one, two]);
    assert.deepEqual(await list('not-tags=a,b'), [two, three]);
    assert.deepEqual(await list('not-tags-any=a,d'), [three]);
    assert.deepEqual(await list('tags-any=a,d&not-tags=c,d'), [one]);
    assert.deepEqual(await list('tags-any=%25,_'), []);
  });
});
