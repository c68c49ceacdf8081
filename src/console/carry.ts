// Why: bytes go both ways, and neither side is read faster than the other takes them: a screen that nobody looks at must not
// fill the memory of this process.

import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** Normal end, and an end that is the service's doing (RFC 6455, 7.4.1). */
const ENDED = 1000;
export const GOING_AWAY = 1001;

export interface Carried {
  /** When bytes last went through, by the process's own clock (`performance.now`). */
  lastMs(): number;
}

/** Carries a client's frames to the guest and its bytes back as binary frames, until either side ends; then ends the other. */
export function carry(client: WebSocket, guest: Socket): Carried {
  let lastMs = performance.now();
  guest.on('data', (bytes: Buffer) => {
    lastMs = performance.now();
    guest.pause();
    client.send(bytes, { binary: true }, () => guest.resume());
  });
  client.on('message', (frame: Buffer) => {
    lastMs = performance.now();
    if (guest.write(frame)) return;
    client.pause();
    guest.once('drain', () => client.resume());
  });
  // told by `close` as well; without a listener the process would end
  client.on('error', () => undefined);
  client.once('close', () => guest.destroy());
  guest.once('close', () => {
    client.resume();
    client.close(ENDED, 'The console has ended.');
  });
  return { lastMs: () => lastMs };
}
