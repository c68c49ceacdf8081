// Why: tests that compare us with Nova read its declarations from the conformance kit, a folder `shared` beside this one (or
// where XLOUD_SHARED says). It is no part of the program: without it these tests are skipped and say so.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const sharedDir = process.env['XLOUD_SHARED'] ?? join(root, '..', 'shared');

export const sharedFile = (name: string): string => join(sharedDir, name);

export const kitDir = sharedFile('conformance');

export const kitFile = (name: string): string => join(kitDir, name);

/** Why tests with the kit are skipped; false when it is there. */
export const withoutKit: string | false = existsSync(kitFile('schemas.json'))
  ? false
  : `the conformance kit is not at ${kitDir}`;

export const readKit = <T>(name: string): T => JSON.parse(readFileSync(kitFile(name), 'utf8')) as T;
