// Why: tests of consoles speak to the proxy as a viewer does: over a real WebSocket whose frames are kept until they are asked for.

import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';

export interface ViewerOptions {
  readonly protocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether it answers when it is asked whether it lives; default: yes. */
  readonly autoPong?: boolean;
}

export interface Viewer {
  readonly socket: WebSocket;
  send(bytes: string | Uint8Array): void;
  /** Takes so many bytes of what came, waiting for them. */
  take(count: number): Promise<Buffer>;
  /** Resolves at its end. */
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>;
  close(): Promise<void>;
}

/** Opens a console; rejects with `status: message` where that is refused. */
export async function view(url: string, options: ViewerOptions = {}): Promise<Viewer> {
  const { protocols = ['binary'], headers = {}, autoPong = true } = options;
  const socket = new WebSocket(url, [...protocols], { headers, autoPong });
  let bytes = Buffer.alloc(0);
  socket.on('message', (frame: Buffer, isBinary: boolean) => {
    if (!isBinary) throw new Error('a console sends bytes');
    bytes = Buffer.concat([bytes, frame]);
  });
  const ended = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  );
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('unexpected-response', (_request, response) => {
      reject(new Error(`${response.statusCode}: ${response.statusMessage}`));
      response.resume();
    });
    socket.on('error', reject);
  });
  return {
    socket,
    send: (sent) => socket.send(sent),
    async take(count) {
      while (bytes.length < count) {
        if (socket.readyState !== WebSocket.OPEN) throw new Error(`it ended after ${bytes.length} of ${count} bytes`);
        await Promise.race([once(socket, 'message'), ended]);
      }
      const taken = bytes.subarray(0, count);
      bytes = bytes.subarray(count);
      return taken;
    },
    ended,
    async close() {
      socket.close();
      await ended;
    },
  };
}

/** The first twelve bytes that come, which is what RFB says of its version; closes the connection. */
export async function greetingOf(socket: Duplex): Promise<string> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length >= 12) break;
  }
  return bytes.subarray(0, 12).toString();
}
