// Why: what each step of the walk through the openstack client may do.

import type { OpenstackClient, Row } from './client.ts';

/** Each command is a line of words. */
export interface Stage {
  readonly client: OpenstackClient;
  readonly debian: boolean;
  /** Before a command that Debian's client does whole only when it is told a version; the newest finds it itself. */
  readonly newer: string;
  readonly run: (line: string) => Promise<string>;
  readonly row: (line: string) => Promise<Row>;
  readonly rows: (line: string) => Promise<readonly Row[]>;
  /** As `rows` or `row`, at each of the versions that people use this client with; gives what the last printed. */
  readonly eachRow: (line: string) => Promise<Row>;
  readonly eachRows: (line: string) => Promise<readonly Row[]>;
  /** The command fails; that it does so in Nova's words is seen when all is compared. */
  readonly fails: (line: string) => Promise<void>;
  /** As soon as the server has the status. */
  readonly reaches: (name: string, status: string) => Promise<void>;
  readonly restart: (host: string) => Promise<void>;
  readonly statusOf: (name: string) => Promise<unknown>;
}

export type Step = (stage: Stage) => Promise<void>;
