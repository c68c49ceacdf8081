// The manual and the completion say what --help says.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { completion, manualPage, parseHelp, readCommands } from '../../../tools/package/manual.ts';

const HELP: Readonly<Record<string, string>> = {
  '': 'Usage: p [options] [command]\n\nDoes things.\n\nOptions:\n  -h, --help  display help\n\nCommands:\n  go|g [options]  goes\n                  far\n  help [command]  display help\n',
  go: "Usage: p go [options] <where>\n\ngoes far\n\nArguments:\n  where         a place\n\nOptions:\n  -f, --fast <n>  how fast (default:\n                  1)\n  .dot          'odd'\n",
};
const tree = readCommands(['p'], ([, ...words]) => HELP[words.join(' ')] as string);

test('help is read: continued lines belong to what they continue, help itself is left out', () => {
  assert.deepEqual(parseHelp(HELP[''] as string).commands, [{ term: 'go|g [options]', text: 'goes far' }]);
  assert.deepEqual(
    tree.below.map(({ words }) => words),
    [['p', 'go']],
  );
  assert.deepEqual(tree.below[0]?.help.options[0], { term: '-f, --fast <n>', text: 'how fast (default: 1)' });
});

test('the page has each command, and no line that troff takes for its own', () => {
  const page = manualPage(tree, '1.0.0', new Date(0));
  assert.match(page, /^\.SS "go"$/m);
  assert.match(page, /\\&'odd'/);
  for (const line of page.split('\n').filter((one) => one.startsWith('.')))
    assert.match(line, /^\.(TH|SH|SS|TP|B|PP|I|BR)\b/, line);
});

test('bash completes commands and options', () => {
  const reply = (...words: string[]): string[] =>
    execFileSync(
      'bash',
      [
        '-c',
        `${completion(tree)}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _p; echo "\${COMPREPLY[@]}"`,
        'bash',
        ...words,
      ],
      { encoding: 'utf8' },
    )
      .trim()
      .split(' ');
  assert.deepEqual(reply('p', 'g'), ['go']);
  assert.deepEqual(reply('p', 'go', '--'), ['--fast']);
});
