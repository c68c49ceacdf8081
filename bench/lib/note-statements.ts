// Why: loaded before the program (`node --import`), it notes each statement that goes to MySQL with its moment, so that a bench can
// say which layer asked how often. Written to the file STATEMENTS_FILE when the process ends.

import { writeFileSync } from 'node:fs';
import mysql from 'mysql2';
import { monotonicUs } from './profile.ts';

const noted: [atUs: number, sql: string][] = [];
const file = process.env['STATEMENTS_FILE'];
if (file === undefined) throw new Error('STATEMENTS_FILE is not set');

type Query = (this: unknown, options: string | { readonly sql: string }, ...rest: unknown[]) => unknown;
const { prototype } = (mysql as unknown as { Connection: { prototype: { query: Query } } }).Connection;
const { query } = prototype;
prototype.query = function noteAndQuery(options, ...rest) {
  noted.push([monotonicUs(), typeof options === 'string' ? options : options.sql]);
  return query.call(this, options, ...rest);
};

process.once('exit', () => writeFileSync(file, JSON.stringify(noted)));
