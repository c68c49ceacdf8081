// Why: laws that no linter knows are checks of their own: each file says why it exists, no file grows past reading, and the
// tree speaks of nothing but the project.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A module is read whole; a test file is looked things up in. */
const MAX_LINES = { src: 600, other: 800 };
const BANNED: readonly [RegExp, string][] = [
  [/\bTODO\b|\bFIXME\b/, 'unfinished work belongs into an issue'],
  [/\b(it|test|describe)\.(skip|only|todo)\b/, 'a test runs or does not exist'],
  // all files run in one process: there it is a hook of every test of every file
  [/^(before|after)Each\(/, 'a hook of each test stands in the suite that it is for'],
];

const files = execFileSync('git', ['ls-files', '*.ts', '*.tsx'], { encoding: 'utf8' }).split('\n').filter(Boolean);
const problems: string[] = [];
for (const file of files) {
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n');
  if (file.startsWith('src/') && !/^\/\/ Why: /.test(text))
    problems.push(`${file}: the first line says why the module exists`);
  const limit = file.startsWith('src/') ? MAX_LINES.src : MAX_LINES.other;
  if (lines.length > limit) problems.push(`${file}: ${lines.length} lines, more than ${limit}`);
  if (file === 'tools/tidy.ts') continue;
  for (const [pattern, why] of BANNED) {
    lines.forEach((line, index) => {
      if (pattern.test(line)) problems.push(`${file}:${index + 1}: ${pattern.source}: ${why}`);
    });
  }
}
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
