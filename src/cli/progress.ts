// Why: long work shows how far it is: people at a terminal see one line that changes, logs get a line for each change.

import { plain } from '../base/plain.ts';

/** Writes progress to a stream: over the line before, where it is a terminal. */
export function tellProgress(stream: NodeJS.WriteStream): (line: string) => void {
  if (!stream.isTTY) return (line) => void stream.write(`${plain(line)}\n`);
  process.once('exit', () => void stream.write('\n'));
  return (line) => void stream.write(`\r\u001b[K${plain(line)}`);
}
