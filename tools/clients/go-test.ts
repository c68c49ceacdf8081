// Why: what `go test -json` says, as results of single tests.

import type { Result } from './judge.ts';

// oxlint-disable-next-line no-control-regex -- colours
const COLOURS = /\u001B\[[\d;]*m/g;
/** Lines of a failed test that tell what failed, among those that tell what it does. */
const TELLING = /^panic: |Failure in |[Uu]nable to |[Ee]rror|[Ee]xpected|timed? ?out/;

export interface GoRun {
  readonly results: readonly Result[];
  /** Whether a panic ended it, so that the tests behind it did not run. */
  readonly cutOff: boolean;
}

/** The last line that says why; without where it stands in the source. */
function whyOf(status: 'fail' | 'skip', said: readonly string[]): string {
  const lines = said
    .flatMap((text) => text.split('\n'))
    .map((line) => line.replaceAll(COLOURS, '').trim())
    .filter((line) => line !== '' && !/^(=== |--- )/.test(line));
  const found = status === 'fail' ? lines.find((line) => TELLING.test(line)) : undefined;
  return (found ?? lines.at(-1) ?? '').replace(/^\S+\.go:\d+: /, '');
}

/**
 * Reads events, one a line. Subtests count as parts of their test.
 *
 * @param nameOf the name of a test of a package, in results
 */
export function readGoTest(output: string, nameOf: (pkg: string, test: string) => string): GoRun {
  const said = new Map<string, string[]>();
  const results: Result[] = [];
  const running = new Map<string, string>();
  let cutOff = false;
  for (const line of output.split('\n')) {
    if (!line.startsWith('{')) continue;
    const event = JSON.parse(line) as Record<string, string | undefined>;
    const { Action: action, Package: pkg = event['ImportPath'] ?? '', Test: whole = '', Output: text = '' } = event;
    const test = whole.split('/', 1)[0] as string;
    const name = nameOf(pkg, test);
    const lines = said.get(name) ?? said.set(name, []).get(name) ?? [];
    if (text !== '') lines.push(text);
    if (text.startsWith('panic: ')) cutOff = true;
    if (whole.includes('/')) continue;
    if (test !== '' && action === 'run') running.set(name, pkg);
    if (test !== '' && (action === 'pass' || action === 'fail' || action === 'skip')) {
      results.push({ test: name, status: action, why: action === 'pass' ? '' : whyOf(action, lines) });
      running.delete(name);
    }
    // a program that was ended from outside says of the test at which it was nothing
    if (test === '' && action === 'fail')
      for (const [cut] of [...running].filter(([, of]) => of === pkg))
        results.push({ test: cut, status: 'fail', why: `did not end: ${whyOf('fail', said.get(cut) ?? [])}` });
    if (action === 'build-fail') results.push({ test: name, status: 'fail', why: whyOf('fail', lines) });
  }
  return { results, cutOff };
}
