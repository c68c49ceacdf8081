// Why: what the definitions of commands share.

import { InvalidArgumentError } from 'commander';

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

export const print = (text: string): void => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
