// Why: ports of this machine lead to the SSH of servers whose networks it is not on. Who listens for which server follows from the
// database; where a port leads is asked anew for each connection, so that none comes to another server than it is for.

import { createServer, type Server, type Socket } from 'node:net';
import { messageOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { listSshPorts, sshTargetAt, type SshPortRange, type SshTarget } from '../db/ssh-ports.ts';
import type { SshPorts } from '../ops/index.ts';
import type { Parts } from './parts.ts';

/** Opens a connection to the SSH of a guest. */
export type DialGuest = (target: SshTarget) => Promise<Socket>;

interface Door {
  readonly server: Server;
  /** Whose it is. */
  readonly uuid: string;
  problem: string | null;
  readonly open: Set<Socket>;
}

/** Each end of one is sent to the other, until one of them ends. */
function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.setKeepAlive(true, limits.sshKeepAliveMs);
    from.setNoDelay(true);
    from.on('error', () => from.destroy());
    from.once('close', () => to.destroy());
    from.pipe(to);
  }
}

export function openSshPorts(
  { database, clock, log, cleanup }: Pick<Parts, 'database' | 'clock' | 'log' | 'cleanup'>,
  options: SshPortRange & { readonly address: string },
  dial: DialGuest,
): SshPorts {
  const doors = new Map<number, Door>();
  const end = new AbortController();

  async function connect(port: number, door: Door, client: Socket): Promise<void> {
    client.on('error', () => client.destroy());
    if (door.open.size >= limits.sshConnectionsPerServer) return void client.destroy();
    door.open.add(client);
    client.once('close', () => door.open.delete(client));
    try {
      const target = await sshTargetAt(database.read, port);
      if (target === null || client.destroyed) return void client.destroy();
      const guest = await dial(target);
      if (client.destroyed) return void guest.destroy();
      join(client, guest);
    } catch (error) {
      log.info({ port, server: door.uuid, reason: messageOf(error) }, 'a guest was not reached by its SSH port');
      client.destroy();
    }
  }

  function shut(port: number): void {
    const door = doors.get(port);
    doors.delete(port);
    door?.server.close();
    for (const socket of door?.open ?? []) socket.destroy();
  }

  function listen(port: number, uuid: string): Promise<void> {
    // what a guest says first waits until its client can be told
    const server = createServer({ pauseOnConnect: true }, (client) => void connect(port, door, client));
    const door: Door = { server, uuid, problem: null, open: new Set() };
    doors.set(port, door);
    return new Promise((resolve) => {
      server.once('error', (error) => {
        door.problem = messageOf(error);
        log.warn({ port, server: uuid, reason: door.problem }, 'nobody listens on an SSH port');
        resolve();
      });
      server.listen(port, options.address, () => resolve());
    });
  }

  async function compare(): Promise<void> {
    const wanted = await listSshPorts(database.read);
    for (const [port, door] of doors) {
      // one that could not be had may be free by now
      if (wanted.get(port) !== door.uuid || door.problem !== null) shut(port);
    }
    for (const [port, uuid] of wanted) if (!doors.has(port) && !end.signal.aborted) await listen(port, uuid);
  }

  // one comparison at a time
  let last: Promise<void> = Promise.resolve();
  const changed = (): Promise<void> => {
    last = last.then(compare).catch((error: unknown) => log.warn({ err: error }, 'SSH ports were not compared'));
    return last;
  };
  const follow = async (): Promise<void> => {
    while (!end.signal.aborted) {
      await changed();
      await clock.sleep(limits.sshPortsMs, end.signal).catch(() => {});
    }
  };
  const following = follow();
  cleanup.defer(async () => {
    end.abort();
    await following;
    await last;
    for (const port of [...doors.keys()]) shut(port);
  });
  const { address, first, last: highest, perProject } = options;
  return {
    ...{ address, first, last: highest, perProject, changed },
    problem: (port) => (doors.get(port) === undefined ? 'nobody listens yet' : (doors.get(port)?.problem ?? null)),
  };
}
