// Why: before a machine starts or stops, somebody else may have work to do: he is told, and may hold it up.

import { messageOf, unavailable } from '../base/errors.ts';
import type { Hook, VirtualMachine } from './types.ts';

export type HookName = 'preStart' | 'preStop';

const SERVICE = /^[a-z\d-]+\.([a-z\d-]+)\.svc(?:\.cluster\.local)?$/;

/** Whether an address is the allowed one or below it. Of texts alone `https://a.example` would allow `https://a.example.org` and `https://a.example@b`. */
function isBelow({ origin, pathname }: URL, prefix: string): boolean {
  if (!URL.canParse(prefix)) return false;
  const allowed = new URL(prefix);
  const folder = allowed.pathname.endsWith('/') ? allowed.pathname : `${allowed.pathname}/`;
  return origin === allowed.origin && (pathname === allowed.pathname || pathname.startsWith(folder));
}

/** What some servers read as a way out of a folder, where a URL keeps it. */
const HIDDEN_WAY = /%2f|%5c/i;

/**
 * Whether a machine may have the operator call an address: services of its own namespace, and what the deployment allows. Whoever writes
 * machines must not reach by the operator what he could not reach himself.
 * @param prefixes addresses that the deployment allows, with all below them: `https://hooks.example.org/`
 */
export function mayCall(text: string, namespace: string, prefixes: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return false;
  if (url.username !== '' || url.password !== '') return false;
  const service = SERVICE.exec(url.hostname);
  if (service !== null && service[1] === namespace) return true;
  return !HIDDEN_WAY.test(url.pathname) && prefixes.some((prefix) => isBelow(url, prefix));
}

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
