// Why: libvirt's many events become the few that a server's life has; and whoever waits for a guest to change is woken by its
// events, with a slow poll beneath them, since an event may be missed while libvirtd restarts.

import type { Clock } from '../../base/clock.ts';
import { limits } from '../../base/limits.ts';
import type { GuestEvent } from '../../domain/servers/guests.ts';
import type { HypervisorConnection, HypervisorEvent } from './connection.ts';
import { isOurDomain } from './names.ts';
import { type LifecycleEvent, stoppedDetail } from './rpc/events.ts';

const STOPPED: Readonly<Record<number, string>> = {
  [stoppedDetail.shutdown]: 'the guest shut itself down',
  [stoppedDetail.destroyed]: 'it was switched off',
  [stoppedDetail.migrated]: 'it moved to another host',
  [stoppedDetail.saved]: 'it was saved to disk',
  [stoppedDetail.fromSnapshot]: 'a snapshot was restored',
};

/**
 * What an event means for a server; null for what is not about one of ours or changes nothing that is shown.
 * @param isAdopted whether a guest is ours though its name is another program's
 */
export function toGuestEvent(
  event: HypervisorEvent,
  isAdopted: (uuid: string) => boolean = () => false,
): GuestEvent | null {
  if (event.type === 'reconnected') return { kind: 'reconnected', uuid: null };
  if (event.type === 'disconnected') return null;
  const { uuid, name } = event.domain;
  if (!isOurDomain(name) && !isAdopted(uuid)) return null;
  switch (event.type) {
    case 'lifecycle':
      return fromLifecycle(event, uuid);
    case 'reboot':
      return { kind: 'rebooted', uuid };
    case 'balloon':
    case 'memoryDevice':
      return { kind: 'resized', uuid };
    case 'deviceAdded':
    case 'deviceRemoved':
      return /^vcpu\d+$/.test(event.alias) ? { kind: 'resized', uuid } : null;
    default:
      return null;
  }
}

// A guest that panicked is told twice, as `crashed` and then as `stopped` with that detail; the second has its end.
function fromLifecycle({ event, detail }: LifecycleEvent, uuid: string): GuestEvent | null {
  switch (event) {
    case 'started':
      return { kind: 'started', uuid };
    case 'suspended':
      return { kind: 'paused', uuid };
    case 'resumed':
      return { kind: 'resumed', uuid };
    case 'stopped':
      if (detail === stoppedDetail.crashed) return { kind: 'crashed', uuid, reason: 'the guest crashed' };
      if (detail === stoppedDetail.failed) return { kind: 'crashed', uuid, reason: 'its QEMU process failed' };
      return { kind: 'stopped', uuid, reason: STOPPED[detail] ?? `libvirt's reason ${detail}` };
    default:
      return null;
  }
}

/** How long to wait until the next look, `passedMs` after the first. */
const pollMs = (passedMs: number): number =>
  Math.min(Math.max(passedMs * limits.guestPollShare, limits.guestPollLeastMs), limits.guestPollMs);

/** Looks until `look` gives a value: at once, at each event of that guest, and at times in between; undefined when the time is over. */
export type Until = <T>(uuid: string, timeoutMs: number, look: () => Promise<T | undefined>) => Promise<T | undefined>;

export function makeUntil(connection: Pick<HypervisorConnection, 'on'>, clock: Clock): Until {
  return async (uuid, timeoutMs, look) => {
    let wake = new AbortController();
    const end = connection.on((event) => {
      if ('domain' in event && event.domain.uuid !== uuid) return;
      wake.abort();
    });
    try {
      const beganMs = clock.now();
      const deadlineMs = beganMs + timeoutMs;
      for (;;) {
        wake = new AbortController();
        const found = await look();
        if (found !== undefined) return found;
        const nowMs = clock.now();
        const leftMs = deadlineMs - nowMs;
        if (leftMs <= 0) return undefined;
        await clock.sleep(Math.min(pollMs(nowMs - beganMs), leftMs), wake.signal).catch(() => {});
      }
    } finally {
      end();
    }
  };
}
