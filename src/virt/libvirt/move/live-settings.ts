// Why: how guests move as they run is the operator's word, under Nova's names where Nova has them.

export interface LiveSettings {
  /** The address at which this host takes guests. */
  readonly address: string;
  /** How the libvirtd of the other host asks this one's (`qemu+tls://…`). */
  readonly scheme: 'tls' | 'tcp';
  /** Whether memory and disks go through TLS, by QEMU's own certificates. */
  readonly nativeTls: boolean;
  /** Whether a guest may go on there before its memory is all there, if it is forced to its end. */
  readonly permitPostCopy: boolean;
  /** Whether a guest may be slowed down that writes faster than can be sent. */
  readonly permitAutoConverge: boolean;
  /** Whether emulated guests run on their way though their QEMU forgets some of what they write (`emulated.ts`): for tests. */
  readonly emulatedLive: boolean;
  /** MiB a second; 0: as fast as it goes. */
  readonly bandwidthMib: number;
  readonly downtimeMs: number;
  /** How many connections memory goes through; 0 and 1: one. Post-copy has one. */
  readonly parallelConnections: number;
  /** Milliseconds for each GiB of memory and disks, at least for two; 0: for ever. */
  readonly completionMsPerGib: number;
  readonly timeoutAction: 'abort' | 'force_complete';
}

export const usualLive: LiveSettings = {
  ...{ address: '127.0.0.1', scheme: 'tls', nativeTls: false, permitPostCopy: false, permitAutoConverge: false },
  emulatedLive: false,
  ...{ bandwidthMib: 0, downtimeMs: 500, parallelConnections: 0, completionMsPerGib: 800_000, timeoutAction: 'abort' },
};

/** A guest on its way, as whoever sent it knows it. */
export interface Leaving {
  /** The hypervisor that it goes to. */
  readonly to: string;
  /** Others leave before it. */
  waits: boolean;
  /** It was asked to stay. */
  stays: boolean;
  /** It was hurried, so that it is not hurried again. */
  hurried: boolean;
  /** Nothing of it went out any more, so that it was cut off. */
  silent: boolean;
  /** It was made to stand still for it. */
  paused: boolean;
  state: 'running' | 'cancelled' | 'failed';
  /** Why it failed. */
  error: unknown;
}
