// Why: everything that the page shows and does goes through the public services of the same origin, by this one function.

export type ServiceName = 'compute' | 'image' | 'network' | 'volume' | 'identity' | 'root';

/** What hangs where, below the place that the dashboard itself hangs in: also below a path that a proxy adds. */
const ROOT = new URL('../', import.meta.url);

const PATHS: Readonly<Record<ServiceName, string>> = {
  compute: 'compute/v2.1',
  image: 'image/v2',
  network: 'network/v2.0',
  volume: 'volume/v3',
  identity: 'dashboard/identity/v3',
  root: '',
};

/** The microversion that the page speaks. */
export const VERSION = '2.96';

/** What a service refused, in its words. `status` 0: nobody answered. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly requestId: string | null;
  constructor(status: number, message: string, requestId: string | null = null) {
    super(message);
    this.status = status;
    this.requestId = requestId;
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export interface Asked {
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** Instead of the token of the session. */
  readonly token?: string | null;
  /** The text as it came. */
  readonly raw?: boolean;
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

let tokenOf: () => string | null = () => null;
let onUnauthorized: () => void = () => undefined;

/** Tells where tokens are from, and who hears that one is no longer good. */
export function useTokens(token: () => string | null, unauthorized: () => void): void {
  tokenOf = token;
  onUnauthorized = unauthorized;
}

export const currentToken = (): string | null => tokenOf();

export const urlOf = (service: ServiceName, path: string): string => new URL(`${PATHS[service]}${path}`, ROOT).href;

/** The words in an envelope: `{"badRequest": {"message": …}}`, `{"error": …}`, `{"NeutronError": …}`, or those of a page. */
function wordsIn(text: string, fallback: string): string {
  try {
    const parsed: unknown = JSON.parse(text);
    const [envelope] = typeof parsed === 'object' && parsed !== null ? (Object.values(parsed) as unknown[]) : [];
    const { message } = (envelope ?? {}) as { message?: unknown };
    return typeof message === 'string' && message !== '' ? message : fallback;
  } catch {
    const plain = text
      .replace(/<[^<>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
    return plain === '' ? fallback : plain.slice(0, 300);
  }
}

/** One request. Throws a `Refusal` with the words of whoever refused it. */
export async function ask<T>(
  service: ServiceName,
  method: string,
  path: string,
  { body, signal, token = tokenOf(), raw = false }: Asked = {},
): Promise<Answer<T>> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (token !== null) headers['X-Auth-Token'] = token;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (service === 'compute') headers['OpenStack-API-Version'] = `compute ${VERSION}`;
  let response: Response;
  try {
    response = await fetch(urlOf(service, path), {
      method,
      headers,
      cache: 'no-store',
      credentials: 'omit',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, 'The service does not answer.');
  }
  const text = await response.text();
  if (response.ok) {
    const parsed: unknown = raw ? text : text === '' ? null : JSON.parse(text);
    return { status: response.status, headers: response.headers, body: parsed as T };
  }
  if (response.status === 401 && service !== 'identity') onUnauthorized();
  throw new Refusal(
    response.status,
    wordsIn(text, `${response.status} ${response.statusText}`),
    response.headers.get('X-OpenStack-Request-Id'),
  );
}

export const get = async <T>(service: ServiceName, path: string, asked?: Asked): Promise<T> =>
  (await ask<T>(service, 'GET', path, asked)).body;

export const post = async <T>(service: ServiceName, path: string, body: unknown, asked?: Asked): Promise<T> =>
  (await ask<T>(service, 'POST', path, { ...asked, body })).body;

export const put = async <T>(service: ServiceName, path: string, body: unknown): Promise<T> =>
  (await ask<T>(service, 'PUT', path, { body })).body;

export const remove = async (service: ServiceName, path: string): Promise<void> => {
  await ask(service, 'DELETE', path);
};

interface Link {
  readonly rel: string;
  readonly href: string;
}

/**
 * A list of the compute API, page after page; `each` hears of every page as it comes, so that the first can be shown.
 * @param key the member of an answer that holds the things; its links are in `KEY_links`
 */
export async function listAll<T>(
  path: string,
  key: string,
  each: (page: readonly T[], headers: Headers) => void = () => undefined,
): Promise<readonly T[]> {
  const all: T[] = [];
  let next: string | null = path;
  while (next !== null) {
    const { body, headers }: Answer<Record<string, unknown>> = await ask('compute', 'GET', next);
    const page = (body[key] ?? []) as T[];
    all.push(...page);
    each(page, headers);
    const link = ((body[`${key}_links`] ?? []) as Link[]).find(({ rel }) => rel === 'next');
    // only what is asked for is taken from the link: where to ask is known here
    next = link === undefined || page.length === 0 ? null : `${path.replace(/\?.*/, '')}${new URL(link.href).search}`;
  }
  return all;
}

/** Whether the service lets this caller do this: by asking, since policies are its operator's. */
export async function allowed(service: ServiceName, path: string): Promise<boolean> {
  try {
    await get(service, path);
    return true;
  } catch (error) {
    if (error instanceof Refusal && (error.status === 403 || error.status === 404)) return false;
    throw error;
  }
}

export interface Health {
  readonly status: string;
  /** By name: `ok`, or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
}

/** Whether the service may get work: also where it says no. */
export async function health(): Promise<Health> {
  const response = await fetch(urlOf('root', 'readyz'), { cache: 'no-store', credentials: 'omit' }).catch(() => null);
  if (response === null) throw new Refusal(0, 'The service does not answer.');
  return (await response.json()) as Health;
}
