// Why: before a machine starts or stops, somebody else may have work to do: he is told, and may hold it up.

import { messageOf, unavailable } from '../base/errors.ts';
import type { Hook, VirtualMachine } from './types.ts';

export type HookName = 'preStart' | 'preStop';

/** Services of the cluster; whoever writes machines must not make the operator call anything else for him. */
const IN_CLUSTER = /^https?:\/\/[a-z\d-]+\.[a-z\d-]+\.svc(\.cluster\.local)?(:\d{1,5})?(\/|$)/;

/** @param prefixes of other addresses that the deployment allows: `https://hooks.example.org/` */
export const mayCall = (url: string, prefixes: readonly string[]): boolean =>
  IN_CLUSTER.test(url) || prefixes.some((prefix) => url.startsWith(prefix));

/** Sends the machine to a hook. Throws `unavailable` where it does not let the machine go on. */
export async function callHook(name: HookName, hook: Hook, { metadata, spec, status }: VirtualMachine): Promise<void> {
  const { namespace, uid } = metadata;
  const body = JSON.stringify({ hook: name, metadata: { name: metadata.name, namespace, uid }, spec, status });
  try {
    const response = await fetch(hook.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
      redirect: 'error',
      signal: AbortSignal.timeout((hook.timeoutSeconds ?? 10) * 1_000),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`it answered ${response.status}`);
  } catch (error) {
    if (hook.failurePolicy === 'Ignore') return;
    throw unavailable(`The hook ${name} does not let it go on: ${messageOf(error)}`);
  }
}
