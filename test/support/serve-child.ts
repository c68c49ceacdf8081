// Why: `xloud serve` as a process that dies by SIGKILL at a named point of an operation. The product reads nothing of this: it
// takes a hook by hand, and this entry hands it one.
//
// node serve-child.ts DATA_DIR PORT [POINT [DELAY_MS]]; options by the environment, as for `xloud serve`

import { flushCompileCache } from 'node:module';
import { loadConfig } from '../../src/main/config.ts';
import { openLog } from '../../src/main/log-files.ts';
import { serve } from '../../src/main/serve.ts';

const [dataDir, port, wanted, delayMs = '0'] = process.argv.slice(2) as [string, string, string?, string?];

const point = (name: string): void => {
  if (name !== wanted) return;
  if (delayMs === '0') process.kill(process.pid, 'SIGKILL');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(delayMs));
};
const config = loadConfig({ env: process.env, flags: [`api.port=${port}`] });
// one that is killed keeps nothing of what it compiled
flushCompileCache();
await serve({ config, dataDir, log: openLog(config), hooks: { point } });
