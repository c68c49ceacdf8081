// Why: one command with a few words: what it starts, what it checks, what it shows. Errors of the user are one line and status 2.

import './heap.ts';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { migrations } from '../../migrations/index.ts';
import { systemClock } from '../base/clock.ts';
import { momentBefore } from '../base/age.ts';
import { Fault, messageOf } from '../base/errors.ts';
import { makeLog, silentLog } from '../base/log.ts';
import type { Caller } from '../base/op.ts';
import { findCloud } from '../cli/clouds.ts';
import { explain, type ExplainOptions } from '../cli/scheduler.ts';
import { openSession } from '../cli/session.ts';
import { openDatabase } from '../db/engine.ts';
import { checkSchema, schemaState, upgradeSchema } from '../db/migrate.ts';
import { makePolicy, type Policy, policyFile } from '../policies/load.ts';
import { checkPolicy, listPolicies } from '../policies/sample.ts';
import { type Config, loadConfig, sampleConfig } from './config.ts';
import { databaseUrl, existing } from './database-url.ts';
import { findWrongs, report, statusOf } from './doctor/doctor.ts';
import { resetPasswords } from './identity.ts';
import { samplePolicyFile } from './policy-sample.ts';
import { runPurge } from './purge-command.ts';
import { identityUrl } from './reach.ts';
import { serve } from './serve.ts';

interface Common {
  readonly config?: string;
  readonly set: string[];
  readonly dataDir: string;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

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

const configOf = (options: Common, flags: readonly string[] = []): Config =>
  loadConfig({ file: configFileOf(options), env: process.env, flags: [...options.set, ...flags] });

const print = (text: string): void => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);

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

withCommon(
  program
    .command('serve')
    .description('start everything in one process: API, workers, hypervisor, identity, images, networks'),
)
  .option('--port <port>', 'TCP port; 0 takes a free one')
  .option('--host <address>', 'address to listen on; loopback unless told otherwise')
  .addOption(new Option('--driver <name>', 'hypervisor').choices(['auto', 'libvirt', 'fake']))
  .action(async (options: ServeFlags) => {
    const flags = [
      ...(options.port === undefined ? [] : [`api.port=${options.port}`]),
      ...(options.host === undefined ? [] : [`api.host=${options.host}`]),
      ...(options.driver === undefined ? [] : [`compute.driver=${options.driver}`]),
    ];
    const config = configOf(options, flags);
    const log = makeLog(config.log.level);
    // a mistake in one request or timer must not end everybody's; one that is thrown outside of any promise still does
    process.on('unhandledRejection', (error) => log.error({ err: error }, 'a rejection that nobody awaited'));
    const started = performance.now();
    const serving = await serve({ config, dataDir: resolve(options.dataDir), log });
    if (serving.fellBack !== null) {
      print(
        banner([
          'THE FAKE DRIVER IS IN USE: servers are not real.',
          `libvirt: ${serving.fellBack}`,
          'Install a hypervisor with `make host` (as root), or say --driver fake to mean it.',
        ]),
      );
    }
    print(
      `xloud is up at ${serving.url} after ${Math.round(performance.now() - started)} ms, driver ${serving.driverKind}`,
    );
    if (serving.cloudsYaml !== null) {
      print(`  export OS_CLIENT_CONFIG_FILE=${serving.cloudsYaml} OS_CLOUD=xloud`);
      print('  openstack server list');
    }
    const stop = (signal: string) => {
      log.info({ signal }, 'stopping');
      serving.close().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, 'stopping failed');
          process.exit(1);
        },
      );
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  });

const db = program.command('db').description("the database's schema");
const databaseOf = (options: Common) => openDatabase(databaseUrl(configOf(options), resolve(options.dataDir)), 1);
withCommon(db.command('upgrade').description('apply the migrations that are missing')).action(
  async (options: Common) => {
    const database = databaseOf(options);
    try {
      const done = await upgradeSchema(database, migrations);
      print(done.length === 0 ? 'nothing to do' : `applied ${done.join(', ')}`);
    } finally {
      await database.close();
    }
  },
);
withCommon(db.command('version').description("show the database's version and what is missing")).action(
  async (options: Common) => {
    const database = databaseOf(options);
    try {
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
    const database = openDatabase(existing(databaseUrl(configOf(options), resolve(options.dataDir))), 2);
    try {
      await checkSchema(database, migrations);
      const parts = { database, beforeMs, dryRun: options.dryRun === true, signal: stop.signal };
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
    const readConfig = () => ({ config: configOf(options), file: configFileOf(options) ?? null });
    const findings = await findWrongs({ readConfig, dataDir: resolve(options.dataDir) });
    print(options.json === true ? JSON.stringify(findings, null, 2) : report(findings));
    process.exitCode = statusOf(findings);
  });

withCommon(program.command('identity').description('the built-in identity service').command('reset-passwords'))
  .description('new random passwords for admin and demo, written to clouds.yaml')
  .action(async (options: Common) => {
    const database = databaseOf(options);
    try {
      const config = configOf(options);
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
  .action(() => print(sampleConfig()));
withCommon(config.command('check').description('read the configuration and say what is wrong with it')).action(
  (options: Common) => {
    configOf(options);
    print('the configuration is good');
  },
);

const policy = program.command('policy').description('who may do what');
const withPolicy = <T>(options: Common, use: (policy: Policy) => T): T => {
  const file = policyFile(configOf(options).policy.file, resolve(options.dataDir));
  const loaded = makePolicy({ ...file, log: silentLog, clock: systemClock });
  try {
    return use(loaded);
  } finally {
    loaded.close();
  }
};
policy
  .command('sample')
  .description('print a policy.yaml with every rule, its default, and the calls it guards')
  .action(() => print(samplePolicyFile()));
withCommon(policy.command('list').description('print the rules in force')).action((options: Common) =>
  withPolicy(options, (loaded) => print(listPolicies(loaded.rules()))),
);
withCommon(policy.command('check <rule>').description('say whether somebody passes a rule, and why'))
  .option('--roles <roles>', 'roles, separated by commas', 'member')
  .option('--project <id>', "the caller's project", 'p1')
  .option('--user <id>', 'the caller', 'u1')
  .option('--target <json>', 'what is acted on, as JSON', '{"project_id": "p1", "user_id": "u1"}')
  .action((rule: string, options: Common & { roles: string; project: string; user: string; target: string }) =>
    withPolicy(options, (loaded) => {
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
    }),
  );

program
  .command('scheduler')
  .description('where servers go')
  .command('explain')
  .description('say for every host why a new server would go there, or why not; asks the service as an administrator')
  .requiredOption('--flavor <id>', 'the flavor')
  .option('--image <id>', 'the image')
  .option('--zone <zone>', 'as in a creation: zone, zone:host or zone:host:node')
  .option('--project <id>', "the server's project; default: the caller's")
  .option('--hint <key=value>', 'a scheduler hint; may be repeated', collect, [])
  .option('--os-cloud <name>', 'a cloud of clouds.yaml; default: OS_CLOUD, else xloud')
  .option('--data-dir <dir>', 'where `xloud serve` writes clouds.yaml; OS_CLIENT_CONFIG_FILE goes before it', './var')
  .addOption(new Option('-f, --format <format>', 'how to print it').choices(['table', 'json']).default('table'))
  .action(async (options: ExplainOptions & { osCloud?: string; dataDir: string }) => {
    const name = options.osCloud === undefined ? {} : { name: options.osCloud };
    const cloud = findCloud({ ...name, dataDir: options.dataDir, env: process.env });
    print(await explain(await openSession(cloud), options));
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`xloud: ${messageOf(error)}\n`);
  if (!(error instanceof Fault) && process.env.XLOUD_DEBUG !== undefined)
    process.stderr.write(`${(error as Error).stack}\n`);
  process.exit(2);
}
