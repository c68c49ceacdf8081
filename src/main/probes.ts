// Why: a process that answers no requests is still asked whether it lives, may get work, and what it counts.

import { splitListen } from './config-options.ts';
import { type Condition, withHealth } from './health.ts';
import { listen } from './listen.ts';
import type { BaseParts } from './parts.ts';

export interface Standing {
  /** Where it answers probes; null: nowhere. */
  readonly url: string | null;
  close(): Promise<void>;
}

/** Answers `/healthz`, `/readyz` and `/metrics`, and nothing else; ends with the process. */
export async function openProbes(
  { metrics, log, cleanup }: BaseParts,
  where: string,
  conditions: readonly Condition[],
): Promise<Standing> {
  const { address, port } = splitListen(where);
  const close = () => cleanup.run();
  if (port === 0) return { url: null, close };
  const listening = await listen(address, port);
  cleanup.defer(() => listening.close());
  listening.answerWith(withHealth(metrics, conditions, log, (_request, response) => response.writeHead(404).end()));
  return { url: listening.url, close };
}
