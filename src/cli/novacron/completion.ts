// Why: a shell completes the words and flags of a command from a script that is made of the command itself.

export interface Tree {
  readonly name: string;
  readonly flags: readonly string[];
  readonly commands: readonly Tree[];
}

interface Place {
  /** The words that lead there: `novacron vm snapshot`. */
  readonly words: string;
  readonly next: readonly string[];
}

function places(tree: Tree, before = ''): Place[] {
  const words = before === '' ? tree.name : `${before} ${tree.name}`;
  const next = [...tree.commands.map(({ name }) => name), ...tree.flags];
  return [{ words, next }, ...tree.commands.flatMap((command) => places(command, words))];
}

/** A function of bash that completes from the words before the one that is typed; flags and what belongs to them are passed over. */
function bash(tree: Tree): string {
  const { name } = tree;
  const cases = places(tree).map(({ words, next }) => `    '${words}') next='${next.join(' ')}' ;;`);
  return `# Completion of ${name} for bash: source <(${name} completion bash)
_${name}() {
  local words='${name}' next='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -*) break ;;
      *) words="$words \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$words" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$next" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _${name} ${name}
`;
}

/** zsh runs what is written for bash. */
const zsh = (tree: Tree): string =>
  `# Completion of ${tree.name} for zsh: source <(${tree.name} completion zsh)
autoload -U +X compinit && (( \${+functions[compdef]} )) || compinit
autoload -U +X bashcompinit && bashcompinit
${bash(tree)}`;

export const completion = (shell: 'bash' | 'zsh', tree: Tree): string => (shell === 'bash' ? bash(tree) : zsh(tree));
