// Why: the `novacron` command: its words are a table (src/cli/novacron), and what stands here is how they are read and how it ends.

import { Command, Option } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { Fault, messageOf } from '../base/errors.ts';
import { plain } from '../base/plain.ts';
import { authWords } from '../client/clouds.ts';
import { Refusal } from '../client/refusal.ts';
import { type FaceCommand, faceCommands, type Flag, type Flags } from '../cli/novacron/commands.ts';
import { completion, type Tree } from '../cli/novacron/completion.ts';
import { openFace } from '../cli/novacron/face.ts';
import { type Format, shown } from '../cli/novacron/show.ts';
import { Failed, TooLong } from '../cli/novacron/wait.ts';
import { tellProgress } from '../cli/progress.ts';
import { print, wholeBetween } from './command-line.ts';

/** How it ends. */
const status = { failed: 1, wrongWords: 2, refused: 3, away: 4, tooLong: 5 } as const;

const DAY_S = 86_400;
const MOST = 100_000_000;

/** `--os-auth-url <value>`; what is a secret is better in a variable or clouds.yaml, since flags are seen by all of the machine. */
const authOptions = authWords.map((word) => {
  const option = new Option(`--os-${word.replaceAll('_', '-')} <value>`, `as the variable OS_${word.toUpperCase()}`);
  return option.hideHelp();
});

const camel = (word: string): string => word.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Options of every command. */
function withCaller(command: Command): Command {
  command
    .addOption(
      new Option('-o, --output <format>', 'how to print it').choices(['table', 'json', 'yaml']).default('table'),
    )
    .option('--os-cloud <name>', 'a cloud of clouds.yaml; default: OS_CLOUD, variables such as OS_AUTH_URL, else xloud')
    .option('--url <url>', 'where the API is, as http://localhost:8080/api/v1; default: NOVACRON_URL, else the catalog')
    .option('--os-region-name <name>', 'of which the catalog is read')
    .option('--data-dir <dir>', 'where `xloud serve` writes clouds.yaml', './var');
  for (const option of authOptions) command.addOption(option);
  return command;
}

function optionOf({ flag, description, required, whole, choices }: Flag): Option {
  const option = new Option(flag, description);
  if (required) option.makeOptionMandatory();
  if (whole) option.argParser(wholeBetween(1, MOST));
  if (choices !== undefined) option.choices(choices);
  return option;
}

async function run({ request, shape, wait }: FaceCommand, flags: Flags): Promise<void> {
  // wrong words are told before anybody is asked
  const { method, path, body } = request(flags);
  const said = (word: string): string | undefined => flags[word] as string | undefined;
  const face = await openFace({
    cloud: said('osCloud'),
    url: said('url'),
    region: said('osRegionName'),
    dataDir: said('dataDir') as string,
    words: Object.fromEntries(
      authWords.flatMap((word) => {
        const value = said(camel(`os_${word}`));
        return value === undefined ? [] : [[word, value]];
      }),
    ),
    env: process.env,
  });
  const answer = await face.ask(method, path, body);
  const parts = { face, timeoutMs: Number(flags['timeout']) * 1000, tell: tellProgress(process.stderr) };
  const end = wait !== undefined && flags['wait'] === true ? await wait(parts, answer, flags) : answer;
  print(shown(end, flags['output'] as Format, shape));
}

/** The command of some words, made with those above it. */
function place(program: Command, words: readonly string[]): Command {
  return words.reduce(
    (parent, word) => parent.commands.find((one) => one.name() === word) ?? parent.command(word),
    program,
  );
}

const groups: Readonly<Record<string, string>> = {
  vm: 'virtual machines',
  'vm snapshot': 'snapshots of VMs',
  'vm backup': 'backups of VMs',
  'vm performance': 'profile and metrics of VMs',
  'vm cloudinit': 'cloud-init in VMs',
  performance: 'performance profiles',
  'performance profile': 'performance profiles',
  migration: 'migrations of VMs',
  cloudinit: 'cloud-init',
  'cloudinit template': 'templates for cloud-init',
  node: 'nodes',
  image: 'images',
};

const treeOf = (command: Command): Tree => ({
  name: command.name(),
  flags: command.options.filter(({ hidden }) => !hidden).map(({ long }) => long as string),
  commands: command.commands.map(treeOf),
});

function makeProgram(): Command {
  const program = new Command('novacron')
    .description(
      `Virtual machines by NovaCron's API. Exit status: ${status.failed} what was waited for failed, ${status.wrongWords} wrong words, ${status.refused} refused, ${status.away} no answer, ${status.tooLong} waited too long.`,
    )
    .version(manifest.version)
    .showHelpAfterError();
  for (const [words, description] of Object.entries(groups)) place(program, words.split(' ')).description(description);
  for (const one of faceCommands) {
    const command = withCaller(place(program, one.words.split(' ')).description(one.description));
    for (const flag of one.flags) command.addOption(optionOf(flag));
    if (one.wait !== undefined) {
      command.option('--wait', 'stay until it has ended, with a line of progress');
      command.addOption(new Option('--timeout <seconds>', 'of --wait').argParser(wholeBetween(1, DAY_S)).default(600));
    }
    command.action((flags: Flags) => run(one, flags));
  }
  program
    .command('completion')
    .description('print a script that has the shell complete the words of this command')
    .addArgument(program.createArgument('<shell>', 'which one').choices(['bash', 'zsh']))
    .action((shell: 'bash' | 'zsh') => print(completion(shell, treeOf(program))));
  // wrong words are the caller's mistake, told apart from a refusal; of each command, since those there inherit nothing later
  const strict = (command: Command): void => {
    command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : status.wrongWords));
    command.showHelpAfterError();
    for (const inner of command.commands) strict(inner);
  };
  strict(program);
  return program;
}

function statusOf(error: unknown): number {
  if (error instanceof Failed) return status.failed;
  if (error instanceof TooLong) return status.tooLong;
  if (error instanceof Fault && error.kind === 'unavailable') return status.away;
  return error instanceof Refusal ? status.refused : status.wrongWords;
}

try {
  await makeProgram().parseAsync();
} catch (error) {
  process.stderr.write(`novacron: ${plain(messageOf(error))}\n`);
  process.exit(statusOf(error));
}
