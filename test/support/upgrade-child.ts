// A process that makes a schema and kills itself at the n-th statement: what the kernel does to one that is out of memory.

import { flushCompileCache } from 'node:module';
import { migrations } from '../../migrations/index.ts';
import { openDatabase } from '../../src/db/engine.ts';
import { upgradeSchema } from '../../src/db/upgrade.ts';

const [url = '', at = ''] = process.argv.slice(2);
const database = openDatabase(url, 1);
let left = Number(at);
database.write.on('query', () => {
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
});
// one that is killed keeps nothing of what it compiled
flushCompileCache();
await upgradeSchema(database, migrations);
await database.close();
