// Why: numbers, sizes, money and times are written one way everywhere, and as the reader's language does.

const language = navigator.language || 'en';

const integers = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const decimals = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 });
const moments = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
const hours = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });
const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' });

export const whole = (value: number): string => integers.format(value);
export const percent = (share: number): string => percents.format(share);

/** MiB as people say it: 512 MiB, 1.5 GiB. */
export function memory(mib: number): string {
  if (mib < 1024) return `${integers.format(mib)} MiB`;
  if (mib < 1024 * 1024) return `${decimals.format(mib / 1024)} GiB`;
  return `${decimals.format(mib / 1024 / 1024)} TiB`;
}

export const disk = (gib: number): string =>
  gib < 1024 ? `${integers.format(gib)} GiB` : `${decimals.format(gib / 1024)} TiB`;

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return `${decimals.format(count / 1000 ** power)} ${units[power]}`;
}

/** Money with as many digits as it takes to be more than nothing. */
export function money(amount: number | string, currency: string): string {
  const value = Number(amount);
  const digits = value !== 0 && Math.abs(value) < 1 ? 4 : 2;
  try {
    return new Intl.NumberFormat(language, {
      style: 'currency',
      currency,
      minimumFractionDigits: 2,
      maximumFractionDigits: digits,
    }).format(value);
  } catch {
    // a currency of the operator's own
    return `${value.toFixed(digits)} ${currency}`;
  }
}

/** A moment of the API; those without a zone are of UTC. */
export function dateOf(text: string): Date {
  return new Date(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
}

export const moment = (text: string | null): string => (text === null ? '–' : moments.format(dateOf(text)));
export const hour = (date: Date): string => hours.format(date);

const STEPS: readonly [limit: number, seconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60, 1, 'second'],
  [3_600, 60, 'minute'],
  [86_400, 3_600, 'hour'],
  [86_400 * 30, 86_400, 'day'],
  [86_400 * 365, 86_400 * 30, 'month'],
  [Number.POSITIVE_INFINITY, 86_400 * 365, 'year'],
];

/** `2 hours ago` */
export function ago(text: string, nowMs = Date.now()): string {
  const seconds = Math.round((dateOf(text).getTime() - nowMs) / 1000);
  for (const [limit, size, unit] of STEPS) {
    if (Math.abs(seconds) < limit) return relative.format(Math.round(seconds / size), unit);
  }
  return moment(text);
}
