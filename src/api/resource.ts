// Why: a resource is one page. A route says what it is; the runner (runner.ts) does the rest in one order, so that no handler
// can skip authentication, validation or policy, or get hold of what the caller may not touch.

import type { History, Versioned } from '../base/history.ts';
import type { Op } from '../base/op.ts';
import type { AdjustPolicy } from '../domain/adjustment/adjust-policies.ts';
import type { Flavor } from '../domain/machines/flavors.ts';
import type { Server } from '../domain/servers/servers.ts';
import type { ServerGroup } from '../domain/servers/server-groups.ts';
import type { JsonSchema } from './schema.ts';
import type { Services } from './services.ts';

/** What a route may ask the runner to load and authorise before its handler runs. */
export interface Targets {
  server: Server;
  /** As `server`, and also one that was deleted (instance actions from 2.21). */
  'server-or-deleted': Server;
  'server-group': ServerGroup;
  flavor: Flavor;
  'adjust-policy': AdjustPolicy;
  none: null;
}

export type TargetKind = keyof Targets;

/** Everything a handler gets. */
export interface Call<K extends TargetKind = 'none', B = unknown> {
  readonly op: Op;
  readonly services: Services;
  /** Path parameters by name, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Query parameters, each with all its values; those a lenient schema does not know are dropped. */
  readonly query: Query;
  readonly body: B;
  readonly target: Targets[K];
  /** For links: where this service and its version hang for this caller. */
  readonly url: CallUrl;
  /** The old /v2 endpoint. */
  readonly legacy: boolean;
  /** Whether the caller passes a rule on the target's project; for fields that only some see. */
  allows(rule: string, target?: PolicyTarget): boolean;
  /** As `allows`, throwing Nova's 403. */
  enforce(rule: string, target?: PolicyTarget): void;
  /** The answer may change by time alone from this moment on (milliseconds since the epoch); matters where it is `cacheable`. */
  expiresAt(ms: number): void;
  /** Sets a header of the answer. */
  header(name: string, value: string): void;
}

/** What is known of a request when its rule is enforced: query and body have passed their schemas. */
export type Asked = Pick<Call, 'op' | 'params' | 'query' | 'body'>;

export type PolicyTarget = Readonly<Record<string, unknown>>;
export type Query = Readonly<Record<string, readonly string[]>>;

export interface CallUrl {
  /** `http://host/compute` */
  readonly service: string;
  /** `http://host/compute/v2.1`, with the project id where the caller's URL has it. */
  readonly versioned: string;
  /** `http://host/compute`, with the project id where the caller's URL has it: for bookmark links. */
  readonly bookmark: string;
  /** Where the caller reaches the image service, without a version. */
  readonly image: string;
  /** Where the caller reaches this program's own consoles. */
  readonly consoles: string;
  /** The path below the version, without a project id: `/servers/detail`. */
  readonly path: string;
}

/** A plain value, or one that changes over the microversions. */
export type MaybeVersioned<T> = T | Versioned<T>;

export interface Route<K extends TargetKind = TargetKind, B = never, R = unknown> {
  /** The rule to enforce; null only where Nova enforces none (version documents), or where the body decides which one. */
  readonly policy: string | null;
  /** The rule that stands in for `policy` in requests that ask for more; null: `policy` itself. */
  readonly policyOf?: (asked: Asked) => string | null;
  /**
   * What the rule is compared with, where that is neither the owner of the target nor the caller: the project or user that
   * the request names.
   */
  readonly about?: (asked: Asked) => PolicyTarget;
  /** What Nova refuses before it asks the rule: an ill-formed path. */
  readonly beforeRule?: (asked: Pick<Call<'none', B>, keyof Asked>) => void;
  /** What Nova refuses after the rule and before it looks for a target that nobody owns. */
  readonly beforeTarget?: (asked: Pick<Call<'none', B>, keyof Asked | 'services'>) => Promise<void> | void;
  /** Rules that the handler or the view asks about besides. */
  readonly alsoAsks?: readonly string[];
  /** Loaded by the first path parameter, within what the caller may see: somebody else's is 404. */
  readonly target?: K;
  /** The microversions at which the route exists; outside them it is 404. */
  readonly since?: string;
  readonly until?: string;
  readonly body?: MaybeVersioned<JsonSchema | null>;
  /** Reads a body whose refusals have words of their own; the schema then only describes it. Throws `badRequest`. */
  readonly parse?: (body: unknown) => B;
  readonly query?: MaybeVersioned<JsonSchema>;
  readonly status: MaybeVersioned<number>;
  /** The other success status, and for which results it stands. */
  readonly orElse?: { readonly status: number; when(result: R): boolean };
  readonly run: (call: Call<K, B>) => Promise<R> | R;
  /** The fields of what `view` shows, by version; the API reference and the table of microversions read them. */
  readonly shows?: History<unknown>;
  /** The answer's body; without it, or where it gives undefined, the answer has none. */
  readonly view?: (result: R, call: Call<K, B>) => unknown;
  /**
   * The answer follows from rows, caller, policy and address alone, up to what `expiresAt` says: it may be kept until somebody
   * commits. Not for what asks a neighbour or a host, and not with headers of its own.
   */
  readonly cacheable?: true;
  /**
   * The text of what `view` shows, in pieces: for what may be megabytes. Such answers are made in turns, and little of one is on the heap
   * at once.
   */
  readonly pieces?: (result: R, call: Call<K, B>) => Iterable<string>;
  /** The media type of what `pieces` gives; JSON, where nothing is said. */
  readonly type?: (call: Call<K, B>) => string;
  /** One sentence for the API reference. */
  readonly summary: string;
  /** Removed from Nova: its `status`, 410 or 400, at every version at which it existed. */
  readonly gone?: true;
}

/** Types a route's handler and view by its target and body: `route<'server', RebootBody>()({ … })`. */
export const route =
  <K extends TargetKind = 'none', B = unknown>() =>
  <R>(definition: Route<K, B, R>): Route =>
    definition as unknown as Route;

export type RouteKey = `${'GET' | 'POST' | 'PUT' | 'DELETE'} /${string}`;

/** A route with what its key says. */
export interface RouteEntry extends Route {
  readonly method: string;
  /** `/servers/:server_id/action` */
  readonly path: string;
  /** The body's only key, for the routes of `/action`; null for plain ones. */
  readonly action: string | null;
}

/**
 * A resource: routes by `METHOD /path`, actions as `POST /path/action#name`. A path that changed at some version is written
 * as a list of routes with disjoint spans.
 */
export function resource(routes: Readonly<Record<RouteKey, Route | readonly Route[]>>): readonly RouteEntry[] {
  return Object.entries(routes).flatMap(([key, one]) => {
    const found = /^(\S+) ([^#\s]+)(?:#(\S+))?$/.exec(key);
    if (!found) throw new Error(`no route: ${key}`);
    const [, method, path, action = null] = found;
    return [one]
      .flat()
      .map((definition) => ({ ...definition, method: method as string, path: path as string, action }));
  });
}
