// Why: command-line definitions of `xloud import-nova` and `xloud export-nova`; the work is in src/ops/moving.

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
    .option(
      '--cell-database <url>',
      'database of a cell (may be repeated; default: from the API database)',
      collect,
      [],
    )
    .option('--cell0-database <url>', 'database of cell0 (default: from the API database)')
    .option('--nova-conf <files...>', 'nova.conf with [api_database], and files that override it');

/** Opens the dependencies of one run and closes them at its end. */
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
    .description("take over a Nova's flavors, keys, quotas, groups, aggregates and running servers");
  const ofImport = (name: string, description: string) =>
    withFormat(withCommon(importing.command(name)).description(description));

  withNova(ofImport('plan', 'show what would become of each object; changes nothing, Nova may run')).action(
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
      'take over what can be taken over, after nova-compute is stopped; run it again for the rest (status 1: something was refused)',
    ),
  ).action((options: Flags<C>) =>
    withParts(tools, options, options, async ({ deps }) => {
      const { applyImport } = await import('../../ops/moving/apply.ts');
      const { doneWords, tellLines } = await import('./tell.ts');
      const refused = await tellLines(applyImport(deps), doneWords, options.format, print);
      process.exitCode = refused > 0 ? 1 : 0;
    }),
  );
  ofImport('undo', "revert what was taken over and not changed here; Nova's databases are not touched").action(
    (options: Flags<C>) =>
      withParts(tools, options, null, async ({ deps }) => {
        const { undoImport } = await import('../../ops/moving/give-back.ts');
        const { doneWords, tellLines } = await import('./tell.ts');
        const refused = await tellLines(undoImport(deps), doneWords, options.format, print);
        process.exitCode = refused > 0 ? 1 : 0;
      }),
  );
  ofImport('confirm', 'end the way back: nothing can be undone or exported after this').action((options: Flags<C>) =>
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
    .description('return servers that were taken over to Nova, with their changes');
  for (const [name, description, carry] of [
    ['plan', 'show what would be returned, and what cannot be; changes nothing', false],
    ['apply', 'return what can be returned; run it again for the rest (status 1: something was refused)', true],
  ] as const) {
    withNova(withFormat(withCommon(exporting.command(name)).description(description)))
      .option('--server <uuid>', 'only this server (may be repeated; default: all)', collect, [])
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
