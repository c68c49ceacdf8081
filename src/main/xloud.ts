// Why: one command with a few words: what it starts, what it checks, what it shows. Errors of the user are one line and status 2.
// A command loads what it needs when it is run: all of the service takes ten times as long as asking it something.

import './heap.ts';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { systemClock } from '../base/clock.ts';
import { momentBefore } from '../base/age.ts';
import { Fault, messageOf } from '../base/errors.ts';
import { plain } from '../base/plain.ts';
import type { Caller } from '../base/op.ts';
import type { Config } from './config.ts';
import type { Database } from '../db/engine.ts';
import type { Policy } from '../policies/load.ts';
import { addCloudCommands } from './cloud-commands.ts';
import { collect, print } from './command-line.ts';
import { addMoving } from './moving/command.ts';
import { addOperator } from './operator-command.ts';
import type { StartOptions } from './parts.ts';

interface Common {
  readonly config?: string;
  readonly set: string[];
  readonly dataDir: string;
}

const withCommon = (command: Command): Command =>
  command
    .option(
      '-c, --config <file>',
      'configuration file (YAML); default: xloud.yaml in the data directory, if it is there',
    )
    .option('--set <section.option=value>', 'set one option, over file and environment; may be repeated', collect, [])
    .option('--data-dir <dir>', 'where the database, images and disks stand', './var');

function configFileOf(options: Common): string | undefined {
  const found = join(options.dataDir, 'xloud.yaml');
  return options.config ?? (existsSync(found) ? found : undefined);
}

async function configOf(options: Common, flags: readonly string[] = []): Promise<Config> {
  const { loadConfig } = await import('./config.ts');
  return loadConfig({ file: configFileOf(options), env: process.env, flags: [...options.set, ...flags] });
}

const BANNER_WIDTH = 86;

/** A text in lines of at most `width` characters, broken between words. */
function wrapped(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) as string;
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A box that cannot be missed. */
function banner(lines: readonly string[]): string {
  const edge = '#'.repeat(BANNER_WIDTH);
  const body = lines.flatMap((line) => wrapped(line, BANNER_WIDTH - 5));
  return ['', edge, ...body.map((line) => `#  ${line.padEnd(BANNER_WIDTH - 5)} #`), edge, ''].join('\n');
}

const program = new Command('xloud')
  .description('The OpenStack Compute API over libvirt, with servers that grow and shrink while they run.')
  .version(manifest.version)
  .showHelpAfterError()
  // wrong words are the caller's mistake, told apart from a failure of ours
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

interface ServeFlags extends Common {
  readonly port?: string;
  readonly host?: string;
  readonly driver?: string;
}

const driverOption = () => new Option('--driver <name>', 'hypervisor').choices(['auto', 'libvirt', 'fake']);

const serveFlags = ({ port, host, driver }: ServeFlags): string[] => [
  ...(port === undefined ? [] : [`api.port=${port}`]),
  ...(host === undefined ? [] : [`api.host=${host}`]),
  ...(driver === undefined ? [] : [`compute.driver=${driver}`]),
];

const fellBackBanner = (why: string): string =>
  banner([
    'THE FAKE DRIVER IS IN USE: servers are not real.',
    `libvirt: ${why}`,
    'Install a hypervisor with `make host` (as root), or say --driver fake to mean it.',
  ]);

function printClient(cloudsYaml: string | null): void {
  if (cloudsYaml === null) return;
  print(`  export OS_CLIENT_CONFIG_FILE=${cloudsYaml} OS_CLOUD=xloud`);
  print('  openstack server list');
}

/** Runs until it is told to stop, and then lets what is under way end. */
async function stand(
  options: Common,
  flags: readonly string[],
  start: (parts: StartOptions) => Promise<{ close(): Promise<void> }>,
): Promise<void> {
  const { openLog } = await import('./log-files.ts');
  const config = await configOf(options, flags);
  const log = openLog(config);
  // a mistake in one request or timer must not end everybody's; one that is thrown outside of any promise still does
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a rejection that nobody awaited'));
  const running = await start({ config, dataDir: resolve(options.dataDir), log });
  const stop = (signal: string) => {
    log.info({ signal }, 'stopping');
    running.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

withCommon(
  program
    .command('serve')
    .description('start everything in one process: API, workers, hypervisor, identity, images, networks'),
)
  .option('--port <port>', 'TCP port; 0 takes a free one')
  .option('--host <address>', 'address to listen on; loopback unless told otherwise')
  .addOption(driverOption())
  .action((options: ServeFlags) =>
    stand(options, serveFlags(options), async (parts) => {
      const began = performance.now();
      const { serve } = await import('./serve.ts');
      const serving = await serve(parts);
      if (serving.fellBack !== null) print(fellBackBanner(serving.fellBack));
      const tookMs = Math.round(performance.now() - began);
      print(`xloud is up at ${serving.url} after ${tookMs} ms, driver ${serving.driverKind}`);
      print(`  in a browser: ${serving.url}/dashboard`);
      printClient(serving.cloudsYaml);
      return serving;
    }),
  );

withCommon(
  program.command('api').description('start one of several APIs, with the built-in services; needs MySQL and RabbitMQ'),
)
  .option('--port <port>', 'TCP port; 0 takes a free one')
  .option('--host <address>', 'address to listen on; loopback unless told otherwise')
  .action((options: ServeFlags) =>
    stand(options, serveFlags(options), async (parts) => {
      const { startApi } = await import('./api.ts');
      const api = await startApi(parts);
      print(`xloud api is up at ${api.url}`);
      printClient(api.cloudsYaml);
      return api;
    }),
  );

withCommon(
  program.command('worker').description('start one of several workers; needs MySQL and RabbitMQ, answers no requests'),
).action((options: Common) =>
  stand(options, [], async (parts) => {
    const { startWorkerProcess } = await import('./worker.ts');
    const worker = await startWorkerProcess(parts);
    print(`xloud worker is up${worker.url === null ? '' : `, probes at ${worker.url}`}`);
    return worker;
  }),
);

withCommon(
  program.command('agent').description("start the agent of this machine's hypervisor; needs RabbitMQ, no database"),
)
  .addOption(driverOption())
  .action((options: ServeFlags) =>
    stand(options, serveFlags(options), async (parts) => {
      const { startAgentProcess } = await import('./agent.ts');
      const agent = await startAgentProcess(parts);
      if (agent.fellBack !== null) print(fellBackBanner(agent.fellBack));
      const probes = agent.url === null ? '' : `, probes at ${agent.url}`;
      print(`xloud agent is up for ${agent.hosts.join(', ')}, driver ${agent.driverKind}${probes}`);
      return agent;
    }),
  );

const bus = program.command('bus').description('what processes apart speak over');
bus
  .command('keys')
  .description('make the key with which APIs and workers sign what they ask of hosts, and its public half for agents')
  .option('--dir <dir>', 'where to write them', '.')
  .action(async ({ dir }: { dir: string }) => {
    const { writeKeys } = await import('./bus-keys.ts');
    print(writeKeys(resolve(dir)));
  });
bus
  .command('user <host>')
  .description("print the commands that give a host's agent a user of RabbitMQ that can do nothing but its work")
  .option('--vhost <name>', 'the virtual host', '/')
  .action(async (host: string, { vhost }: { vhost: string }) => {
    const { userCommands } = await import('./bus-keys.ts');
    print(userCommands(host, vhost));
  });

program
  .command('metadata')
  .description('what guests are told where processes are apart')
  .command('keys [hosts...]')
  .description('make the secret of APIs and workers, unless it is there, and of it a key for the agent of each host')
  .option('--dir <dir>', 'where to write them', '.')
  .action(async (hosts: string[], { dir }: { dir: string }) => {
    const { writeMetadataKeys } = await import('./bus-keys.ts');
    print(writeMetadataKeys(resolve(dir), hosts));
  });

const db = program.command('db').description("the database's schema");

/** The schema's steps, and what reads and applies them. */
const schema = async () => ({ ...(await import('../../migrations/index.ts')), ...(await import('../db/upgrade.ts')) });

/** @param must whether the database has to be there already */
async function databaseOf(options: Common, connections = 1, must = false): Promise<Database> {
  const { openDatabase } = await import('../db/engine.ts');
  const { databaseUrl, existing } = await import('./database-url.ts');
  const url = databaseUrl(await configOf(options), resolve(options.dataDir));
  return openDatabase(must ? existing(url) : url, connections);
}

withCommon(db.command('upgrade').description('apply the migrations that are missing')).action(
  async (options: Common) => {
    const database = await databaseOf(options);
    try {
      const { migrations, upgradeSchema } = await schema();
      const done = await upgradeSchema(database, migrations);
      print(done.length === 0 ? 'nothing to do' : `applied ${done.join(', ')}`);
    } finally {
      await database.close();
    }
  },
);
withCommon(db.command('version').description("show the database's version and what is missing")).action(
  async (options: Common) => {
    const database = await databaseOf(options);
    try {
      const { migrations, schemaState } = await schema();
      const { applied, pending, unknown } = await schemaState(database, migrations);
      print(`version: ${applied.at(-1) ?? 'none'}`);
      if (pending.length > 0) print(`missing: ${pending.join(', ')}`);
      if (unknown.length > 0) print(`newer than this program: ${unknown.join(', ')}`);
    } finally {
      await database.close();
    }
  },
);

interface PurgeFlags extends Common {
  readonly before: string;
  readonly dryRun?: true;
}
withCommon(
  db
    .command('purge')
    .description('remove servers that were deleted before a moment for good, with their history and their usage'),
)
  .requiredOption('--before <when>', 'a date (2026-08-01, 2026-08-01T12:00Z) or an age (90d, 12h, 6w)')
  .option('--dry-run', 'remove nothing, show how many rows of which tables would go')
  .action(async (options: PurgeFlags) => {
    const beforeMs = momentBefore(options.before, systemClock.now());
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    process.once('SIGTERM', () => stop.abort());
    const { migrations, checkSchema } = await schema();
    const database = await databaseOf(options, 2, true);
    try {
      await checkSchema(database, migrations);
      const parts = { database, beforeMs, dryRun: options.dryRun === true, signal: stop.signal };
      const { runPurge } = await import('./purge-command.ts');
      process.exitCode = await runPurge({ ...parts, print, errors: process.stderr });
    } finally {
      await database.close();
    }
  });

withCommon(
  program
    .command('doctor')
    .description(
      'say what is wrong with this installation and what to do; changes nothing, while the service runs or not',
    ),
)
  .option('--json', 'the findings as JSON')
  .action(async (options: Common & { json?: true }) => {
    const { loadConfig } = await import('./config.ts');
    const { findWrongs, report, statusOf } = await import('./doctor/doctor.ts');
    const file = configFileOf(options);
    const readConfig = () => ({
      config: loadConfig({ file, env: process.env, flags: options.set }),
      file: file ?? null,
    });
    const findings = await findWrongs({ readConfig, dataDir: resolve(options.dataDir) });
    print(options.json === true ? JSON.stringify(findings, null, 2) : report(findings));
    process.exitCode = statusOf(findings);
  });

withCommon(program.command('identity').description('the built-in identity service').command('reset-passwords'))
  .description('new random passwords and their first roles for admin and demo, written to clouds.yaml')
  .action(async (options: Common) => {
    const database = await databaseOf(options);
    try {
      const config = await configOf(options);
      const { migrations, upgradeSchema } = await schema();
      const { identityUrl } = await import('./reach.ts');
      const { resetPasswords } = await import('./identity.ts');
      const { silentLog } = await import('../base/log.ts');
      const { makePolicy } = await import('../policies/load.ts');
      const url = identityUrl(config.api, `http://${config.api.host}:${config.api.port}`);
      const observer = { answered() {} };
      await upgradeSchema(database, migrations);
      print(
        `written: ${await resetPasswords({ config, dataDir: resolve(options.dataDir), url, database, clock: systemClock, log: silentLog, observer, policy: makePolicy({ log: silentLog, clock: systemClock }) })}`,
      );
    } finally {
      await database.close();
    }
  });

const config = program.command('config').description('the configuration');
config
  .command('sample')
  .description('print every option with its default, unit and meaning')
  .action(async () => {
    const { sampleConfig } = await import('./config.ts');
    print(sampleConfig());
  });
withCommon(config.command('check').description('read the configuration and say what is wrong with it')).action(
  async (options: Common) => {
    const read = await configOf(options);
    const { checkConfig } = await import('./config-check.ts');
    checkConfig(read);
    print('the configuration is good');
  },
);

config
  .command('import')
  .argument('<files...>', 'nova.conf and what is read over it, in that order')
  .description("make a configuration of Nova's, and say of each of its options what became of it")
  .option(
    '-o, --output <file>',
    'where the configuration is written, for its owner alone, if it is not there; default: printed',
  )
  .action(async (files: string[], { output }: { output?: string }) => {
    const { importFiles } = await import('./nova-conf/command.ts');
    importFiles(files, output ?? null, { print, tell: (line) => process.stderr.write(`${line}\n`) });
  });

const policy = program.command('policy').description('who may do what');
async function withPolicy<T>(options: Common, use: (policy: Policy) => T): Promise<T> {
  const { silentLog } = await import('../base/log.ts');
  const { makePolicy, policyFile } = await import('../policies/load.ts');
  const file = policyFile((await configOf(options)).policy.file, resolve(options.dataDir));
  const loaded = makePolicy({ ...file, log: silentLog, clock: systemClock });
  try {
    return use(loaded);
  } finally {
    loaded.close();
  }
}
policy
  .command('sample')
  .description('print a policy.yaml with every rule, its default, and the calls it guards')
  .action(async () => {
    const { samplePolicyFile } = await import('./policy-sample.ts');
    print(samplePolicyFile());
  });
withCommon(policy.command('list').description('print the rules in force')).action(async (options: Common) => {
  const { listPolicies } = await import('../policies/sample.ts');
  await withPolicy(options, (loaded) => print(listPolicies(loaded.rules())));
});
withCommon(policy.command('check <rule>').description('say whether somebody passes a rule, and why'))
  .option('--roles <roles>', 'roles, separated by commas', 'member')
  .option('--project <id>', "the caller's project", 'p1')
  .option('--user <id>', 'the caller', 'u1')
  .option('--target <json>', 'what is acted on, as JSON', '{"project_id": "p1", "user_id": "u1"}')
  .action(async (rule: string, options: Common & { roles: string; project: string; user: string; target: string }) => {
    const { checkPolicy } = await import('../policies/sample.ts');
    await withPolicy(options, (loaded) => {
      const caller: Omit<Caller, 'isAdmin'> = {
        userId: options.user,
        userName: options.user,
        userDomainId: 'default',
        projectId: options.project,
        projectName: options.project,
        projectDomainId: 'default',
        domainId: null,
        roles: options.roles.split(',').filter(Boolean),
        systemScope: null,
        token: null,
      };
      let target: Record<string, unknown>;
      try {
        target = JSON.parse(options.target) as Record<string, unknown>;
      } catch {
        throw new Fault('badRequest', `--target: ${options.target} is not JSON`);
      }
      const verdict = checkPolicy(loaded, { ...caller, isAdmin: loaded.isAdmin(caller) }, rule, target);
      if (verdict === undefined) throw new Fault('notFound', `there is no rule ${rule} (see \`xloud policy list\`)`);
      print(verdict.text);
      process.exitCode = verdict.allowed ? 0 : 1;
    });
  });

addCloudCommands(program);
addMoving<Common>(program, { withCommon, configOf });
addOperator(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`xloud: ${plain(messageOf(error))}\n`);
  if (!(error instanceof Fault) && process.env.XLOUD_DEBUG !== undefined)
    process.stderr.write(`${(error as Error).stack}\n`);
  process.exit(2);
}
