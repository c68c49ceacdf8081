// Why: what the functional tests said on the wire is held against what Nova declares of its API.
//
//   node test/support/conformance.ts exchanges.jsonl
//
// It also tells which endpoints were not seen to succeed at their first version, their last, or one at which they change: after
// a run of all tests that is none (`--whole`: then it is an error). Exit status 1 for any problem.

import { existsSync, readFileSync } from 'node:fs';
import type { Exchange } from './api.ts';
import { liveEndpoints, routesOf } from './endpoints.ts';
import { checkExchange, type Finding } from './exchange-check.ts';

/** Ours beyond Nova. */
const OWN = /^\/v2(\.1)?(\/[0-9a-f-]+)?(\/servers\/[^/]+)?\/os-xloud-[\w-]+(\/|$|\?)/;
const isOwn = ({ path, requestBody }: Exchange): boolean =>
  OWN.test(path) ||
  (/\/action(\?|$)/.test(path) &&
    Object.keys(Object(requestBody) as object).some((key) => key.startsWith('os-xloud-')));
const SHOWN_OF_A_KIND = 20;

export interface Report {
  readonly exchanges: number;
  readonly problems: readonly (Finding & { readonly exchange: Exchange })[];
  /** Endpoint and minor version (`GET /limits 36`) of all that succeeded. */
  readonly succeeded: ReadonlySet<string>;
}

function checkExchanges(exchanges: readonly Exchange[]): Report {
  const nova = exchanges.filter((exchange) => !isOwn(exchange));
  const succeeded = new Set<string>();
  const problems = nova.flatMap((exchange) => {
    const { id, minor, problems: found } = checkExchange(exchange);
    if (exchange.status < 400) succeeded.add(`${id} ${minor}`);
    return found.map((problem) => ({ ...problem, exchange }));
  });
  return { exchanges: nova.length, problems, succeeded };
}

interface Coverage {
  readonly wanted: number;
  readonly unserved: readonly string[];
  /** Endpoint and version: `GET /limits at 2.36` */
  readonly unseen: readonly string[];
}

/** What of all that Nova serves the exchanges did not show. */
function coverageOf({ succeeded }: Pick<Report, 'succeeded'>): Coverage {
  const endpoints = liveEndpoints();
  const served = endpoints.filter(({ id }) => routesOf(id).length > 0);
  const all = served.flatMap(({ id, minors, refused }) =>
    minors.filter((minor) => refused(minor) === null).map((minor) => ({ id, minor })),
  );
  return {
    wanted: all.length,
    unserved: endpoints.filter((endpoint) => !served.includes(endpoint)).map(({ id }) => id),
    unseen: all
      .filter(({ id, minor }) => !succeeded.has(`${id} ${minor}`))
      .map(({ id, minor }) => `${id} at 2.${minor}`),
  };
}

function printCoverage({ wanted, unserved, unseen }: Coverage): void {
  for (const id of unserved) console.log(`not served: ${id}`);
  for (const name of unseen) console.log(`not seen to succeed: ${name}`);
  console.log(
    `coverage: ${wanted - unseen.length} of ${wanted} endpoints at versions, ${unserved.length} endpoints not served`,
  );
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
  const [file, whole] = process.argv.slice(2);
  if (file === undefined) {
    console.error('usage: node test/support/conformance.ts FILE [--whole]');
    process.exit(2);
  }
  const lines = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
  const report = checkExchanges(lines.map((line) => JSON.parse(line) as Exchange));
  const coverage = coverageOf(report);
  printCoverage(coverage);
  print(report);
  const isCovered = whole !== '--whole' || coverage.unseen.length === 0;
  process.exit(report.problems.length === 0 && report.exchanges > 0 && isCovered ? 0 : 1);
}
