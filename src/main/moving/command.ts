// Why: what `xloud import-nova` and `xloud export-nova` are called and take. What they do is in src/ops/moving.

import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { Cleanup } from '../cleanup.ts';
import { collect, print } from '../command-line.ts';
import type { MovingDeps } from '../../ops/moving/deps.ts';
import type { Config } from '../config.ts';
import type { NovaFlags } from './nova.ts';
import type { Format } from './tell.ts';

interface Common {
  readonly dataDir: string;
}

export interface Tools<C extends Common> {
  readonly withCommon: (command: Command) => Command;
  readonly configOf: (options: C) => Promise<Config>;
}

type Flags<C> = C & NovaFlags & { readonly format: Format; readonly server: readonly string[] };

const withFormat = (command: Command): Command =>
  command.addOption(new Option('-f, --format <format>', 'how to print it').choices(['text', 'json']).default('text'));

const withNova = (command: Command): Command =>
  command
    .addOption(
      new Option('--api-database <url>', "the database of Nova's API: mysql://user:password@host/nova_api").env(
        'XLOUD_NOVA_API_DATABASE',
      ),
    )
    .option('--cell-database <url>', 'of a cell; may be repeated; default: as the API knows them', collect, [])
    .option('--cell0-database <url>', 'of the servers that never had a host; default: as the API knows it')
    .option('--nova-conf <files...>', "nova.conf that names the API's database, and what is read over it");

/** What is opened for one run, and closed at its end. */
async function withParts<C extends Common, T>(
  { configOf }: Tools<C>,
  options: C,
  flags: NovaFlags | null,
  work: (parts: { readonly deps: MovingDeps; readonly config: Config }) => Promise<T>,
): Promise<T> {
  const cleanup = new Cleanup();
  try {
    const config = await configOf(options);
    const dataDir = resolve(options.dataDir);
    const { openDatabase } = await import('../../db/engine.ts');
    const { databaseUrl, existing } = await import('../database-url.ts');
    const { migrations } = await import('../../../migrations/index.ts');
    const { checkSchema } = await import('../../db/upgrade.ts');
    const database = openDatabase(existing(databaseUrl(config, dataDir)), 2);
    cleanup.defer(() => database.close());
    await checkSchema(database, migrations);
    const { openNovas } = await import('./nova.ts');
    const { openMovingHosts } = await import('./hosts.ts');
    const nova = flags === null ? null : await openNovas(flags, cleanup);
    const hosts = await openMovingHosts(config, dataDir, cleanup);
    const hasNeutron = config.network.service === 'neutron';
    const { openMovingVolumes } = await import('./volumes.ts');
    const volumes = await openMovingVolumes(config, cleanup);
    const own = { database, clock: systemClock, hosts, hasNeutron, volumes };
    return await work({ deps: { ...own, ...(nova as NonNullable<typeof nova>) }, config });
  } finally {
    await cleanup.run();
  }
}

/** Adds both commands. */
export function addMoving<C extends Common>(program: Command, tools: Tools<C>): void {
  const { withCommon } = tools;
  const importing = program
    .command('import-nova')
    .description("take over a Nova's flavors, keys, quotas, groups, aggregates, and its servers as they run");
  const ofImport = (name: string, description: string) =>
    withFormat(withCommon(importing.command(name)).description(description));

  withNova(ofImport('plan', 'say what becomes of each thing; changes nothing, while Nova runs')).action(
    (options: Flags<C>) =>
      withParts(tools, options, options, async ({ deps }) => {
        const { planImport } = await import('../../ops/moving/apply.ts');
        const { planWords, tellLines } = await import('./tell.ts');
        await tellLines(planImport(deps), planWords, options.format, print);
      }),
  );
  withNova(
    ofImport(
      'apply',
      "take over what can be taken over, once its hosts' nova-compute is stopped; again: what is left (status 1: something was refused)",
    ),
  ).action((options: Flags<C>) =>
    withParts(tools, options, options, async ({ deps }) => {
      const { applyImport } = await import('../../ops/moving/apply.ts');
      const { doneWords, tellLines } = await import('./tell.ts');
      const refused = await tellLines(applyImport(deps), doneWords, options.format, print);
      process.exitCode = refused > 0 ? 1 : 0;
    }),
  );
  ofImport(
    'undo',
    "take back what was taken over, where nothing was done with it here; Nova's databases stay as they are",
  ).action((options: Flags<C>) =>
    withParts(tools, options, null, async ({ deps }) => {
      const { undoImport } = await import('../../ops/moving/give-back.ts');
      const { doneWords, tellLines } = await import('./tell.ts');
      const refused = await tellLines(undoImport(deps), doneWords, options.format, print);
      process.exitCode = refused > 0 ? 1 : 0;
    }),
  );
  ofImport('confirm', 'what was taken over stays: it cannot be undone or exported after this').action(
    (options: Flags<C>) =>
      withParts(tools, options, null, async ({ deps }) => {
        const { confirmImport } = await import('../../ops/moving/give-back.ts');
        const counts = await confirmImport(deps);
        const words = Object.entries(counts).map(([kind, count]) => `${kind}: ${count}`);
        print(options.format === 'json' ? JSON.stringify(counts) : words.join('\n') || 'nothing to confirm');
      }),
  );
  addExport(program, tools);
}

function addExport<C extends Common>(program: Command, tools: Tools<C>): void {
  const { withCommon } = tools;
  const exporting = program
    .command('export-nova')
    .description('hand servers that were taken over back to Nova, with what became of them');
  for (const [name, description, carry] of [
    ['plan', 'say what would be handed back, and what cannot; changes nothing', false],
    ['apply', 'hand back what can be; again: what is left (status 1: something was refused)', true],
  ] as const) {
    withNova(withFormat(withCommon(exporting.command(name)).description(description)))
      .option('--server <uuid>', 'this one alone; may be repeated; default: all', collect, [])
      .action((options: Flags<C>) =>
        withParts(tools, options, options, async ({ deps }) => {
          const { exportServers } = await import('../../ops/moving/give-back.ts');
          const { doneWords, planWords, tellLines } = await import('./tell.ts');
          const only = options.server.length === 0 ? null : new Set(options.server);
          const lines = exportServers(deps, carry, only);
          const refused = await tellLines(lines, carry ? doneWords : planWords, options.format, print);
          process.exitCode = carry && refused > 0 ? 1 : 0;
        }),
      );
  }
}
