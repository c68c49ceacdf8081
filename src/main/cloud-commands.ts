// Why: the commands that ask a running service over HTTP, as any client would: what they are called and take. What they do is in src/cli.

import { type Command, Option } from 'commander';
import { limits } from '../base/limits.ts';
import { findCloud } from '../client/clouds.ts';
import type { CostQuery } from '../cli/costs.ts';
import type { NodeTerms } from '../cli/nodes.ts';
import { tellProgress } from '../cli/progress.ts';
import type { TemplateTerms } from '../cli/templates.ts';
import type { ExplainOptions } from '../cli/scheduler.ts';
import { openSession, type Session } from '../client/session.ts';
import { collect, numberBetween, print, wholeBetween } from './command-line.ts';

/** Of vCPUs, MiB and GiB of one host. */
const MOST = 1_000_000_000;

interface CloudFlags {
  readonly osCloud?: string;
  readonly dataDir: string;
}

/** Options of what asks a running service as an administrator. */
const withCloud = (command: Command): Command =>
  command
    .option('--os-cloud <name>', 'a cloud of clouds.yaml; default: OS_CLOUD, else xloud')
    .option(
      '--data-dir <dir>',
      'where `xloud serve` writes clouds.yaml; OS_CLIENT_CONFIG_FILE goes before it',
      './var',
    );

const sessionOf = ({ osCloud, dataDir }: CloudFlags): Promise<Session> =>
  openSession(findCloud({ ...(osCloud === undefined ? {} : { name: osCloud }), dataDir, env: process.env }));

function addScheduler(program: Command): void {
  withCloud(
    program
      .command('scheduler')
      .description('where servers go')
      .command('explain')
      .description(
        'say for every host why a new server would go there, or why not; asks the service as an administrator',
      )
      .requiredOption('--flavor <id>', 'the flavor')
      .option('--image <id>', 'the image')
      .option('--zone <zone>', 'as in a creation: zone, zone:host or zone:host:node')
      .option('--project <id>', "the server's project; default: the caller's")
      .option('--hint <key=value>', 'a scheduler hint; may be repeated', collect, [])
      .addOption(new Option('-f, --format <format>', 'how to print it').choices(['table', 'json']).default('table')),
  ).action(async (options: ExplainOptions & CloudFlags) => {
    const { explain } = await import('../cli/scheduler.ts');
    print(await explain(await sessionOf(options), options));
  });
}

function addCloudInit(program: Command): void {
  const cloudInit = program
    .command('cloud-init')
    .description('templates for cloud-init that new servers may name, and what became of them');

  withCloud(cloudInit.command('list').description('print the templates')).action(async (options: CloudFlags) => {
    const { listTemplates } = await import('../cli/cloud-init-templates.ts');
    print(await listTemplates(await sessionOf(options)));
  });

  withCloud(
    cloudInit
      .command('show <name>')
      .description('print the variables and the document of a template: NAME or NAME@VERSION'),
  ).action(async (name: string, options: CloudFlags) => {
    const { showTemplate } = await import('../cli/cloud-init-templates.ts');
    print(await showTemplate(await sessionOf(options), name));
  });

  withCloud(
    cloudInit
      .command('status <server-id>')
      .description('print what cloud-init came to in a server, and the end of its log'),
  ).action(async (server: string, options: CloudFlags) => {
    const { showCloudInitStatus } = await import('../cli/cloud-init-status.ts');
    print(await showCloudInitStatus(await sessionOf(options), server));
  });
}

function addProfiles(program: Command): void {
  const profile = program
    .command('profile')
    .description('sets of extra specs by a name, and what servers have of them');

  withCloud(profile.command('list').description('print the profiles with what each knob does')).action(
    async (options: CloudFlags) => {
      const { listProfiles } = await import('../cli/profiles.ts');
      print(await listProfiles(await sessionOf(options)));
    },
  );

  withCloud(profile.command('show <server-id>').description("print a server's profile with its values")).action(
    async (server: string, options: CloudFlags) => {
      const { showProfile } = await import('../cli/profiles.ts');
      print(await showProfile(await sessionOf(options), server));
    },
  );

  withCloud(
    profile
      .command('apply <server-id> <name>')
      .description('give a server another profile from its next start on; none: -'),
  ).action(async (server: string, name: string, options: CloudFlags) => {
    const { applyProfile } = await import('../cli/profiles.ts');
    print(await applyProfile(await sessionOf(options), server, name === '-' ? null : name));
  });
}

function addCosts(program: Command): void {
  const plans = program.command('plans').description('flavors that have a price');

  withCloud(plans.command('list').description('print the plans with their prices')).action(
    async (options: CloudFlags) => {
      const { listPlans } = await import('../cli/costs.ts');
      print(await listPlans(await sessionOf(options)));
    },
  );

  withCloud(
    plans
      .command('create-defaults')
      .description('make micro, small, medium, large and two elastic ones; those there stay'),
  ).action(async (options: CloudFlags) => {
    const { createDefaultPlans } = await import('../cli/costs.ts');
    print(await createDefaultPlans(await sessionOf(options)));
  });

  const prices = program.command('prices').description('what volumes, snapshots, images and floating addresses cost');

  withCloud(prices.command('show').description('print what an hour costs of a GiB, or of an address')).action(
    async (options: CloudFlags) => {
      const { showPrices } = await import('../cli/costs.ts');
      print(await showPrices(await sessionOf(options)));
    },
  );

  withCloud(
    prices.command('set <prices...>').description('change prices from now on: xloud prices set volume=0.0001'),
  ).action(async (words: string[], options: CloudFlags) => {
    const { changePrices } = await import('../cli/costs.ts');
    print(await changePrices(await sessionOf(options), words));
  });

  withCloud(
    program
      .command('costs')
      .description('print what was recorded for a time; of all projects, unless one is named')
      .option('--project <id>', 'of this project')
      .option(
        '--group-by <what>',
        'project, user, kind, resource, and month, day or hour; several with commas',
        'project,kind',
      )
      .option('--start <moment>', '2026-11-01T00:00:00, UTC; default: the beginning of the month')
      .option('--end <moment>', 'default: now'),
  ).action(async (options: CloudFlags & CostQuery) => {
    const { showCosts } = await import('../cli/costs.ts');
    print(await showCosts(await sessionOf(options), options));
  });
}

function addMetrics(program: Command): void {
  const metrics = program.command('metrics').description('what servers and hosts take');

  withCloud(metrics.command('server <server-id>').description('print what a running server takes, each second')).action(
    async (server: string, options: CloudFlags) => {
      const { showMetrics } = await import('../cli/metrics.ts');
      print(await showMetrics(await sessionOf(options), 'server', server));
    },
  );

  withCloud(metrics.command('host <host>').description('print how busy a host is and what is claimed of it')).action(
    async (name: string, options: CloudFlags) => {
      const { showMetrics } = await import('../cli/metrics.ts');
      print(await showMetrics(await sessionOf(options), 'host', name));
    },
  );
}

function addHosts(program: Command): void {
  const host = program.command('host').description('hosts of servers');

  withCloud(
    host
      .command('drain <host>')
      .description(
        'disable a host and move all servers away from it, running ones as they run; may be run again at any time. ' +
          'Exit status 1: servers are left',
      )
      .addOption(
        new Option('--at-once <number>', 'servers that move at the same time')
          .argParser(wholeBetween(1, 100))
          .default(2),
      )
      .option('--reason <text>', 'why the host is disabled', 'drained')
      .option('--dry-run', 'only say what would be done', false),
  ).action(async (name: string, options: CloudFlags & { atOnce: number; reason: string; dryRun: boolean }) => {
    const tell = tellProgress(process.stderr);
    const { drainHost } = await import('../cli/drain.ts');
    const { text, empty } = await drainHost(await sessionOf(options), name, { ...options, tell });
    print(text);
    process.exitCode = empty || options.dryRun ? 0 : 1;
  });

  withCloud(
    host
      .command('balance')
      .description(
        'move servers, as they run, from the hosts that are fullest to others, so that those that stay can grow. ' +
          'Exit status 1: not all could be moved',
      )
      .addOption(
        new Option('--moves <number>', 'the most servers that are moved')
          .argParser(wholeBetween(1, limits.balanceMoves))
          .default(10),
      )
      .option('--dry-run', 'only say what would be done', false),
  ).action(async (options: CloudFlags & { moves: number; dryRun: boolean }) => {
    const tell = tellProgress(process.stderr);
    const { balanceHosts } = await import('../cli/balance.ts');
    const { text, well } = await balanceHosts(await sessionOf(options), { ...options, tell });
    print(text);
    process.exitCode = well ? 0 : 1;
  });
}

interface NodeFlags extends CloudFlags, NodeTerms {
  readonly wait: number;
}

function addNodes(program: Command): void {
  const nodes = program.command('nodes').description('hosts as machines that are rented out');
  const amount = (flag: string, description: string) => new Option(flag, description).argParser(wholeBetween(1, MOST));
  const factor = (flag: string, what: string) =>
    new Option(flag, `how often its ${what} may be claimed: 2.0`).argParser(numberBetween(0.01, 1_000));

  withCloud(
    nodes
      .command('add <host>')
      .description(
        'say how much of a host is for rent, and how far it may be overcommitted; the host reports itself by its agent',
      )
      .addOption(amount('--vcpus <number>', 'the vCPUs for rent; default: all'))
      .addOption(amount('--memory-mb <mib>', 'the memory for rent; default: all'))
      .addOption(amount('--disk-gb <gib>', 'the disk for rent; default: all'))
      .addOption(factor('--cpu-overcommit <factor>', 'CPUs'))
      .addOption(factor('--memory-overcommit <factor>', 'memory'))
      .addOption(factor('--disk-overcommit <factor>', 'disk'))
      .addOption(
        new Option('--wait <seconds>', 'how long to wait for the first report of the host')
          .argParser(wholeBetween(0, 86_400))
          .default(0),
      ),
  ).action(async (host: string, options: NodeFlags) => {
    const { addNode } = await import('../cli/nodes.ts');
    print(await addNode(await sessionOf(options), host, options, options.wait));
  });

  withCloud(nodes.command('list').description('print the hosts, what is used of them, and the sums')).action(
    async (options: CloudFlags) => {
      const { listNodes } = await import('../cli/nodes.ts');
      print(await listNodes(await sessionOf(options)));
    },
  );
}

function addTemplates(program: Command): void {
  const templates = program
    .command('templates')
    .description('images that deployments name: operating systems to install');

  withCloud(
    templates
      .command('add <name>')
      .description('make an image a template, or say something else of one')
      .requiredOption('--image <image>', 'an image by its id, or by a name that only one has')
      .requiredOption('--family <word>', 'ubuntu, debian, rocky, windows')
      .requiredOption('--os-version <version>', '22.04')
      .option('--display-name <text>', 'for people; default: its name')
      .option('--no-cloud-init', 'nothing in it reads keys and passwords at the first boot')
      .option('--windows', 'it is Windows: with cloudbase-init where cloud-init is not denied', false)
      .option('--virtio', 'its virtio drivers are installed, where it is Windows', false),
  ).action(async (name: string, options: Omit<TemplateTerms, 'version'> & CloudFlags & { osVersion: string }) => {
    const { addTemplate } = await import('../cli/templates.ts');
    print(await addTemplate(await sessionOf(options), name, { ...options, version: options.osVersion }));
  });

  withCloud(templates.command('list').description('print the templates')).action(async (options: CloudFlags) => {
    const { listTemplates } = await import('../cli/templates.ts');
    print(await listTemplates(await sessionOf(options)));
  });
}

/** Adds them to the command. */
export function addCloudCommands(program: Command): void {
  addScheduler(program);
  addCloudInit(program);
  addProfiles(program);
  addCosts(program);
  addMetrics(program);
  addHosts(program);
  addNodes(program);
  addTemplates(program);
}
