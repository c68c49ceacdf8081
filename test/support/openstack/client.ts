// Why: what a client printed on its walk is kept, reduced to its shape, to be compared with what it printed in another cloud.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { type ClientName, startClientProcess } from './process.ts';
import { type Printed, type Shape, shapeOf, wordsOf } from './shape.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface OpenstackClient {
  readonly which: ClientName;
  /** The names of its compute commands: `server create`. */
  readonly commands: readonly string[];
  /** The compute commands that were run so far. */
  readonly used: ReadonlySet<string>;
  readonly printed: Printed;
  /** What a command prints; rejects with its words where it fails. */
  run(...words: string[]): Promise<string>;
  row(...words: string[]): Promise<Row>;
  rows(...words: string[]): Promise<readonly Row[]>;
  /** As `row`, but what it prints depends on the moment and is not kept in `printed`. */
  look(...words: string[]): Promise<Row>;
  close(): Promise<void>;
}

/** `--os-compute-api-version 2.92 server list --long --name x` → `server list --long --name (2.92)`. */
function nameOf(words: readonly string[], command: string): string {
  const version = words[words.indexOf('--os-compute-api-version') + 1];
  const options = words.filter((word) => word.startsWith('--') && word !== '--os-compute-api-version');
  const plain = [command, ...new Set(options)].join(' ');
  return words.includes('--os-compute-api-version') ? `${plain} (${version})` : plain;
}

interface Cloud {
  readonly auth: Readonly<Record<string, string>>;
}

/** The cloud for one who has logged in already: a password costs more to check than most commands cost. */
const withToken = (cloud: Cloud, token: string) => ({
  ...cloud,
  auth_type: 'v3token',
  auth: {
    auth_url: cloud.auth['auth_url'],
    token,
    project_name: cloud.auth['project_name'],
    project_domain_name: cloud.auth['project_domain_name'],
  },
});

/** Starts a client that speaks to the cloud `xloud` of a clouds.yaml. `home`: a directory it may write to. */
export async function startClient(which: ClientName, clouds: string, home: string): Promise<OpenstackClient> {
  const own = join(home, `clouds-of-${which}.yaml`);
  const write = (cloud: object) => writeFileSync(own, stringify({ clouds: { xloud: cloud } }), { mode: 0o600 });
  const { xloud } = (parse(readFileSync(clouds, 'utf8')) as { clouds: { xloud: Cloud } }).clouds;
  write(xloud);
  const { commands, ask, close } = await startClientProcess(which, own, home);
  const longestFirst = commands.toSorted((a, b) => b.length - a.length);
  const used = new Set<string>();
  const shapes: Record<string, Shape> = {};
  const refusals: Record<string, string[]> = {};

  /** Resolves with the name under which what it prints is kept, and with what it prints. */
  async function told(words: readonly string[]): Promise<{ name: string; out: string }> {
    const { status, out, err } = await ask(words);
    const plain = words.filter((word) => !/^(--os-compute-api-version|2\.\d+)$/.test(word));
    const line = plain.join(' ');
    const command = longestFirst.find((one) => line === one || line.startsWith(`${one} `));
    if (command !== undefined) used.add(command);
    const name = nameOf(words, command ?? plain.slice(0, 2).join(' '));
    if (status !== 0) {
      (refusals[name] ??= []).push(wordsOf(err));
      throw new Error(`openstack ${words.join(' ')}: ${status}: ${err.trim()}`);
    }
    return { name, out };
  }
  const json = async (words: readonly string[], keep = true): Promise<unknown> => {
    const { name, out } = await told([...words, '-f', 'json']);
    // some say what they do before they show what they did
    const value = JSON.parse(out.slice(out.search(/^[[{]/m))) as unknown;
    if (keep) shapes[name] = shapeOf(value, shapes[name]);
    return value;
  };
  write(withToken(xloud, (await ask(['token', 'issue', '-f', 'value', '-c', 'id'])).out.trim()));
  return {
    which,
    commands,
    used,
    printed: { shapes, refusals },
    run: async (...words) => (await told(words)).out,
    row: async (...words) => (await json(words)) as Row,
    rows: async (...words) => (await json(words)) as readonly Row[],
    look: async (...words) => (await json(words, false)) as Row,
    close,
  };
}
