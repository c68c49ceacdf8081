// Why: how long a host is up is asked of the machine on which its agent runs, whatever the hypervisor.

import { readFileSync } from 'node:fs';
import { loadavg, uptime } from 'node:os';

const UTMP = '/run/utmp';
const UTMP_RECORD_BYTES = 384;
/** The kind of a record of somebody who is logged in: `USER_PROCESS` of utmp(5). */
const LOGGED_IN = 7;

const two = (number: number): string => String(number).padStart(2, '0');

/** As uptime(1) prints it, which is what Nova gives; clients take it apart. */
export function uptimeText(now: Date, seconds: number, users: number, load: readonly number[]): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(':');
  const whole = days > 0 ? `${days} day${days === 1 ? '' : 's'}, ` : '';
  const part = hours > 0 ? `${String(hours).padStart(2)}:${two(minutes)}` : `${minutes} min`;
  const average = load.map((one) => one.toFixed(2)).join(', ');
  return ` ${time} up ${whole}${part},  ${users} user${users === 1 ? '' : 's'},  load average: ${average}`;
}

/** How many are logged in, by the records of utmp(5). */
export function usersIn(records: Buffer): number {
  let users = 0;
  for (let at = 0; at + UTMP_RECORD_BYTES <= records.length; at += UTMP_RECORD_BYTES) {
    if (records.readInt16LE(at) === LOGGED_IN) users++;
  }
  return users;
}

/** A machine that keeps no such file has nobody logged in, as uptime(1) has it. */
function users(): number {
  try {
    return usersIn(readFileSync(UTMP));
  } catch {
    return 0;
  }
}

/** Of this machine, now. */
export const hostUptime = (): string => uptimeText(new Date(), uptime(), users(), loadavg());
