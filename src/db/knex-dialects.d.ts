// Why: knex has no types for its dialects.

declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  export default class BetterSqlite {
    _query(connection: unknown, query: unknown): Promise<unknown>;
    transaction(...words: unknown[]): {
      begin(connection: unknown): Promise<unknown>;
      query(connection: unknown, sql: string): Promise<unknown>;
    };
  }
}
