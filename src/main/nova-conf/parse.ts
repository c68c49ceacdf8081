// Why: nova.conf is oslo.config's INI: options repeat (PCI aliases do), values go on in indented lines, and name each other by `$`. No INI
// library reads all three.

/** Values by `section.option`, in the order in which they stand; an option that stands once has one. */
export type NovaConf = ReadonlyMap<string, readonly string[]>;

/** oslo.config takes `server-listen` for `server_listen`. */
const keyOf = (section: string, option: string): string => `${section}.${option.replaceAll('-', '_')}`;

const unquoted = (value: string): string =>
  value.length > 1 && (value[0] === '"' || value[0] === "'") && value.endsWith(value[0]) ? value.slice(1, -1) : value;

/** The name and the value of a line; null: it has neither. */
function optionIn(line: string): { readonly name: string; readonly value: string } | null {
  const at = line.search(/[=:]/);
  const name = line.slice(0, Math.max(at, 0)).trim();
  return name === '' ? null : { name, value: line.slice(at + 1).trim() };
}

/**
 * Reads one file.
 * @throws Error with the number of the line that is neither a section, an option, a continuation, nor a comment
 */
export function parseNovaConf(text: string): NovaConf {
  const found = new Map<string, string[]>();
  let [section, last] = ['DEFAULT', null as string[] | null];
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.trim();
    if (words === '' || words.startsWith('#') || words.startsWith(';')) {
      last = null;
    } else if (last !== null && line.startsWith(words[0] as string) === false) {
      last.push(`${last.pop() ?? ''}\n${words}`);
    } else if (words.startsWith('[') && words.endsWith(']')) {
      [section, last] = [words.slice(1, -1).trim(), null];
    } else {
      const option = optionIn(words);
      if (option === null) throw new Error(`line ${index + 1} is neither a section nor an option`);
      const key = keyOf(section, option.name);
      last = found.get(key) ?? [];
      last.push(option.value);
      found.set(key, last);
    }
  }
  return new Map([...found].map(([key, values]) => [key, values.map(unquoted)]));
}

/** Files in the order of `--config-file`: what stands in a later one replaces what stands in those before. */
export const mergeNovaConf = (files: readonly NovaConf[]): NovaConf => new Map(files.flatMap((file) => [...file]));

const DEEPEST = 32;

/** How many names are followed for one option, and how much they bring: names of names multiply. */
const MOST_NAMES = 1_000;
const MOST_CHARACTERS = 64 * 1024;

/** What was put in the place of names so far. */
export interface Spent {
  names: number;
  characters: number;
}

/**
 * A value with what it names (`$my_ip`, `${group.option}`) in its place; a name that stands nowhere is left as it is.
 * @param spent counts for all values of an option
 * @throws Error where that becomes too much, or goes round in a circle
 */
export function substituted(conf: NovaConf, section: string, value: string, spent: Spent, depth = 0): string {
  return value.replaceAll(/\\\$|\$\$|\$\{([\w.]+)\}|\$(\w+)/g, (whole, braced?: string, bare?: string) => {
    const name = braced ?? bare;
    if (name === undefined) return '$';
    const keys = name.includes('.') ? [name] : [keyOf(section, name), keyOf('DEFAULT', name)];
    const named = keys.map((key) => conf.get(key)?.at(-1)).find((one) => one !== undefined);
    if (named === undefined) return whole;
    if (depth === DEEPEST) throw new Error('what it names goes round in a circle');
    spent.names += 1;
    spent.characters += named.length;
    if (spent.names > MOST_NAMES || spent.characters > MOST_CHARACTERS) throw new Error('it names too much');
    return substituted(conf, section, named, spent, depth + 1);
  });
}
