// Why: what a server's tag may be, for the schemas of bodies and for tags that stand in a path.

import { limits } from '../../base/limits.ts';

export const TAG_PATTERN = '^[^,/]*$';

/** What is wrong with a tag that stands in a path, in the words of Nova's 400; null: nothing. */
export function tagProblem(tag: string): string | null {
  const reason =
    Array.from(tag).length > limits.tagCharacters
      ? `'${tag}' is too long`
      : new RegExp(TAG_PATTERN, 'u').test(tag)
        ? null
        : `'${tag}' does not match '${TAG_PATTERN}'`;
  return reason === null
    ? null
    : `Tag '${tag}' is invalid. It must be a non empty string without characters '/' and ','. Validation error message: ${reason}`;
}
