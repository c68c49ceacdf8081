// Why: OpenStack reads a date and a time in one way everywhere, and so do we.
// Source: oslo.utils, timeutils.parse_isotime.

const DATE_TIME =
  /^(\d{4})(?:-?(\d{1,2})(?:-?(\d{1,2})(?:[ T](\d{1,2})(?::?(\d{1,2})(?::?(\d{1,2})(?:[.,](\d+))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?)?)?$/;

/** A date-time of ISO 8601, whose zone may be missing (UTC); milliseconds since the epoch, or null, also for no such day. */
export function parseDateTime(text: string): number | null {
  const found = DATE_TIME.exec(text.trim());
  if (!found) return null;
  const [year, month = 1, day = 1, hour = 0, minute = 0, second = 0] = found
    .slice(1, 7)
    .map((part) => (part === undefined ? undefined : Number(part))) as number[];
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return null;
  if (day > new Date(Date.UTC(2000 + ((year as number) % 400), month, 0)).getUTCDate()) return null;
  const millis = found[7] === undefined ? 0 : Math.floor(Number(`0.${found[7]}`) * 1000);
  const zone = found[8] ?? 'Z';
  const sign = zone.startsWith('-') ? -1 : 1;
  const offset =
    zone === 'Z' ? 0 : sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || 0));
  // not Date.UTC, to which the year 50 is 1950
  const date = new Date(0);
  date.setUTCFullYear(year as number, month - 1, day);
  return date.setUTCHours(hour, minute, second, millis) - offset * 60_000;
}
