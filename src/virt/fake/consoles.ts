// Why: a console of a guest of pure data is a real one, so that everything on the way to it can be tried: a screen, and a serial
// line that says what it is told. Only SPICE has nothing behind it; the name of its place says so (RFC 6761).

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import { type GuestEvent } from '../../domain/servers/guests.ts';
import { power } from '../../domain/servers/servers.ts';
import type { ConsoleEndpoint, ConsoleProtocol } from '../../domain/servers/console-endpoint.ts';
import type { FakeHost } from './host.ts';
import { serveScreen } from './screen.ts';

const SPICE: ConsoleEndpoint = { host: 'spice.fake.invalid', port: 6969, tlsPort: 6970, path: null };

function serveLine(socket: Socket, name: string): void {
  socket.write(`${name} login: `);
  socket.pipe(socket);
}

const served = {
  vnc: (socket: Socket, name: string) => void serveScreen(socket, name).catch(() => socket.destroy()),
  serial: serveLine,
} as const;

interface Listener {
  readonly endpoint: ConsoleEndpoint;
  end(): void;
}

async function listen(serve: (socket: Socket) => void): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    serve(socket);
  });
  // what nobody looks at keeps no process alive
  server.unref();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { address, port } = server.address() as AddressInfo;
  return {
    endpoint: { host: address, port, tlsPort: null, path: null },
    end() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

interface FakeConsoles {
  readonly verbs: Pick<AgentVerbs, 'remoteConsole'>;
  /** A guest that ends takes its consoles along. */
  heard(event: GuestEvent): void;
  close(): void;
}

export function makeConsoles(host: Pick<FakeHost, 'guestOf'>): FakeConsoles {
  const listeners = new Map<string, Map<ConsoleProtocol, Promise<Listener>>>();

  function end(uuid: string): void {
    for (const listener of listeners.get(uuid)?.values() ?? []) void listener.then((one) => one.end());
    listeners.delete(uuid);
  }

  return {
    verbs: {
      async remoteConsole({ uuid, protocol }) {
        const { powerState, spec } = host.guestOf(uuid);
        if (powerState !== power.running && powerState !== power.paused) return null;
        if (protocol === 'mks') return null;
        if (protocol === 'spice') return SPICE;
        const own = listeners.get(uuid) ?? new Map<ConsoleProtocol, Promise<Listener>>();
        listeners.set(uuid, own);
        const listener = own.get(protocol) ?? listen((socket) => served[protocol](socket, spec.hostname));
        own.set(protocol, listener);
        return (await listener).endpoint;
      },
    },
    heard(event) {
      if (event.kind === 'stopped' || event.kind === 'crashed') end(event.uuid);
    },
    close() {
      for (const uuid of listeners.keys()) end(uuid);
    },
  };
}
