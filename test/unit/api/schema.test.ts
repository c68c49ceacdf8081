import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  boolean,
  closed,
  metadata as metadataSchema,
  multi,
  name,
  nonNegativeInteger,
  printable,
  uuid,
  wrapped,
} from '../../../src/api/parameters.ts';
import { isBase64, type JsonSchema, makeValidator, pythonRepr } from '../../../src/api/schema.ts';
import { parseDateTime } from '../../../src/base/date-time.ts';
import { Fault } from '../../../src/base/errors.ts';

const validator = makeValidator();

/** The words of the 400, or null where the value is taken. */
function refusal(schema: JsonSchema, value: unknown, where: 'body' | 'query' = 'body'): string | null {
  try {
    validator.check(schema, value, where);
    return null;
  } catch (error) {
    assert.ok(error instanceof Fault);
    assert.equal(error.kind, 'badRequest');
    return error.message;
  }
}

const flavor = wrapped(
  'flavor',
  closed({ name, ram: { type: ['integer', 'string'], pattern: '^[0-9]+$', minimum: 1, maximum: 100 } }, ['name']),
);

describe("schema errors in Nova's words", () => {
  const cases: readonly [string, JsonSchema, unknown, string][] = [
    ['no body', flavor, null, "None is not of type 'object'"],
    ['an empty body', flavor, {}, "'flavor' is a required property"],
    [
      'an unknown field at the top',
      flavor,
      { flavor: { name: 'a' }, x: 1 },
      "Additional properties are not allowed ('x' was unexpected)",
    ],
    [
      'unknown fields within',
      flavor,
      { flavor: { name: 'a', x: 1, y: 2 } },
      "Invalid input for field/attribute flavor. Value: {'name': 'a', 'x': 1, 'y': 2}. Additional properties are not allowed ('x', 'y' were unexpected)",
    ],
    [
      'a field that is missing',
      flavor,
      { flavor: { ram: 1 } },
      "Invalid input for field/attribute flavor. Value: {'ram': 1}. 'name' is a required property",
    ],
    [
      'a wrong type',
      flavor,
      { flavor: { name: 'a', ram: 1.5 } },
      "Invalid input for field/attribute ram. Value: 1.5. 1.5 is not of type 'integer', 'string'",
    ],
    [
      'text that is no number',
      flavor,
      { flavor: { name: 'a', ram: 'many' } },
      "Invalid input for field/attribute ram. Value: many. 'many' does not match '^[0-9]+$'",
    ],
    [
      'a number that is too small',
      flavor,
      { flavor: { name: 'a', ram: 0 } },
      'Invalid input for field/attribute ram. Value: 0. 0 is less than the minimum of 1',
    ],
    [
      'a number as text that is too large',
      flavor,
      { flavor: { name: 'a', ram: '101' } },
      "Invalid input for field/attribute ram. Value: 101. '101' is greater than the maximum of 100",
    ],
    [
      'a name with a blank at its end',
      flavor,
      { flavor: { name: 'a ' } },
      "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace.",
    ],
    [
      'an empty name',
      flavor,
      { flavor: { name: '' } },
      "Invalid input for field/attribute name. Value: . '' is too short",
    ],
    ['a list too long', { type: 'array', maxItems: 1 }, [1, 2], '[1, 2] is too long'],
    [
      'no word of a list',
      closed({ a: { enum: ['x', 'y'] } }),
      { a: 'z' },
      "Invalid input for field/attribute a. Value: z. 'z' is not one of ['x', 'y']",
    ],
    [
      'neither of two',
      closed({ a: { oneOf: [uuid, { type: 'integer' }] } }),
      { a: 'z' },
      "Invalid input for field/attribute a. Value: z. 'z' is not valid under any of the given schemas",
    ],
    [
      'a bad uuid',
      closed({ a: uuid }),
      { a: 'z' },
      "Invalid input for field/attribute a. Value: z. 'z' is not a 'uuid'",
    ],
    [
      'keys that match no pattern',
      { type: 'object', patternProperties: { '^[a-z]$': {} }, additionalProperties: false },
      { A: 1 },
      "'A' does not match any of the regexes: '^[a-z]$'",
    ],
  ];
  for (const [title, schema, value, words] of cases) {
    it(title, () => assert.equal(refusal(schema, value), words));
  }

  it('of a query name the parameter', () => {
    const schema = closed({ limit: multi(nonNegativeInteger) });
    assert.equal(
      refusal(schema, { limit: ['x'] }, 'query'),
      "Invalid input for query parameters limit. Value: x. 'x' does not match '^[0-9]*$'",
    );
    assert.equal(
      refusal(schema, { other: ['1'] }, 'query'),
      "Additional properties are not allowed ('other' was unexpected)",
    );
  });
});

describe('what schemas take', () => {
  it('booleans in any of the words that Nova lists, and no other', () => {
    for (const word of [true, 'True', 'on', 'YES', '0', false]) assert.equal(refusal(boolean, word), null);
    for (const word of [1, 0, 'truth', null, 'T']) assert.notEqual(refusal(boolean, word), null);
  });

  it('uuids with or without hyphens', () => {
    assert.equal(refusal(uuid, '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111'), null);
    assert.equal(refusal(uuid, '7D9DC71E0A4C4A0F9C0E1F1A6B8EC111'), null);
    assert.notEqual(refusal(uuid, '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec11'), null);
  });

  it('printable text without characters beyond U+FFFE, controls and line separators', () => {
    for (const text of ['', 'é\u00a0x', null]) assert.equal(refusal(printable(255), text), null);
    for (const text of ['\n', '\u2028', '\ud800', '😀', 'x'.repeat(256)]) {
      assert.notEqual(refusal(printable(255), text), null, JSON.stringify(text));
    }
  });

  it('dates as oslo reads them', () => {
    assert.equal(parseDateTime('2026-11-21T10:00:00Z'), Date.UTC(2026, 10, 21, 10));
    assert.equal(parseDateTime('2026-11-21T10:00:00.5+02:00'), Date.UTC(2026, 10, 21, 8, 0, 0, 500));
    assert.equal(parseDateTime('2026-11-21 10:00'), Date.UTC(2026, 10, 21, 10));
    assert.equal(parseDateTime('20261121T100000'), Date.UTC(2026, 10, 21, 10));
    for (const text of ['2026-02-30', '2026-13-01', '10:00', 'now', '']) assert.equal(parseDateTime(text), null, text);
  });

  it('base64 as Python decodes it', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => isBase64(Buffer.from(bytes).toString('base64'))));
    for (const text of ['a', 'ab=', 'é']) assert.equal(isBase64(text), false, text);
  });

  it('what the old endpoint drops instead of refusing, at any depth', () => {
    const value = { flavor: { name: 'a', x: 1 }, y: 2 };
    validator.check(flavor, value, 'body', true);
    assert.deepEqual(value, { flavor: { name: 'a' } });
    assert.throws(() => validator.check(flavor, { flavor: { x: 1 } }, 'body', true), /'name' is a required property/);
  });

  it('answers any JSON with yes or a 400', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        refusal(flavor, value);
        refusal(closed({ limit: multi(nonNegativeInteger) }), value, 'query');
      }),
    );
  });
});

describe('values in messages', () => {
  it('are quoted as Python quotes them', () => {
    assert.equal(pythonRepr({ a: [null, true, 1.5, "it's", 'x'] }), `{'a': [None, True, 1.5, "it's", 'x']}`);
    assert.equal(pythonRepr('both \' and "'), `'both \\' and "'`);
  });
});

describe('the legacy endpoint', () => {
  const server = wrapped(
    'server',
    closed({ name, networks: multi(closed({ uuid })), metadata: metadataSchema }, ['name']),
  );
  const relaxed = (value: unknown) => validator.check(server, value, 'body', true);

  it('drops what it does not know, at every depth, and nothing else', () => {
    const id = '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111';
    const body = { x: 1, server: { name: 'a', y: 2, networks: [{ uuid: id, z: 3 }, { uuid: id }] } };
    relaxed(body);
    assert.deepEqual(body, { server: { name: 'a', networks: [{ uuid: id }, { uuid: id }] } });
  });

  it('still refuses keys that have a pattern, and everything else that is wrong', () => {
    assert.throws(() => relaxed({ server: { name: 'a', metadata: { ü: 'x' } } }), /does not match any of the regexes/);
    assert.throws(() => relaxed({ server: { x: 1 } }), /'name' is a required property/);
  });

  it('looks at each part of a body once', () => {
    let reads = 0;
    const counting = new Proxy(
      { name: 'a', ...Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`k${index}`, index])) },
      {
        ownKeys: (target) => {
          reads += 1;
          return Reflect.ownKeys(target);
        },
      },
    );
    relaxed({ server: counting });
    assert.ok(reads <= 3, `the keys were listed ${reads} times`);
    assert.deepEqual(Object.keys(counting), ['name']);
  });
});

describe('a refusal', () => {
  it('quotes no more of a huge value than anybody reads', () => {
    const keys = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`key${index}`, index]));
    for (const value of [keys, Object.keys(keys), 'x'.repeat(100_000), [[keys, keys]]]) {
      const words = refusal(wrapped('flavor', { type: 'integer' }), { flavor: value }) ?? '';
      assert.ok(words.length < 12_000, `${words.length} characters`);
      assert.match(words, /is not of type 'integer'$/);
    }
    const unknown = refusal(closed({ a: name }), keys) ?? '';
    assert.match(unknown, /^Additional properties are not allowed \('key0', 'key1', .*\.\.\. were unexpected\)$/);
  });
});
