// What a built-in service says of a value that it does not take are its service's words, whatever checks the value.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  anyObject,
  boolean,
  integer,
  listOf,
  objectOf,
  type Form,
  oneOf,
  orNull,
  saying,
  text,
  uuid,
} from '../../../src/standalone/network/forms.ts';
import { valueOf } from '../../../src/standalone/network/attributes.ts';
import { checkAttribute } from '../../../src/standalone/image/shape.ts';
import { booleanWord, convertedBoolean, isNotNo, isYes } from '../../../src/base/boolean-word.ts';
import { parseDateTime } from '../../../src/base/date-time.ts';

const ID = '0A1B2C3D-0000-4000-8000-00000000000f';

const taken: readonly [Form, unknown, unknown][] = [
  [text(3), 'abc', 'abc'],
  [boolean, 'TRUE', true],
  [boolean, 0, false],
  [integer(0, 5), '5', 5],
  [uuid, ID, ID.toLowerCase()],
  [oneOf(['a', null]), null, null],
  [listOf(text(3)), null, []],
  [listOf(integer(0, 9)), ['1', 2], [1, 2]],
  [objectOf({ a: text(3) }, ['a']), { a: 'b' }, { a: 'b' }],
  [anyObject, null, {}],
  [orNull(uuid), null, null],
  [orNull(uuid), ID, ID.toLowerCase()],
  [orNull(boolean), null, null],
  [orNull(integer(0, 5)), null, null],
  [orNull(objectOf({ a: boolean })), { a: 'true' }, { a: true }],
  [orNull(oneOf(['a'])), null, null],
];

const refused: readonly [Form, unknown, string][] = [
  [text(3), 5, '5 is not a valid string.'],
  [text(3), 'abcd', "'abcd' exceeds maximum length of 3."],
  [boolean, 'yes', "'yes' cannot be converted to boolean."],
  [boolean, null, 'null cannot be converted to boolean.'],
  [boolean, [1], '[1] cannot be converted to boolean.'],
  [integer(1, 5), 'x', "'x' is not an integer."],
  [integer(1, 5), 1.5, '1.5 is not an integer.'],
  [integer(1, 5), 0, "0 is too small - must be at least '1'."],
  [integer(1, 5), '6', "'6' is too large - must be no larger than '5'."],
  [uuid, 'x', "'x' is not a valid UUID."],
  [uuid, null, 'null is not a valid UUID.'],
  [oneOf(['a', 'b']), 'c', "'c' is not in ['a', 'b']."],
  [listOf(text(3)), 'a', "'a' is not a list."],
  [listOf(text(3)), ['a', 5], '5 is not a valid string.'],
  [objectOf({ a: text(3) }), [], '[] is not a dictionary.'],
  [objectOf({ a: text(3) }), null, 'null is not a dictionary.'],
  [objectOf({ a: text(3) }, ['a']), {}, 'Validation of dictionary\'s keys failed. Expected keys: ["a"].'],
  [objectOf({ a: text(3) }), { b: 1 }, "Validation of dictionary's keys failed. Unknown key: 'b'."],
  [anyObject, 'x', "'x' is not a dictionary."],
  [anyObject, { x: 'x'.repeat(5000) }, 'the dictionary is too large.'],
  [orNull(uuid), 5, '5 is not a valid UUID.'],
  [orNull(boolean), 'yes', "'yes' cannot be converted to boolean."],
  [orNull(integer(0, 5)), '6', "'6' is too large - must be no larger than '5'."],
  [
    listOf(objectOf({ a: text(3) })),
    [{ a: 'b' }, { c: 1 }],
    "Validation of dictionary's keys failed. Unknown key: 'c'.",
  ],
  [listOf(text(3)), Array.from({ length: 65 }, () => 'a'), 'more than 64 entries are given.'],
];

describe('forms of network objects', () => {
  it('take what fits, in one notation', () => {
    for (const [form, value, as] of taken) assert.deepEqual(valueOf(form, value, 'x'), as);
  });

  it('refuse the rest in the words of Neutron', () => {
    for (const [form, value, reason] of refused) {
      const message = `Invalid input for x. Reason: ${reason}`;
      assert.throws(() => valueOf(form, value, 'x'), { kind: 'badRequest', code: 'HTTPBadRequest', message });
    }
  });

  it('fill in what a caller wrote as it is', () => {
    const own = saying({ '*': ['{name}: {value} is not {limit}', 'BadRequest'] });
    assert.throws(() => valueOf({ schema: { enum: ['{name}'], ...own } }, '{limit}{value}', 'x'), {
      message: "x: '{limit}{value}' is not ['{name}']",
      code: 'BadRequest',
    });
  });
});

describe('attributes of images', () => {
  it('are refused in the words of Glance', () => {
    const wrong: readonly [string, unknown, string][] = [
      ['name', 5, '5 is not of type null, string'],
      ['name', 'x'.repeat(256), `${'x'.repeat(256)} is too long`],
      ['visibility', 'x', '"x" is not one of the allowed values'],
      ['id', 'x', 'x does not match the pattern'],
      ['min_ram', -1, '-1 is less than the minimum of 0'],
      ['min_ram', 2 ** 31, '2147483648 is greater than the maximum of 2147483647'],
      ['tags', [5], 'an entry is not a string of at most 255 characters'],
      ['my_own', 5, 'a property must be a string'],
      ['my_own', 'x'.repeat(65_536), 'the value is too long'],
    ];
    for (const [name, value, why] of wrong) {
      const message = `Provided object does not match schema 'image': ${why} in property '${name}'`;
      assert.throws(() => checkAttribute(name, value), { kind: 'badRequest', message });
    }
    for (const [name, value] of [
      ['name', null],
      ['tags', ['a']],
      ['my_own', 'x'],
      ['disk_format', null],
    ] as const) {
      checkAttribute(name, value);
    }
  });
});

describe('words and times', () => {
  it('are true, false or neither', () => {
    assert.deepEqual([' Yes ', 'off', 'maybe'].map(booleanWord), [true, false, null]);
    assert.deepEqual(['maybe', 'no', 'y'].map(isYes), [false, false, true]);
    assert.deepEqual(['maybe', 'no', 'y'].map(isNotNo), [true, false, true]);
    assert.deepEqual(['True', 1, '0', 'yes', null, 2].map(convertedBoolean), [true, true, false, null, null, null]);
  });

  it('are moments, or none', () => {
    assert.equal(parseDateTime('2026-08-01'), Date.UTC(2026, 7, 1));
    assert.equal(parseDateTime('2026-08-01 12:00:00+02:00'), Date.UTC(2026, 7, 1, 10));
    assert.equal(parseDateTime('0050-01-01T00:00:00Z'), Date.parse('0050-01-01T00:00:00Z'));
    for (const text of ['2026-06-31', 'Nov 30 2026', '', '2026-08-01T25:00']) assert.equal(parseDateTime(text), null);
  });
});
