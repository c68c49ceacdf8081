// Why: the words in which a flavor and an image ask for a guest's processors and memory are read, and refused, in one way.

import { badRequest } from '../../base/errors.ts';
import { readCpuSet } from '../numa/cpu-set.ts';
import type { FlavorSnapshot } from './flavors.ts';
import type { ImageFacts } from './images.ts';

export type RequestedFlavor = Pick<FlavorSnapshot, 'name' | 'vcpus' | 'memoryMb' | 'extraSpecs'>;
export type RequestedImage = Pick<ImageFacts, 'properties'> | null;

/** What the flavor and the image say of one thing; undefined: nothing. */
export function said(
  flavor: RequestedFlavor,
  image: RequestedImage,
  key: string,
): [string | undefined, string | undefined] {
  return [flavor.extraSpecs[`hw:${key}`] || undefined, image?.properties[`hw_${key}`] || undefined];
}

export const tuple = (words: readonly string[]): string => `(${words.map((word) => `'${word}'`).join(', ')})`;

export const badImage = (why: string) => badRequest(`Invalid image metadata. Error: ${why}`);
export const noNumber = (value: string): string => `invalid literal for int() with base 10: '${value}'`;

/** A word that both may say; throws where one is not known. */
export function words<W extends string>(
  flavor: RequestedFlavor,
  image: RequestedImage,
  key: string,
  what: string,
  known: readonly W[],
): [W | undefined, W | undefined] {
  const [own, wanted] = said(flavor, image, key);
  if (wanted !== undefined && !known.includes(wanted as W)) throw badImage(`Field value ${wanted} is invalid`);
  if (own !== undefined && !known.includes(own as W)) {
    throw badRequest(
      `${what} requested from 'flavor extra specs' is invalid, given: '${own}', available: '${tuple(known)}'.`,
    );
  }
  return [own as W | undefined, wanted as W | undefined];
}

/** A set of vCPUs as Nova reads it; one that begins with `^` leaves out of all. Throws Nova's 400. */
export function cpusOf(text: string, vcpus?: number): number[] {
  const whole = vcpus !== undefined && text.trim().startsWith('^') ? `0-${vcpus - 1},${text}` : text;
  const { cpus, problem } = readCpuSet(whole);
  if (problem !== null) throw badRequest(problem);
  return [...cpus];
}
