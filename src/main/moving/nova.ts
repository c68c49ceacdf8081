// Why: Nova's databases are named by flags, by its nova.conf, or by its API database, which lists the cells.

import { badRequest, messageOf } from '../../base/errors.ts';
import { CELL0, novaCells } from '../../db/nova/api.ts';
import { type NovaDatabase, novaUrl, openNova } from '../../db/nova/open.ts';
import type { NovaCell } from '../../ops/moving/deps.ts';
import type { Cleanup } from '../cleanup.ts';
import { readWithin } from '../nova-conf/file.ts';
import { mergeNovaConf, parseNovaConf, substituted } from '../nova-conf/parse.ts';

export interface NovaFlags {
  readonly apiDatabase?: string;
  readonly cellDatabase: readonly string[];
  readonly cell0Database?: string;
  readonly novaConf?: readonly string[];
}

/** `connection` of `[api_database]`; null: the files do not set it. */
function fromConf(files: readonly string[]): string | null {
  const read = (file: string) => {
    try {
      return parseNovaConf(readWithin(file));
    } catch (error) {
      throw badRequest(`${file}: ${messageOf(error)}`);
    }
  };
  const conf = mergeNovaConf(files.map(read));
  const value = conf.get('api_database.connection')?.at(-1);
  return value === undefined ? null : substituted(conf, 'api_database', value, { names: 0, characters: 0 });
}

/** A cell's name in messages: its database name, without credentials. */
function nameOf(text: string, what: string): string {
  const url = novaUrl(text, what);
  return url.slice(url.lastIndexOf('/') + 1).split('?')[0] ?? '';
}

const CELL = '--cell-database';

/** Checks that a database has a table. @throws badRequest in one sentence, which never contains the URL */
async function mustHave(nova: NovaDatabase, table: string, what: string): Promise<NovaDatabase> {
  let columns: readonly string[];
  try {
    columns = await nova.columns(table, ['id']);
  } catch (error) {
    throw badRequest(`${what}: the database cannot be read (${messageOf(error)})`);
  }
  if (columns.length === 0) throw badRequest(`${what}: there is no table ${table}: this is not the right database`);
  return nova;
}

export interface OpenedNova {
  readonly api: NovaDatabase;
  readonly cells: readonly NovaCell[];
  readonly cell0: NovaDatabase | null;
}

/** Opens the given databases; others are taken from the API database. All are closed by `cleanup`. */
export async function openNovas(flags: NovaFlags, cleanup: Cleanup): Promise<OpenedNova> {
  const open = async (text: string, what: string, table: string): Promise<NovaDatabase> => {
    const nova = openNova(text, what);
    cleanup.defer(() => nova.close());
    return mustHave(nova, table, what);
  };
  const text = flags.apiDatabase ?? (flags.novaConf === undefined ? null : fromConf(flags.novaConf));
  if (text === null)
    throw badRequest(
      "name the database of Nova's API by --api-database, or a nova.conf with [api_database] by --nova-conf",
    );
  const api = await open(text, '--api-database', 'cell_mappings');
  const mapped = await novaCells(api);
  const isTemplate = (url: string) => url.includes('{');
  const named =
    flags.cellDatabase.length > 0
      ? flags.cellDatabase
      : mapped.filter(({ uuid }) => uuid !== CELL0).map(({ connection }) => connection);
  if (named.length === 0 || named.some(isTemplate))
    throw badRequest(
      `${CELL}: name the database of each cell; in Nova's cell_mappings it is a template, or there is none`,
    );
  const cells: NovaCell[] = [];
  for (const url of named) cells.push({ name: nameOf(url, CELL), nova: await open(url, CELL, 'instances') });
  const zero = flags.cell0Database ?? mapped.find(({ uuid }) => uuid === CELL0)?.connection;
  const cell0 = zero === undefined || isTemplate(zero) ? null : await open(zero, '--cell0-database', 'instances');
  return { api, cells, cell0 };
}
