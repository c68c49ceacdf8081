// The names of a saga's events: one for each step, and Nova's own among them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventName } from '../../../src/ops/engine/saga.ts';
import { actions } from '../../../src/ops/actions.ts';

/** As Nova's compute service and conductor name what they do. */
const NOVAS = /^(compute_|conductor_|cold_migrate$|rebuild_server$|schedule_instances$|get_image_info$)/;

interface Asked {
  readonly name: string;
  readonly requests?: { readonly [transition: string]: { readonly policy: string } | undefined };
}

/** No action of Nova's: its rule is of our own. Adjustments and copies of disks have routes of their own. */
const isOurs = ({ name, requests = {} }: Asked): boolean =>
  ['adjust', 'copy_disk', 'restore_disk'].includes(name) ||
  Object.values(requests).some((request) => request?.policy.startsWith('os_compute_api:xloud:'));

describe('names of events', () => {
  const sagas = [...actions.values()];

  it('are of many actions, most of them Nova’s', () => {
    assert.ok(sagas.length > 20);
    assert.ok(sagas.filter(isOurs).length < 7);
  });

  for (const saga of sagas) {
    it(`${saga.name} has each once, and Nova's`, () => {
      const names = saga.steps.map((step) => eventName(saga, step));
      assert.equal(new Set(names).size, names.length);
      // what Nova does not do has no names of Nova's
      assert.equal(
        names.some((name) => NOVAS.test(name)),
        !isOurs(saga),
        names.join(),
      );
    });
  }
});
