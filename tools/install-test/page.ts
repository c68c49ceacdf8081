// Why: the page that tells how to install is run as it stands: its blocks of commands name the machines that they are for.

/** Commands of the page, for machines in turn. */
export interface Block {
  /** Headings above it, outermost first, without the page's own. */
  readonly under: readonly string[];
  /** `one`, or `node1 node2 node3` */
  readonly machines: readonly string[];
  readonly commands: string;
  /** Where it begins in the page, from 1. */
  readonly line: number;
}

const FENCE = /^```(\w*)(.*)$/;
const HEADING = /^(#{2,4}) (.+)$/;
const MACHINE = /^(one|node\d)$/;

/** The blocks of a page that say ```sh. Throws one that names no machine: nobody would run it. */
export function commandBlocks(page: string): Block[] {
  const blocks: Block[] = [];
  const under: string[] = [];
  let open: { language: string; machines: string[]; lines: string[]; line: number } | null = null;
  page.split('\n').forEach((text, index) => {
    const fence = FENCE.exec(text);
    if (open !== null && fence === null) return void open.lines.push(text);
    if (open !== null) {
      const { language, machines, lines, line } = open;
      open = null;
      if (language !== 'sh') return;
      if (machines.length === 0) throw new Error(`line ${line}: which machine are these commands for?`);
      return void blocks.push({ under: [...under], machines, commands: `${lines.join('\n')}\n`, line });
    }
    if (fence !== null) {
      const words = (fence[2] as string).split(' ').filter((word) => MACHINE.test(word));
      open = { language: fence[1] as string, machines: words, lines: [], line: index + 1 };
      return;
    }
    const [, marks, title] = HEADING.exec(text) ?? [];
    if (marks !== undefined && title !== undefined) under.splice(marks.length - 2, under.length, title);
  });
  if (open !== null) throw new Error('the last block has no end');
  return blocks;
}

/** Those below a heading of the second level. Throws where there are none. */
export function sectionOf(blocks: readonly Block[], title: string): Block[] {
  const found = blocks.filter(({ under }) => under[0] === title);
  if (found.length === 0) throw new Error(`the page has no commands below "${title}"`);
  return found;
}
