// Why: what the definitions of commands share.

import { InvalidArgumentError } from 'commander';
import { plain } from '../base/plain.ts';

/** Reads an option that is a whole number. */
export const wholeBetween =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d{1,9}$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };

/** Reads an option that is a decimal number. */
export const numberBetween =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d{1,9}(\.\d{1,6})?$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };

/** Of an option that may be repeated. */
export const collect = (value: string, before: string[]): string[] => [...before, value];

export function print(text: string): void {
  const shown = plain(text);
  process.stdout.write(shown.endsWith('\n') ? shown : `${shown}\n`);
}
