// Why: the floor. A bare node:http server that sends the recorded answers of the service, byte for byte, and does nothing
// else: what HTTP in Node costs by itself. Run as a process of its own; `/0` is the first answer of the file.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Recorded {
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
  readonly body: string;
}

const answers = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as Recorded[];
const byPath = new Map(answers.map((answer, index) => [`/${index}`, answer]));

const server = createServer((request, response) => {
  const answer = byPath.get(request.url as string);
  if (answer === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(answer.status, answer.headers);
  response.end(answer.body);
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
