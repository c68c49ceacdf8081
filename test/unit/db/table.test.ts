// A noun's table names each column once, and a value that goes through it comes back.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sharedJson } from '../../../src/db/codec.ts';
import type { Shape } from '../../../src/db/shapes.ts';
import { nicShape } from '../../../src/db/shapes.ts';
import { type Columns, columnsOf, defineNoun, joined } from '../../../src/db/table.ts';

interface Part {
  readonly start: number;
  readonly end: number | null;
}

interface Thing {
  readonly id: number;
  readonly kind: 'a' | 'b';
  readonly note: string | null;
  readonly isOpen: boolean;
  readonly size: Part;
  readonly tags: readonly string[] | null;
  readonly made: { readonly by: string };
  readonly createdAt: number;
}

const madeCodec = {
  read: (cell: unknown) => ({ by: String(cell).toLowerCase() }),
  write: ({ by }: Thing['made']) => by.toUpperCase(),
};

const columns: Columns<Thing> = {
  id: ['id', 'number'],
  kind: ['thing_kind', 'text'],
  note: ['note', 'text'],
  isOpen: ['is_open', 'bool'],
  size: { start: ['size_start', 'number'], end: ['size_end', 'number'] },
  tags: ['tags', 'json'],
  made: ['made', madeCodec],
  createdAt: ['created_at', 'time'],
};

const things = defineNoun<Thing, { readonly secret: string }>({
  table: 'things',
  columns,
  also: ({ kind, secret }) => ({ ...(kind && { is_a: kind === 'a' ? 1 : 0 }), ...(secret && { hash: `#${secret}` }) }),
});

const thing: Thing = {
  ...{ id: 7, kind: 'a', note: null, isOpen: true, size: { start: 1, end: null } },
  ...{ tags: ['x'], made: { by: 'me' }, createdAt: 1_700_000_000_000 },
};

const row = {
  ...{ id: 7, thing_kind: 'a', note: null, is_open: 1, size_start: 1, size_end: null },
  ...{ tags: '["x"]', made: 'ME', created_at: 1_700_000_000_000 },
};

describe("a noun's table", () => {
  it('writes a value and reads it back as it was', () => {
    assert.deepEqual(things.toRow(thing), { ...row, is_a: 1 });
    assert.deepEqual(things.fromRow(row), thing);
  });

  it('reads what either engine gives', () => {
    const mysql = { ...row, is_open: true, tags: ['x'], created_at: '1700000000000' };
    assert.deepEqual(things.fromRow(mysql), thing);
  });

  it('reads what was not selected as null', () => {
    const { note: _note, size_end: _end, tags: _tags, ...some } = row;
    assert.deepEqual(things.fromRow(some), { ...thing, tags: null });
  });

  it('writes what is given of a value, and what follows from that', () => {
    assert.deepEqual(things.toRow({ note: 'n', isOpen: false }), { note: 'n', is_open: 0 });
    assert.deepEqual(things.toRow({ size: { start: 2, end: 3 } }), { size_start: 2, size_end: 3 });
    assert.deepEqual(things.toRow({ tags: null, secret: 's' }), { tags: null, hash: '#s' });
    const absent: { readonly note?: string } = JSON.parse('{}');
    assert.deepEqual(things.toRow({ ...absent, kind: 'b' }), { thing_kind: 'b', is_a: 0 });
  });

  it('lists its columns, by the name of the table or another, without those of some fields', () => {
    assert.deepEqual(things.columns, Object.keys(row));
    assert.deepEqual(columnsOf(things).slice(0, 2), ['things.id', 'things.thing_kind']);
    const without = columnsOf(things, { as: 't', without: ['note', 'size'] });
    assert.deepEqual(without, ['t.id', 't.thing_kind', 't.is_open', 't.tags', 't.made', 't.created_at']);
  });

  it('shares equal JSON between rows that are read together', () => {
    const parse = sharedJson(10);
    assert.equal(things.fromRow(row, parse).tags, things.fromRow({ ...row, id: 8 }, parse).tags);
    assert.notEqual(things.fromRow(row).tags, things.fromRow(row).tags);
  });

  it('is found in the row of a join, where there is one', () => {
    const other = joined(things, 'thing_', 'id');
    assert.deepEqual(other.columns.slice(0, 2), ['things.id as thing_id', 'things.thing_kind as thing_thing_kind']);
    const prefixed = Object.fromEntries(Object.entries(row).map(([name, cell]) => [`thing_${name}`, cell]));
    assert.deepEqual(other.fromRow({ id: 99, ...prefixed }), thing);
    assert.equal(other.fromRow({ id: 99, thing_id: null }), null);
  });

  it('takes any name for what it is', () => {
    const odd = defineNoun<{ readonly 'a"b': string }>({ table: 'odd', columns: { 'a"b': ['c"]; d', 'text'] } });
    assert.deepEqual(odd.fromRow({ 'c"]; d': 'x' }), { 'a"b': 'x' });
  });

  it('does not compile with a field too few, or of another type', () => {
    // @ts-expect-error -- no `end`
    const short: Columns<Part> = { start: ['start', 'number'] };
    // @ts-expect-error -- a number is no text
    const wrong: Columns<Part> = { start: ['start', 'text'], end: ['end', 'number'] };
    // @ts-expect-error -- a field that a part does not have
    const long: Columns<Part> = { start: ['start', 'number'], end: ['end', 'number'], other: ['other', 'text'] };
    const otherShape: Shape<object> = nicShape;
    // @ts-expect-error -- another shape than the field's
    const shaped: Columns<Pick<Thing, 'made'>> = { made: ['made', otherShape] };
    assert.ok(short && wrong && long && shaped);
  });
});
