// Why: a real libvirtd cannot be made to answer nonsense, to hang at a given call or to count what is in flight. This one
// speaks the protocol's frame only; a test says what each call is answered with.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodePacket,
  KEEPALIVE_PROGRAM,
  messageType,
  type Packet,
  packetSplitter,
} from '../../src/virt/libvirt/rpc/packet.ts';
import { handshake, procedures } from '../../src/virt/libvirt/rpc/procedures.ts';
import { XdrWriter } from '../../src/virt/libvirt/rpc/xdr.ts';

/** One connection of a client, as its calls arrive. */
export interface FakePeer {
  readonly socket: Socket;
  reply(call: Packet, body: Buffer): void;
  fail(call: Packet, code: number, message: string): void;
  raw(packet: Packet): void;
  /** An event or any other message of the daemon's own. */
  send(procedure: number, body: Buffer): void;
}

export interface FakeLibvirtd {
  readonly uri: string;
  readonly peers: ReadonlySet<FakePeer>;
  /** Calls that are not part of making a connection; replaced by the test. */
  onCall: (peer: FakePeer, call: Packet) => void;
  /** Whether pings are answered. */
  pong: boolean;
  pings: number;
  /** Events registered for, over all connections so far. */
  registered: number;
  /** Closes the connections and stops listening. */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

export async function startFakeLibvirtd(): Promise<FakeLibvirtd> {
  const dir = await mkdtemp(join(tmpdir(), 'xlf-'));
  const path = join(dir, 'sock');
  const peers = new Set<FakePeer>();
  let server: Server | null = null;
  const words = (...values: number[]) => {
    const writer = new XdrWriter();
    for (const value of values) writer.i32(value);
    return Buffer.from(writer.finish());
  };

  const serve = (socket: Socket): void => {
    const write = (packet: Packet) => void socket.write(encodePacket(packet));
    const peer: FakePeer = {
      socket,
      reply: (call, body) => write({ ...call, type: messageType.reply, body }),
      fail: (call, code, message) => {
        const writer = new XdrWriter().i32(code).i32(10).optionalString(message).i32(2).bool(false);
        writer.optionalString(null).optionalString(null).optionalString(null).i32(0).i32(0).bool(false);
        write({ ...call, type: messageType.reply, status: 1, body: writer.finish() });
      },
      raw: write,
      send: (procedure, body) =>
        write({ ...{ program: 0x2000_8086, procedure, type: messageType.message, serial: 0, status: 0 }, body }),
    };
    peers.add(peer);
    const split = packetSplitter();
    socket.on('error', () => {});
    socket.on('close', () => peers.delete(peer));
    socket.on('data', (chunk: Buffer) => {
      for (const call of split(chunk)) {
        if (call.program === KEEPALIVE_PROGRAM) {
          fake.pings += 1;
          if (fake.pong) write({ ...call, procedure: 2 });
        } else if (call.procedure === handshake.authList.number) peer.reply(call, words(1, 0));
        else if (call.procedure === procedures.connectSupportsFeature.number) peer.reply(call, words(1));
        else if (call.procedure === handshake.connectOpen.number) peer.reply(call, words());
        else if (call.procedure === handshake.connectClose.number) peer.reply(call, words());
        else if (call.procedure === handshake.connectDomainEventCallbackRegisterAny.number) {
          fake.registered += 1;
          peer.reply(call, words(0));
        } else fake.onCall(peer, call);
      }
    });
  };

  const fake: FakeLibvirtd = {
    uri: `qemu+unix:///system?socket=${path}`,
    peers,
    onCall: () => {},
    pong: true,
    pings: 0,
    registered: 0,
    up: () =>
      new Promise((resolve, reject) => {
        server = createServer(serve).once('error', reject).listen(path, resolve);
      }),
    down: () =>
      new Promise((resolve) => {
        for (const { socket } of peers) socket.destroy();
        if (server === null) return resolve();
        server.close(() => resolve());
        server = null;
      }),
    stop: async () => {
      await fake.down();
      await rm(dir, { recursive: true, force: true });
    },
  };
  await fake.up();
  return fake;
}
