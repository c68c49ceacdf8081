// Why: the report of a long run tells why a test failed at the end, when whoever watches the run may have been cut off. This reporter of
// Node's test runner tells it as it happens, and nothing else.

import { relative } from 'node:path';
import { inspect } from 'node:util';

/** What the runner sends, as far as it is read here. */
interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly file?: string;
    readonly line?: number;
    /** Beside a test that may fail: why. */
    readonly todo?: string | boolean;
    readonly details?: { readonly error?: Error & { readonly failureType?: string } };
  };
}

/** The reason of each failure; a suite's is that of the test in it. */
export default async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    const error = data.details?.error;
    if (type !== 'test:fail' || data.todo !== undefined || error?.failureType === 'subtestsFailed') continue;
    const where = `${relative(process.cwd(), data.file ?? '')}:${data.line ?? 0}`;
    yield `\nfailed: ${data.name} (${where})\n${inspect(error?.cause ?? error)}\n`;
  }
}
