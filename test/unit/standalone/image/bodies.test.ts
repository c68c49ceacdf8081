import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  changesBody,
  checkBody,
  imageBody,
  memberBody,
  memberStatusBody,
  oldChangesBody,
} from '../../../../src/standalone/image/bodies.ts';
import { limits } from '../../../../src/base/limits.ts';
import type { Schema } from '../../../../src/standalone/schema.ts';

const change = { op: 'add', path: '/x', value: 'y' };
const many = (length: number) => Array.from({ length }, () => change);
const NO_OPERATION = 'It must be one of the following: add, remove, replace.';

const taken: readonly (readonly [Schema, unknown])[] = [
  [imageBody, { name: 'a', own: 'b' }],
  [memberBody, { member: 'p', more: 1 }],
  [memberStatusBody, { status: 'accepted' }],
  [changesBody, many(limits.imageChanges)],
  [changesBody, [{ op: 'remove', path: '/a~1b~0' }]],
  [oldChangesBody, [{ add: '/x', value: null }, { remove: '/x' }]],
];

const refused: readonly (readonly [Schema, unknown, string])[] = [
  [imageBody, [], 'Body expected in request.'],
  [memberBody, null, 'Expected a member in the form: {"member": "image_id"}'],
  [memberBody, { member: '' }, 'Expected a member in the form: {"member": "image_id"}'],
  [
    memberStatusBody,
    { status: 'x' },
    'Expected a status in the form: {"status": "status"}, one of pending, accepted, rejected',
  ],
  [changesBody, {}, 'Request body must be a JSON array of operation objects.'],
  [changesBody, many(limits.imageChanges + 1), `One request makes at most ${limits.imageChanges} changes.`],
  [changesBody, ['x'], 'Operations must be JSON objects.'],
  [changesBody, [change, { path: '/x' }], `Invalid operation: \`undefined\`. ${NO_OPERATION}`],
  [changesBody, [{ ...change, op: 'copy' }], `Invalid operation: \`copy\`. ${NO_OPERATION}`],
  [changesBody, [{ op: 'add', value: 1 }], "Unable to find 'path' in JSON Schema change"],
  [changesBody, [{ ...change, path: 5 }], "Unable to find 'path' in JSON Schema change"],
  [changesBody, [{ ...change, path: '{value}' }], 'Pointer `{value}` does not start with "/".'],
  [changesBody, [{ ...change, path: '/~2' }], 'Pointer `/~2` contains "~" not part of a recognized escape sequence.'],
  [changesBody, [{ op: 'replace', path: '/x' }], 'Operation "replace" requires a member named "value".'],
  [oldChangesBody, [{ add: '/x', remove: '/x' }], `Invalid operation: \`undefined\`. ${NO_OPERATION}`],
  [oldChangesBody, [{ op: 'add' }], `Invalid operation: \`undefined\`. ${NO_OPERATION}`],
  [oldChangesBody, [{ add: '/x' }], 'Operation "add" requires a member named "value".'],
];

describe('bodies of the image service', () => {
  it('are taken as their schemas say', () => {
    for (const [schema, body] of taken) checkBody(schema, body);
  });

  it('are refused in the words of Glance', () => {
    for (const [schema, body, message] of refused)
      assert.throws(() => checkBody(schema, body), { kind: 'badRequest', message });
  });
});
