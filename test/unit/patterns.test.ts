// A pattern that backtracks takes the square of a text's length, or worse, and nobody else is answered meanwhile: a few kilobytes of
// slashes or braces are seconds. Every pattern in the sources is judged; the few that are slow on long texts never see one.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import jsTokens from 'js-tokens';
import { checkSync } from 'recheck';
import { computeRoutes } from '../../src/api/compute/index.ts';
import { isVersioned } from '../../src/base/history.ts';
import { MAX_MINOR } from '../../src/domain/microversions.ts';

const SOURCES = join(import.meta.dirname, '../../src');
/** One that takes longer to judge is not judged, and has to say why it is let through. */
const TIMEOUT_MS = 30_000;

/** Patterns that are slow on long texts, or that nobody could judge, with what keeps long texts from them. */
const bounded: Readonly<Record<string, string>> = {
  '/^[{}]+|[{}]+$/g': 'isUuidLike looks at 128 characters at most',
  '/^-+|-+$/g': "a server's name has 255 characters",
  '/^(?:cpu_info|metrics|stats|numa_topology|supported_hv_specs|pci_device_pools|nodename|pci_stats|supported_instances|limits|instances)(?::\\w+)*$/':
    'the name of an extra spec has 255 characters, and each part begins with a colon',
  '/^CUSTOM_[A-Z0-9_]{1,248}$/': 'one class of characters, counted; said by the operator',
  '/^\\s*(<=|>=|<|>|!=|==)\\s*(\\d{1,9}(?:\\.\\d{1,9}){0,5})\\s*$/':
    'a part of a property of 255 characters, digits counted',
  '/((?:\\w[\\w+.-]*:)?\\/\\/)?[^\\s"/@,]*:[^\\s"@]*@/g': 'a value is repeated up to 500 characters',
  '/^flags\\s*:.*\\b(vmx|svm)\\b/m': 'reads /proc/cpuinfo',
  '/^features\\s*:.*\\b(sie)\\b/m': 'reads /proc/cpuinfo',
};

/** Of schemas: one class of characters, counted. */
const COUNTED = ['^[a-zA-Z0-9-_:. ]{1,255}$'];

function patterns(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    for (const { type, value } of jsTokens(readFileSync(join(SOURCES, file), 'utf8'))) {
      if (type === 'RegularExpressionLiteral') found.set(value, file);
    }
  }
  return found;
}

const isSafe = (source: string, flags: string): boolean =>
  checkSync(source, flags, { timeout: TIMEOUT_MS }).status === 'safe';

describe('patterns', () => {
  it('in the sources take time in proportion to their text, or see only short ones', () => {
    const found = patterns();
    assert.ok(found.size > 100);
    for (const pattern of Object.keys(bounded)) assert.ok(found.has(pattern), `${pattern} is gone: so is its excuse`);
    const slow = [...found].filter(([pattern]) => {
      const end = pattern.lastIndexOf('/');
      return !(pattern in bounded) && !isSafe(pattern.slice(1, end), pattern.slice(end + 1));
    });
    assert.deepEqual(slow, []);
  });

  it('in the schemas of requests too: what is slow has a bound of length, which is looked at first', () => {
    const seen = new Map<string, number>();
    const look = (schema: unknown): void => {
      if (typeof schema !== 'object' || schema === null) return;
      const { pattern, maxLength, patternProperties } = schema as Record<string, unknown>;
      if (typeof pattern === 'string')
        seen.set(pattern, Math.max(seen.get(pattern) ?? 0, Number(maxLength ?? Infinity)));
      for (const key of Object.keys((patternProperties ?? {}) as object)) seen.set(key, Infinity);
      for (const part of Object.values(schema)) look(part);
    };
    for (const { body, query } of computeRoutes) {
      for (const one of [body, query]) {
        const changePoints = isVersioned(one as never)
          ? [...(one as { changePoints: readonly number[] }).changePoints, MAX_MINOR]
          : [0];
        for (const minor of changePoints)
          look(isVersioned(one as never) ? (one as { at(m: number): unknown }).at(minor) : one);
      }
    }
    assert.ok(seen.size > 10);
    const slow = [...seen].filter(
      ([pattern, length]) => length > 255 && !COUNTED.includes(pattern) && !isSafe(pattern, 'u'),
    );
    assert.deepEqual(slow, []);
  });
});
