// Why: programs read one stream of JSON lines; people who look for one VM, or one migration, want its own file. Each line goes to the files
// that its fields name, too.

import { appendFileSync, mkdirSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUuidLike } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { type Log, makeLog } from '../base/log.ts';
import type { Config } from './config.ts';
import { bad } from './config-values.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Fields in which a line names its VM. */
const VM_FIELDS = ['server', 'server_id', 'uuid', 'guest'] as const;
/** How the lines of drivers and agents are marked. */
export const HYPERVISOR = { part: 'hypervisor' } as const;

const uuidOf = (value: unknown): string | null =>
  typeof value === 'string' && value.length === 36 && isUuidLike(value) ? value.toLowerCase() : null;

/** The files of a line, below the directory: `vms/….log` only for what is an id, so that nothing that is logged names another place. */
export function filesOf(fields: Fields): readonly string[] {
  const vms = VM_FIELDS.flatMap((name) => uuidOf(fields[name]) ?? []);
  const migration = uuidOf(fields['migration']);
  return [
    ...(fields['service'] === undefined ? [] : ['api.log']),
    ...(fields['part'] === HYPERVISOR.part ? ['hypervisor.log'] : []),
    ...[...new Set(vms)].map((id) => join('vms', `${id}.log`)),
    ...(migration === null ? [] : [join('migrations', `${migration}.log`)]),
  ];
}

const MODE = { mode: 0o640 } as const;

/** Takes lines for the files of a directory, which is made; they are written together, a moment later. */
export function logFiles(directory: string): (line: string) => void {
  for (const part of ['', 'vms', 'migrations']) mkdirSync(join(directory, part), { recursive: true, mode: 0o750 });
  let waiting = new Map<string, string>();
  let writing = false;
  const take = (): [string, string][] => {
    const taken = [...waiting];
    waiting = new Map();
    return taken.map(([name, text]) => [join(directory, name), text]);
  };
  async function write(): Promise<void> {
    if (writing) return;
    writing = true;
    // a file that was moved away is begun anew; one that cannot be written has its lines on stderr as ever
    for (const [path, text] of take()) await appendFile(path, text, MODE).catch(() => undefined);
    writing = false;
  }
  setInterval(() => void write(), limits.logFlushMs).unref();
  process.once('exit', () => {
    for (const [path, text] of take()) {
      try {
        appendFileSync(path, text, MODE);
      } catch {
        // nobody is left to be told
      }
    }
  });
  return (line) => {
    for (const name of filesOf(JSON.parse(line) as Fields)) {
      const text = waiting.get(name) ?? '';
      if (text.length < limits.logFileBytes) waiting.set(name, text + line);
    }
  };
}

/** The log that the configuration wants. Throws where its files have no place. */
export function openLog({ log, novacron }: Pick<Config, 'log' | 'novacron'>): Log {
  if (novacron.log_dir === '') return makeLog(log.level);
  try {
    return makeLog(log.level, logFiles(novacron.log_dir));
  } catch (error) {
    throw bad('novacron.log_dir', (error as Error).message);
  }
}
