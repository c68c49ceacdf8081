import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { makeSplitter, SplitError } from '../../../../src/cloud/ovn/ovsdb/splitter.ts';
import { columnType, decode, encode, inOrder, patched, sameValue } from '../../../../src/cloud/ovn/ovsdb/values.ts';

const whole = (messages: readonly unknown[]): Buffer =>
  Buffer.from(messages.map((one) => JSON.stringify(one)).join(''));

describe('the stream of an OVSDB server', () => {
  it('is the same messages wherever it is cut', () => {
    const message = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()));
    fc.assert(
      fc.property(
        fc.array(message),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (messages, lengths) => {
          const heard: unknown[] = [];
          const split = makeSplitter(1_000_000, (one) => heard.push(one));
          const bytes = whole(messages);
          for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
            const length = lengths[turn % lengths.length] as number;
            split(bytes.subarray(at, at + length));
            at += length;
          }
          assert.deepEqual(heard, JSON.parse(JSON.stringify(messages)));
        },
      ),
    );
  });

  it('may have braces, quotes and backslashes in its strings', () => {
    const heard: unknown[] = [];
    makeSplitter(1000, (one) => heard.push(one))(Buffer.from(String.raw`{"a":"}\\\"{"} ["[\\"]`));
    assert.deepEqual(heard, [{ a: String.raw`}\"{` }, [String.raw`[\ `.trim()]]);
  });

  it('is given up where a message is too long, or is no JSON', () => {
    const split = makeSplitter(10, () => {});
    assert.throws(() => split(Buffer.from('["0123456789')), SplitError);
    assert.throws(() => makeSplitter(10, () => {})(Buffer.from('HTTP/1.1')), SplitError);
    assert.throws(() => makeSplitter(10, () => {})(Buffer.from('[nope]')), SplitError);
  });
});

const strings = columnType({ key: 'string', min: 0, max: 'unlimited' });
const pairs = columnType({ key: 'string', value: 'string', min: 0, max: 'unlimited' });
const optional = columnType({ key: 'boolean', min: 0, max: 1 });

describe('values', () => {
  it('have one form', () => {
    assert.deepEqual(decode(strings, 'a'), ['a']);
    assert.deepEqual(decode(strings, ['set', ['b', 'a']]), ['a', 'b']);
    assert.deepEqual(decode(optional, ['set', []]), []);
    assert.deepEqual(decode(optional, true), [true]);
    assert.deepEqual(decode(columnType('integer'), 3), 3);
    assert.deepEqual(decode(columnType({ key: { type: 'uuid' }, min: 0, max: 9 }), ['uuid', 'x']), ['x']);
    assert.equal(sameValue({ a: '1', b: '2' }, { b: '2', a: '1' }), true);
    assert.equal(sameValue({ a: '1' }, { a: '1', b: '2' }), false);
    assert.equal(sameValue(['1'], { 0: '1' }), false);
  });

  it('that are not of their column are refused before they are sent', () => {
    assert.throws(() => encode(strings, [1]), /1 is no string/);
    assert.throws(() => encode(strings, 'a'), /is no set/);
    assert.throws(() => encode(optional, [true, false]), /at most 1/);
    assert.throws(() => encode(pairs, ['a']), /is no map/);
    assert.throws(() => encode(columnType({ key: { type: 'uuid' } }), 'switch'), /is no uuid/);
  });

  it('come out of a difference as they went in', () => {
    const set = fc.array(fc.string(), { maxLength: 6 }).map((of) => inOrder(of) as string[]);
    fc.assert(
      fc.property(set, set, (before, after) => {
        const told = [...before.filter((one) => !after.includes(one)), ...after.filter((one) => !before.includes(one))];
        assert.deepEqual(patched(strings, before, ['set', told]), after);
      }),
    );
    const map = fc.dictionary(fc.string(), fc.string(), { maxKeys: 6, noNullPrototype: true });
    fc.assert(
      fc.property(map, map, (before, after) => {
        const gone = Object.entries(before).filter(([key]) => !Object.hasOwn(after, key));
        const told = Object.entries(after).filter(
          ([key, value]) => before[key] !== value || !Object.hasOwn(before, key),
        );
        assert.ok(sameValue(patched(pairs, before, ['map', [...gone, ...told]]) as object as never, after));
      }),
    );
    assert.deepEqual(patched(optional, [true], ['set', []]), []);
    assert.deepEqual(patched(optional, [true], false), [false]);
  });
});
