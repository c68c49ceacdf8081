// Why: how long a host is up is asked of the machine on which its agent runs, whatever the hypervisor.

import { loadavg, uptime } from 'node:os';

/** As `uptime` prints it, which is what Nova gives. */
export function uptimeText(seconds: number, load: readonly number[]): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  const time = `${hours}:${String(minutes).padStart(2, '0')}`;
  const average = load.map((one) => one.toFixed(2)).join(', ');
  return `up ${days > 0 ? `${days} day${days === 1 ? '' : 's'}, ` : ''}${time}, load average: ${average}`;
}

/** Of this machine, now. */
export const hostUptime = (): string => uptimeText(uptime(), loadavg());
