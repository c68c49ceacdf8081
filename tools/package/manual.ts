// Why: manual pages and completion say what the program says of itself: both are made of its --help.

import { debianVersion } from './version.ts';

/** A line of a help's list: `-c, --config <file>` or `upgrade [options]`, and what it is for. */
export interface Term {
  readonly term: string;
  readonly text: string;
}

export interface Help {
  readonly usage: string;
  readonly about: string;
  readonly args: readonly Term[];
  readonly options: readonly Term[];
  readonly commands: readonly Term[];
}

/** A command with its own below it. */
export interface CommandTree {
  /** From the program's name on: ['xloud', 'db', 'upgrade'] */
  readonly words: readonly string[];
  readonly help: Help;
  readonly below: readonly CommandTree[];
}

/** The lines of one list: two spaces, the term, two or more spaces, the text, which goes on further in. */
function terms(block: string | undefined): Term[] {
  const found: { term: string; text: string }[] = [];
  for (const line of (block ?? '').split('\n')) {
    const [, term, text] = /^ {2}(\S.*?)(?: {2,}(\S.*))?$/.exec(line) ?? [];
    const last = found.at(-1);
    if (term !== undefined) found.push({ term, text: text ?? '' });
    else if (last !== undefined && line.trim() !== '') last.text = `${last.text} ${line.trim()}`.trim();
  }
  return found;
}

/** Reads what commander prints for --help. */
export function parseHelp(text: string): Help {
  const [head = '', ...lists] = text.trim().split(/\n\n(?=(?:Arguments|Options|Commands):\n)/);
  const [usage = '', ...about] = head.replace(/^Usage: /, '').split('\n\n');
  const list = (title: string): Term[] =>
    terms(lists.find((one) => one.startsWith(`${title}:\n`))?.slice(title.length + 2));
  return {
    usage: usage.replace(/\s+/g, ' '),
    about: about.join(' ').replace(/\s+/g, ' ').trim(),
    args: list('Arguments'),
    options: list('Options'),
    commands: list('Commands').filter(({ term }) => !term.startsWith('help ')),
  };
}

/** Asks a program for all its commands. @param ask the help of a command, by its words */
export function readCommands(words: readonly string[], ask: (words: readonly string[]) => string): CommandTree {
  const help = parseHelp(ask(words));
  const below = help.commands.map(({ term }) => readCommands([...words, term.split(/[ |]/)[0] as string], ask));
  return { words, help, below };
}

/** Text for troff: a line that begins with a dot or a quote would be a request. */
const troff = (text: string): string =>
  text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/^(?=[.'])/gm, '\\&');

const asTerms = (list: readonly Term[]): string =>
  list.map(({ term, text }) => `.TP\n.B ${troff(term)}\n${troff(text) || '\\&'}\n`).join('');

function section({ words, help, below }: CommandTree): string {
  const own = help.options.filter(({ term }) => !/^-h, --help|^-V, --version/.test(term));
  const head = `.SS "${troff(words.slice(1).join(' '))}"\n.B ${troff(help.usage)}\n.PP\n${troff(help.about)}\n`;
  return (below.length > 0 ? '' : head + asTerms([...help.args, ...own])) + below.map(section).join('');
}

/** A manual page in section 1. */
export function manualPage(tree: CommandTree, version: string, date: Date, rest = ''): string {
  const [name = ''] = tree.words;
  const line = tree.help.about.replace(/\.$/, '');
  return [
    `.TH ${name.toUpperCase()} 1 "${date.toISOString().slice(0, 10)}" "xloud\\-compute ${troff(debianVersion(version))}" "User Commands"`,
    `.SH NAME\n${name} \\- ${troff(line)}`,
    `.SH SYNOPSIS\n.B ${troff(tree.help.usage)}`,
    `.SH DESCRIPTION\n${troff(tree.help.about)}`,
    `.SH OPTIONS\n${asTerms(tree.help.options)}`.trimEnd(),
    `.SH COMMANDS\n${tree.below.map(section).join('')}`.trimEnd(),
    rest,
  ]
    .filter(Boolean)
    .join('\n')
    .concat('\n');
}

const flagsOf = ({ help }: CommandTree): string[] =>
  help.options.flatMap(({ term }) => term.match(/(?<![\w-])--?[A-Za-z][\w-]*/g) ?? []);

function cases(tree: CommandTree): string[] {
  const words = [...tree.below.map((one) => one.words.at(-1) as string), ...flagsOf(tree)];
  return [`    '${tree.words.slice(1).join(' ')}') words='${words.join(' ')}' ;;`, ...tree.below.flatMap(cases)];
}

const paths = (tree: CommandTree): string[] => [tree.words.slice(1).join(' '), ...tree.below.flatMap(paths)];

/** bash's completion: commands and options by name, files for what they are given. */
export function completion(tree: CommandTree): string {
  const [name = ''] = tree.words;
  const known = paths(tree)
    .filter(Boolean)
    .map((path) => `'${path}'`)
    .join('|');
  return `# Made of \`${name} --help\`.
_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
    ${known}) path="\${path:+$path }$word" ;;
    esac
  done
  case $path in
${cases(tree).join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _${name} ${name}
`;
}
