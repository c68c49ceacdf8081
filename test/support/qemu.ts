// Why: the guest images are proven without libvirt first, so that a red libvirt test is about libvirt.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ConsoleLog } from './guest.ts';

const run = promisify(execFile);

type Json = Readonly<Record<string, unknown>>;

/** A peer that speaks one JSON object per line: QEMU's monitor (QMP) or the guest agent. */
export class JsonPeer {
  readonly #socket: Socket;
  readonly #answers: ((answer: Json) => void)[] = [];
  readonly #events: Json[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    createInterface({ input: socket }).on('line', (line) => {
      const message = JSON.parse(line) as Json;
      if ('event' in message) this.#events.push(message);
      else if (!('QMP' in message)) this.#answers.shift()?.(message);
    });
  }

  static async connect(path: string, timeoutMs: number): Promise<JsonPeer> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const socket = createConnection(path);
      try {
        await once(socket, 'connect');
        return new JsonPeer(socket);
      } catch (cause) {
        if (Date.now() > deadline) throw cause;
        await sleep(20);
      }
    }
  }

  /** Sends one command and gives its `return` member; rejects on its `error` member or after `timeoutMs`. */
  async call(execute: string, args: Json = {}, timeoutMs = 120_000): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    const timer = setTimeout(() => reject(new Error(`no answer to ${execute} in ${timeoutMs} ms`)), timeoutMs);
    this.#answers.push(resolve);
    this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    try {
      const answer = await promise;
      if ('error' in answer) throw new Error(`${execute}: ${JSON.stringify(answer.error)}`);
      return answer.return;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for an event by name (one that came before counts) whose data satisfies `pred`. */
  async event(name: string, timeoutMs: number, pred: (data: Json) => boolean = () => true): Promise<Json> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.#events.find(({ event, data }) => event === name && pred((data ?? {}) as Json));
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`no event ${name} in ${timeoutMs} ms`);
      await sleep(20);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A running QEMU with its console, monitor and agent sockets in a folder of its own. */
export interface Machine {
  readonly console: ConsoleLog;
  readonly monitor: JsonPeer;
  readonly agentSocket: string;
  /** Resolves with QEMU's exit status when it ends by itself; rejects after `timeoutMs`. */
  exited(timeoutMs: number): Promise<number | null>;
  /** Ends QEMU if it still runs and removes its folder. */
  end(): Promise<void>;
}

/** Starts QEMU without a network of its own, a display or defaults; `args` adds what the test is about. */
export async function startQemu(args: readonly string[]): Promise<Machine> {
  const dir = await mkdtemp(join(tmpdir(), 'xloud-qemu-'));
  const agentSocket = join(dir, 'agent');
  const base = ['-nodefaults', '-no-user-config', '-display', 'none', '-serial', `file:${join(dir, 'console')}`];
  const monitor = ['-qmp', `unix:${join(dir, 'monitor')},server=on,wait=off`];
  const agent = [
    ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=agent,path=${agentSocket},server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
  ];
  const child = spawn('qemu-system-x86_64', [...base, ...monitor, ...agent, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  try {
    const peer = await Promise.race([
      JsonPeer.connect(join(dir, 'monitor'), 120_000),
      ended.then(([status]) => Promise.reject(new Error(`QEMU ended at once (${status}): ${complaint}`))),
    ]);
    await peer.call('qmp_capabilities');
    return machine(child, ended, dir, peer, agentSocket);
  } catch (cause) {
    child.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
    throw cause;
  }
}

function machine(
  child: ChildProcess,
  ended: Promise<[number | null]>,
  dir: string,
  monitor: JsonPeer,
  agentSocket: string,
): Machine {
  return {
    console: new ConsoleLog(join(dir, 'console')),
    monitor,
    agentSocket,
    exited: async (timeoutMs) => {
      const late = new AbortController();
      const limit = sleep(timeoutMs, undefined, { signal: late.signal }).then(() =>
        Promise.reject(new Error(`QEMU still runs after ${timeoutMs} ms`)),
      );
      try {
        const [status] = await Promise.race([ended, limit]);
        return status;
      } finally {
        late.abort();
        await limit.catch(() => undefined);
      }
    },
    end: async () => {
      monitor.close();
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await ended;
      }
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Writes an ISO image labelled `config-2` with these files (path below `openstack/latest/` to content). */
export async function writeConfigDrive(iso: string, files: Readonly<Record<string, string>>): Promise<void> {
  const tree = await mkdtemp(join(tmpdir(), 'xloud-drive-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(tree, 'openstack', 'latest', name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
    await run('genisoimage', ['-quiet', '-R', '-J', '-V', 'config-2', '-o', iso, tree]);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}
