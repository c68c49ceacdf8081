// What the doctor says of who carries what goes in and out of routers.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waysOut } from '../../../src/main/doctor/services.ts';

const hosts = (...wires: readonly (readonly string[])[]) =>
  new Map(wires.map((of, at) => [`h${at}`, { name: `c${at}`, wires: of }]));
const said = (named: string[], of: ReturnType<typeof hosts>) =>
  waysOut({ ovn_gateways: named, ovn_wire: 'external' }, of).map(({ text }) => text);

describe('the ways out of routers', () => {
  it('are missed where no host leads there, and none is named', () => {
    assert.match(said([], hosts([]))[0] ?? '', /none leads to external/);
    assert.deepEqual(said(['c0'], hosts([])), []);
    assert.deepEqual(said([], hosts(['external'])), []);
  });

  it('do not move between two hosts', () => {
    assert.match(said([], hosts(['external'], ['external']))[0] ?? '', /two hosts in all/);
    assert.deepEqual(said([], hosts(['external'], ['external'], [])), []);
  });
});
