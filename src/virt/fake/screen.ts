// Why: whoever opens the screen of a guest of pure data shall see one: a grey field that changes its shade with each key, in as
// much of RFB 3.8 (RFC 6143) as that takes.

import { once } from 'node:events';
import type { Socket } from 'node:net';

const WIDTH = 320;
const HEIGHT = 200;
const PIXEL_BYTES = 4;
const SECURITY_NONE = 1;
/** 32 bits a pixel, 24 of depth, little-endian, true colour: 8 bits each of red, green and blue. */
const PIXEL_FORMAT = Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);

const message = { setPixelFormat: 0, setEncodings: 2, updateRequest: 3, key: 4, pointer: 5, cutText: 6 } as const;

/** Takes exactly so many bytes; rejects at the end of the stream. */
async function take(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(count) as Buffer | null;
    if (bytes?.length === count) return bytes;
    if (socket.readableEnded || socket.destroyed) throw new Error('the viewer has gone');
    await once(socket, 'readable');
  }
}

const shorts = (...values: number[]): Buffer => Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]));

function update(shade: number): Buffer {
  // type, padding, one rectangle: its place, its size, raw
  const head = Buffer.concat([Buffer.from([0, 0]), shorts(1, 0, 0, WIDTH, HEIGHT, 0, 0)]);
  return Buffer.concat([head, Buffer.alloc(WIDTH * HEIGHT * PIXEL_BYTES, shade)]);
}

function hello(name: string): Buffer {
  const text = Buffer.from(name);
  return Buffer.concat([shorts(WIDTH, HEIGHT), PIXEL_FORMAT, shorts(0, text.length), text]);
}

/** Speaks with one viewer until it goes. */
export async function serveScreen(socket: Socket, name: string): Promise<void> {
  socket.write('RFB 003.008\n');
  await take(socket, 12);
  socket.write(Buffer.from([1, SECURITY_NONE]));
  await take(socket, 1);
  socket.write(Buffer.alloc(4));
  await take(socket, 1);
  socket.write(hello(name));
  let shade = 96;
  // a viewer that has the picture waits for a change
  let waits = false;
  for (;;) {
    const [type] = await take(socket, 1);
    if (type === message.setPixelFormat) await take(socket, 19);
    else if (type === message.setEncodings) await take(socket, 4 * (await take(socket, 3)).readUInt16BE(1));
    else if (type === message.pointer) await take(socket, 5);
    else if (type === message.cutText) await take(socket, (await take(socket, 7)).readUInt32BE(3));
    else if (type === message.key) {
      const [down] = await take(socket, 7);
      if (down === 0) continue;
      shade = (shade + 32) % 256;
      if (waits) socket.write(update(shade));
      waits = false;
    } else if (type === message.updateRequest) {
      const [incremental] = await take(socket, 9);
      waits = incremental !== 0;
      if (!waits) socket.write(update(shade));
    } else throw new Error(`a viewer sent message ${type}`);
  }
}
