// Why: what a body of the image service looks like is a schema, with Glance's words for what is wrong; what it may mean is said where it is
// used (shape.ts, patch.ts).

import { badRequest } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { problemOf, saidOf, type Schema } from '../schema.ts';

const saying = (...words: readonly string[]): Schema => ({ says: { '*': words.join('') } });

/** @throws badRequest in the schema's words */
export function checkBody(schema: Schema, body: unknown): void {
  const problem = problemOf(schema, body);
  if (problem === null) return;
  const words = (saidOf(problem) as string | undefined) ?? 'The body is not what is wanted.';
  throw badRequest(words.replace('{value}', () => String(problem.data)));
}

/** An image's attributes, each with a schema of its own. */
export const imageBody: Schema = { type: 'object', ...saying('Body expected in request.') };

const member = saying('Expected a member in the form: {"member": "image_id"}');

export const memberBody: Schema = {
  type: 'object',
  required: ['member'],
  properties: { member: { type: 'string', minLength: 1, maxLength: 64, ...member } },
  ...member,
};

const STATUSES = ['pending', 'accepted', 'rejected'] as const;
export type MemberStatus = (typeof STATUSES)[number];

const status = saying('Expected a status in the form: {"status": "status"}, one of ', STATUSES.join(', '));

export const memberStatusBody: Schema = {
  type: 'object',
  required: ['status'],
  properties: { status: { enum: STATUSES, ...status } },
  ...status,
};

export const OPERATIONS = ['add', 'remove', 'replace'] as const;
export type Operation = (typeof OPERATIONS)[number];

const invalidOperation = (named: string): Schema =>
  saying(`Invalid operation: \`${named}\`. It must be one of the following: ${OPERATIONS.join(', ')}.`);

/** A JSON pointer. */
const pointer: Schema = {
  type: 'string',
  allOf: [
    { pattern: '^/', ...saying('Pointer `{value}` does not start with "/".') },
    {
      pattern: '^[^~]*(~[01][^~]*)*$',
      ...saying('Pointer `{value}` contains "~" not part of a recognized escape sequence.'),
    },
  ],
  ...saying("Unable to find 'path' in JSON Schema change"),
};

const withValue = (operation: string): Schema => ({
  required: ['value'],
  ...saying(`Operation "${operation}" requires a member named "value".`),
});

/** Operations, each of these in its turn, so that the first thing that is wrong is what is told. */
const changesOf = (...parts: readonly Schema[]): Schema => ({
  type: 'array',
  maxItems: limits.imageChanges,
  items: { type: 'object', allOf: parts, ...saying('Operations must be JSON objects.') },
  says: {
    type: 'Request body must be a JSON array of operation objects.',
    maxItems: `One request makes at most ${limits.imageChanges} changes.`,
  },
});

/** `{"op": "add", "path": "/name", "value": "x"}` */
export const changesBody: Schema = changesOf(
  { required: ['op'], ...invalidOperation('undefined') },
  { properties: { op: { enum: OPERATIONS, ...invalidOperation('{value}') } } },
  { required: ['path'], ...saying("Unable to find 'path' in JSON Schema change") },
  { properties: { path: pointer } },
  ...(['add', 'replace'] as const).map((op) => ({ if: { properties: { op: { const: op } } }, then: withValue(op) })),
);

/** `{"add": "/name", "value": "x"}`, as Glance began. */
export const oldChangesBody: Schema = changesOf(
  { oneOf: OPERATIONS.map((operation) => ({ required: [operation] })), ...invalidOperation('undefined') },
  { properties: Object.fromEntries(OPERATIONS.map((operation) => [operation, pointer])) },
  ...(['add', 'replace'] as const).map((operation) => ({ if: { required: [operation] }, then: withValue(operation) })),
);
