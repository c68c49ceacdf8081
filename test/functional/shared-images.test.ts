// An image that is made for two projects at once is theirs together or is not made.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newUuid } from '../../src/base/ids.ts';
import { type Cloud, callers, startCloud } from '../support/cloud.ts';

describe('an image with its first member', () => {
  let cloud: Cloud;
  before(async () => {
    cloud = await startCloud();
  });
  after(() => cloud.close());

  const create = (name: string, sharedWith: string | null) =>
    cloud.images.service.create(callers.admin, {
      id: newUuid(),
      name,
      visibility: 'shared',
      sharedWith,
      diskFormat: null,
      containerFormat: null,
      minDiskGb: 0,
      minRamMb: 0,
      properties: {},
    });
  const named = (name: string) =>
    cloud.images.service.list(callers.admin, { filters: { name, visibility: 'all' }, limit: 10, marker: null });

  it('is there for both', async () => {
    const { id } = await create('whole', callers.demo.projectId);
    assert.equal((await cloud.images.service.find(callers.demo, id))?.id, id);
    assert.equal((await named('whole')).length, 1);
  });

  it('is not made where the member cannot be added', async () => {
    // the column refuses it
    await assert.rejects(create('half', undefined as unknown as string));
    assert.deepEqual(await named('half'), []);
  });
});
