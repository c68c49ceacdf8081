// Why: what the functional tests said on the wire is held against what Nova declares of its API.
//
//   node test/support/conformance.ts exchanges.jsonl
//
// Needs the conformance kit (test/support/kit.ts); without it the check is skipped, in a line that says so. The kit has no
// packages of its own, so its files are copied beside a link to ours. Exit status 1 for any problem.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Exchange } from './api.ts';
import { kitDir, withoutKit } from './kit.ts';

interface Finding {
  readonly kind: string;
  readonly detail: string;
}

interface Checked {
  readonly id: string | null;
  readonly minor: number | null;
  readonly problems: readonly Finding[];
}

interface Checker {
  check(exchange: Exchange): Checked;
}

const FILES = ['checker.mjs', 'schemas.json', 'routes.json', 'quirks.json'];
/** Ours beyond Nova. */
const OWN = /^\/v2(\.1)?(\/[0-9a-f-]+)?\/os-xloud-adjust(\/|$|\?)/;
const SHOWN_OF_A_KIND = 20;

export interface Report {
  readonly exchanges: number;
  readonly problems: readonly (Finding & { readonly exchange: Exchange })[];
}

/** Checks exchanges with the kit's checker. */
export async function checkExchanges(exchanges: readonly Exchange[]): Promise<Report> {
  const dir = mkdtempSync(join(tmpdir(), 'xloud-conformance-'));
  try {
    for (const file of FILES) cpSync(join(kitDir, file), join(dir, file));
    symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(dir, 'node_modules'));
    const { Checker } = (await import(pathToFileURL(join(dir, 'checker.mjs')).href)) as { Checker: new () => Checker };
    const checker = new Checker();
    const nova = exchanges.filter(({ path }) => !OWN.test(path));
    const problems = nova.flatMap((exchange) =>
      checker.check(exchange).problems.map((problem) => ({ ...problem, exchange })),
    );
    return { exchanges: nova.length, problems };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function print({ exchanges, problems }: Report): void {
  for (const [kind, list] of Map.groupBy(problems, (problem) => problem.kind)) {
    console.log(`${kind}: ${list.length}`);
    for (const { detail, exchange } of list.slice(0, SHOWN_OF_A_KIND)) {
      console.log(
        `  ${exchange.method} ${exchange.path} [${exchange.microversion ?? '-'}] ${exchange.status}: ${detail}`,
      );
    }
    if (list.length > SHOWN_OF_A_KIND) console.log(`  … and ${list.length - SHOWN_OF_A_KIND} more`);
  }
  console.log(`${exchanges} exchanges, ${problems.length} problems`);
}

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined) {
    console.error('usage: node test/support/conformance.ts FILE');
    process.exit(2);
  }
  if (withoutKit) {
    console.log(`CONFORMANCE CHECK SKIPPED: ${withoutKit}`);
    process.exit(0);
  }
  const lines = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
  const report = await checkExchanges(lines.map((line) => JSON.parse(line) as Exchange));
  print(report);
  process.exit(report.problems.length === 0 && report.exchanges > 0 ? 0 : 1);
}
