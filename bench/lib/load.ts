// Why: a load generator that costs little beside what it measures: one written request repeated over keep-alive sockets in a
// closed loop, answers counted by their length and not parsed.

import { connect, type Socket } from 'node:net';

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** As they were sent, in their order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** The bytes of a request with an empty body, or a JSON one. */
export function requestBytes(
  { host, port }: Target,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: unknown,
): Buffer {
  const text = body === undefined ? '' : JSON.stringify(body);
  const all: Record<string, string> = { Host: `${host}:${port}`, ...headers };
  if (body !== undefined) {
    all['Content-Type'] = 'application/json';
    all['Content-Length'] = String(Buffer.byteLength(text));
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`);
}

const END_OF_HEADERS = '\r\n\r\n';

/** One keep-alive connection; one request at a time. */
class Connection {
  readonly #socket: Socket;
  #parts: Buffer[] = [];
  #bytes = 0;
  #needed = Number.POSITIVE_INFINITY;
  #done: ((answer: Buffer) => void) | null = null;
  #fail: (error: Error) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static open({ host, port }: Target): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
    });
  }

  /** Sends a request; resolves with all bytes of its answer. */
  send(request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#parts = [];
      this.#bytes = 0;
      this.#needed = Number.POSITIVE_INFINITY;
      this.#done = resolve;
      this.#fail = reject;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#fail = () => {};
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#needed === Number.POSITIVE_INFINITY) {
      const whole = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
      const end = whole.indexOf(END_OF_HEADERS);
      if (end === -1) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(whole.toString('latin1', 0, end));
      const bodiless = /^HTTP\/1\.1 (204|304)/.test(whole.toString('latin1', 0, 16));
      if (length === null && !bodiless) return this.#fail(new Error('an answer without Content-Length'));
      this.#needed = end + END_OF_HEADERS.length + Number(length?.[1] ?? 0);
    }
    if (this.#bytes < this.#needed) return;
    const done = this.#done;
    this.#done = null;
    done?.(this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts));
  }
}

function parse(bytes: Buffer): HttpAnswer {
  const end = bytes.indexOf(END_OF_HEADERS);
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  return { status: Number(first.split(' ')[1]), headers, body: bytes.subarray(end + END_OF_HEADERS.length) };
}

/** One request, its whole answer. */
export async function ask(target: Target, request: Buffer): Promise<HttpAnswer> {
  const connection = await Connection.open(target);
  try {
    return parse(await connection.send(request));
  } finally {
    connection.close();
  }
}

export interface LoadResult {
  readonly count: number;
  readonly seconds: number;
  /** Milliseconds from the request's first byte written to its answer's last byte read, sorted. */
  readonly timesMs: readonly number[];
}

/**
 * Repeats a request on so many connections until the time is over; of several, each is sent once.
 * @param status what every answer must have; another one ends the run with an error
 */
export async function load(
  target: Target,
  request: Buffer | readonly Buffer[],
  options: {
    readonly seconds: number;
    readonly connections: number;
    readonly status: number;
    /** Where what is measured wants all processors: the loop may sleep. */
    readonly mayWait?: boolean;
  },
): Promise<LoadResult> {
  const open = await Promise.all(Array.from({ length: options.connections }, () => Connection.open(target)));
  const timesMs: number[] = [];
  const wanted = `HTTP/1.1 ${options.status}`;
  const started = performance.now();
  const until = started + options.seconds * 1000;
  const several = Buffer.isBuffer(request) ? null : request.values();
  // never asleep: else the slower of two servers pays, in its write, for waking this process, and the faster one does not
  let running = options.mayWait !== true;
  const stayAwake = (): void => {
    if (running) setImmediate(stayAwake);
  };
  stayAwake();
  try {
    await Promise.all(
      open.map(async (connection) => {
        for (let now = performance.now(); now < until; ) {
          const next = several === null ? (request as Buffer) : several.next().value;
          if (next === undefined) break;
          const answer = await connection.send(next);
          const end = performance.now();
          timesMs.push(end - now);
          now = end;
          if (answer.toString('latin1', 0, wanted.length) !== wanted) {
            throw new Error(`wanted ${options.status}: ${answer.toString('utf8', 0, 400)}`);
          }
        }
      }),
    );
  } finally {
    running = false;
    for (const connection of open) connection.close();
  }
  return {
    count: timesMs.length,
    seconds: (performance.now() - started) / 1000,
    timesMs: timesMs.toSorted((a, b) => a - b),
  };
}
