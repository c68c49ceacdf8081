// Why: what a machine costs is said once, by its flavor, and a server keeps what was agreed when it was made. Money is whole millionths
// of the currency, never a fraction of binary digits.

import { type FlavorSnapshot, minimumOf } from '../machines/flavors.ts';
import type { Size } from '../adjustment/size.ts';

/** Millionths of the currency, for an hour. */
export interface Prices {
  /** Of the server with its floor. */
  readonly hour: number;
  /** Of each vCPU that it holds above its floor. */
  readonly vcpuHour: number;
  /** Of each GiB of memory that it holds above its floor. */
  readonly memoryGbHour: number;
}

export const MILLIONTHS = 1_000_000;

/** The most that an hour of anything costs, in the currency: what is multiplied by it stays an exact number. */
const HIGHEST = 1_000;

const DECIMAL = /^(\d{1,4})(?:\.(\d{1,6}))?$/;

/** `0.0050` as millionths; null: it is no price. */
export function priceOf(text: string): number | null {
  const [, whole, part = ''] = DECIMAL.exec(text) ?? [];
  if (whole === undefined) return null;
  const millionths = Number(whole) * MILLIONTHS + Number(part.padEnd(6, '0'));
  return millionths <= HIGHEST * MILLIONTHS ? millionths : null;
}

/** Millionths as the currency is written: `-1.500000`. */
export function moneyText(millionths: number): string {
  const digits = String(Math.abs(millionths)).padStart(7, '0');
  return `${millionths < 0 ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

/** A rate as what an hour costs, with three decimals more, and cut. */
export function rateMoneyText(rate: number): string {
  const thousandths = (BigInt(rate) * 1_000n) / BigInt(RATE_PARTS);
  const digits = String(thousandths).padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** The extra specs of a flavor that say what it costs. */
export const priceSpecs = {
  'price:hour': 'hour',
  'price:vcpu_hour': 'vcpuHour',
  'price:memory_gb_hour': 'memoryGbHour',
} as const satisfies Readonly<Record<string, keyof Prices>>;

/** What is wrong with a price, in words for a 400; null: nothing. */
export const priceProblem = (value: string): string | null =>
  priceOf(value) === null ? `'${value}' is not a price: a number from 0 to ${HIGHEST} with up to six decimals.` : null;

const isPriceSpec = (spec: string): spec is keyof typeof priceSpecs => Object.hasOwn(priceSpecs, spec);

/** The same of the first of some extra specs that is to be a price and is none: what is misspelt would cost nothing. */
export function priceSpecsProblem(specs: Readonly<Record<string, string>>): string | null {
  for (const [spec, value] of Object.entries(specs)) {
    if (!spec.startsWith('price:')) continue;
    const known = `it is none of ${Object.keys(priceSpecs).join(', ')}.`;
    const problem = isPriceSpec(spec) ? priceProblem(value) : known;
    if (problem !== null) return `Validation failed; extra spec '${spec}': ${problem}`;
  }
  return null;
}

/** What a flavor costs; null: it has no price. */
export function pricesOf({ extraSpecs }: Pick<FlavorSnapshot, 'extraSpecs'>): Prices | null {
  if (!Object.keys(priceSpecs).some((spec) => Object.hasOwn(extraSpecs, spec))) return null;
  const read = (spec: keyof typeof priceSpecs): number => priceOf(extraSpecs[spec] ?? '0') ?? 0;
  return { hour: read('price:hour'), vcpuHour: read('price:vcpu_hour'), memoryGbHour: read('price:memory_gb_hour') };
}

/** A rate is in millionths for 1,024 hours, so that a MiB has a whole one as well. */
export const RATE_PARTS = 1_024;

/** What a server costs while it holds so much. */
export function rateOf(flavor: FlavorSnapshot, held: Size): number {
  const prices = pricesOf(flavor);
  if (prices === null) return 0;
  const floor = minimumOf(flavor);
  const vcpus = Math.max(0, held.vcpus - floor.vcpus);
  const memoryMb = Math.max(0, held.memoryMb - floor.memoryMb);
  return RATE_PARTS * (prices.hour + vcpus * prices.vcpuHour) + memoryMb * prices.memoryGbHour;
}

/**
 * The prices that servers with another floor have by the terms of a base: what its `price:hour` does not cover of their floor is paid as what is
 * held above one, or whoever says his floor himself would have all of his server for the price of the smallest.
 * @returns extra specs that take the place of the base's; null: an hour would cost more than anything may
 */
export function pricesForFloor(base: FlavorSnapshot, floor: Size): Readonly<Record<string, string>> | null {
  const prices = pricesOf(base);
  if (prices === null) return {};
  const hour = Math.ceil(rateOf(base, floor) / RATE_PARTS);
  if (hour > HIGHEST * MILLIONTHS) return null;
  return hour === prices.hour ? {} : { 'price:hour': moneyText(hour) };
}

/** What is paid for by the hour beside servers: a GiB of each, and each address. */
export const costKinds = ['volume', 'snapshot', 'image', 'floating_ip', 'server_snapshot', 'backup'] as const;
export type CostKind = (typeof costKinds)[number];
