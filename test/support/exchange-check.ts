// Why: one request and its answer are held against what Nova declares: is there such a route at that version, should the request have
// been refused, is the answer's status one that is declared, has its body the declared form. Each rule says what is wrong, or nothing.

import { makeAjv } from '../../src/api/schema.ts';
import { MAX_MINOR } from '../../src/domain/microversions.ts';
import type { Exchange } from './api.ts';
import { at, type NovaEndpoint, novaEndpoints, schemaNamed, spanOf } from './nova.ts';

export interface Finding {
  readonly kind: string;
  readonly detail: string;
}

export interface Checked {
  /** Nova's name of the endpoint; null where the request meets none. */
  readonly id: string | null;
  /** The minor version that was asked for; null where there is none such. */
  readonly minor: number | null;
  readonly problems: readonly Finding[];
}

/** What an error's body is called, by status; any other is a `computeFault`. */
const FAULTS: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
};

/** What stands before every endpoint may answer with these: token, policy, quota, content type, number of requests. */
const OF_ANY_REQUEST: ReadonlySet<number> = new Set([400, 401, 403, 415, 429]);
/** Failures of a service that an endpoint may declare. */
const DECLARABLE: ReadonlySet<number> = new Set([501, 503]);
/** What may be said of a request before its body and query are looked at. */
const BEFORE_VALIDATION: ReadonlySet<number> = new Set([400, 401, 415, 429]);

/** Words of the check against a schema, as opposed to those of a later one. */
const OF_VALIDATION =
  /^(Invalid input for (field\/attribute|query parameters) |Additional properties are not allowed)|is a required property$|not match any of the regexes| is not of type | is not valid under any of the given schemas/;

/** Answers of real Nova that do not fit the schemas it declares for them. */
const LOOSE: readonly { readonly id: RegExp; readonly problem: RegExp }[] = [
  // names that are allowed since 2.92 are shown at older versions too
  { id: /^GET \/os-keypairs(\/|$)/, problem: /^\/keypair(s\/\d+\/keypair)?\/name must match pattern/ },
];

/** Formats that Nova's schemas name and its validator does not know: nothing is asked of a value. */
const UNCHECKED = ['mac-address', 'url', 'string'];
const SHOWN_ERRORS = 8;

const ajv = makeAjv((one) => UNCHECKED.forEach((format) => one.addFormat(format, true)), { allErrors: true });

/** What a schema, by its name, does not take of a value: a sentence each. */
function refusals(schema: string, value: unknown): readonly string[] {
  const validate = ajv.getSchema(schema) ?? ajv.addSchema(schemaNamed(schema), schema).getSchema(schema);
  if (validate === undefined) throw new Error(`${schema} does not compile`);
  if (validate(value) === true) return [];
  return (validate.errors ?? []).map(({ instancePath, message = '', params }) => {
    const named = (params as { readonly additionalProperty?: string }).additionalProperty;
    return `${instancePath === '' ? 'it' : instancePath} ${message}${named === undefined ? '' : `: ${named}`}`;
  });
}

const listed = (refused: readonly string[]): string => refused.slice(0, SHOWN_ERRORS).join('; ');

/** No body is `null` to Nova. */
const bodyOf = (body: unknown): unknown => (body === '' ? null : body);

const shortly = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 200);

// -- where a request goes ---------------------------------------------------------------------------------------------------

interface Address {
  /** `root`: before a version is chosen; `v2`: the endpoint that knows no microversions. */
  readonly api: 'root' | 'v2' | 'v2.1';
  /** Without the version. */
  readonly path: string;
  readonly query: Readonly<Record<string, readonly string[]>>;
}

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
};

function addressOf(target: string): Address {
  const mark = target.indexOf('?');
  const raw = mark < 0 ? target : target.slice(0, mark);
  const parameters = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1));
  const query = Object.fromEntries([...new Set(parameters.keys())].map((name) => [name, parameters.getAll(name)]));
  const [, version, rest = ''] = /^\/(v2(?:\.\d+)?)(?=\/|$)(.*)$/s.exec(raw) ?? [];
  if (version === undefined) return { api: 'root', path: raw === '' ? '/' : raw, query };
  const path = decoded(rest.replace(/^\/*/, '/'));
  return { api: version === 'v2' ? 'v2' : 'v2.1', path, query };
}

interface Template {
  readonly path: string;
  readonly parts: readonly string[];
  /** Its endpoints: one, or one for each action. */
  readonly endpoints: ReadonlyMap<string | null, NovaEndpoint>;
}

const isParameter = (part: string): boolean => part.startsWith('{');

/** Templates by method, those with words in front of those with parameters at the same place. */
function makeTable(): ReadonlyMap<string, readonly Template[]> {
  const known = novaEndpoints()
    .filter(({ id }) => !id.includes('(root)'))
    .map((endpoint) => {
      const [, method = '', path = '', action = null] = /^(\S+) ([^#]+)(?:#(.+))?$/.exec(endpoint.id) ?? [];
      return { method, path, action, endpoint };
    });
  const table = new Map<string, Template[]>();
  for (const [key, group] of Map.groupBy(known, ({ method, path }) => `${method} ${path}`)) {
    const [method, path] = key.split(' ') as [string, string];
    const template = {
      path,
      parts: path.split('/'),
      endpoints: new Map(group.map(({ action, endpoint }) => [action, endpoint])),
    };
    table.set(method, [...(table.get(method) ?? []), template]);
  }
  const rank = ({ parts }: Template): string => parts.map((part) => (isParameter(part) ? '1' : '0')).join('');
  for (const templates of table.values()) templates.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  return table;
}

const table = makeTable();

/** The template that a path fits; a project's id may stand in front. */
function templateOf(method: string, path: string): Template | null {
  const fits = (parts: readonly string[]) => (template: Template) =>
    template.parts.length === parts.length &&
    template.parts.every((part, index) => (isParameter(part) ? parts[index] !== '' : part === parts[index]));
  const parts = path.split('/');
  const templates = table.get(method) ?? [];
  const whole = templates.find(fits(parts));
  if (whole !== undefined) return whole;
  if (!/^[0-9a-f-]+$/.test(parts[1] ?? '') || parts.length < 3) return null;
  return templates.find(fits(['', ...parts.slice(2)])) ?? null;
}

// -- which version it asks for ----------------------------------------------------------------------------------------------

/** The text of the header that counts: of the newer one only what it says of compute, else the older one. */
function askedVersion({ requestHeaders }: Exchange): string | null {
  const header = (name: string) =>
    Object.entries(requestHeaders).find(([key]) => key.toLowerCase() === name)?.[1] ?? null;
  const ofCompute = (header('openstack-api-version') ?? '')
    .split(',')
    .map((part) => part.trim().split(/\s+/))
    .find(([service, ...rest]) => service?.toLowerCase() === 'compute' && rest.length > 0);
  return ofCompute === undefined ? header('x-openstack-nova-api-version') : ofCompute.slice(1).join(' ');
}

/** The minor version, or the status with which the text is refused. */
function minorAsked(text: string | null): { readonly minor: number } | { readonly refusedWith: number } {
  if (text === null) return { minor: 1 };
  if (text.trim() === 'latest') return { minor: MAX_MINOR };
  const found = /^([1-9]\d*)\.(0|[1-9]\d*)$/.exec(text.trim());
  if (found === null) return { refusedWith: 400 };
  const minor = Number(found[2]);
  return found[1] === '2' && minor >= 1 && minor <= MAX_MINOR ? { minor } : { refusedWith: 406 };
}

// -- the rules --------------------------------------------------------------------------------------------------------------

type Problems = readonly Finding[];
const NONE: Problems = [];
const problem = (kind: string, detail: string): Problems => [{ kind, detail }];

const keysOf = (value: unknown): readonly string[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];

/** An error is `{"itemNotFound": {"code": 404, "message": "..."}}`. */
function faultProblems(status: number, body: unknown): Problems {
  const name = FAULTS[status] ?? 'computeFault';
  const fault = (body as Readonly<Record<string, { code?: unknown; message?: unknown }>> | null)?.[name];
  const isRight =
    keysOf(body).join() === name &&
    fault?.code === status &&
    typeof fault.message === 'string' &&
    keysOf(fault).every((key) => ['code', 'message', 'retryAfter'].includes(key));
  return isRight ? NONE : problem('fault-shape', `${status} is no ${name}: ${shortly(body)}`);
}

/** Every answer of a version names that version, and that it depends on it. */
function headerProblems(headers: Exchange['responseHeaders'], minor: number): Problems {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
  const expected = { 'openstack-api-version': `compute 2.${minor}`, 'x-openstack-nova-api-version': `2.${minor}` };
  return Object.entries(expected).flatMap(([name, value]) => [
    ...(lower.get(name) === value ? NONE : problem('header', `${name} is ${lower.get(name)}, not ${value}`)),
    ...((lower.get('vary') ?? '').toLowerCase().includes(name) ? NONE : problem('header', `vary names no ${name}`)),
  ]);
}

function requestProblems(endpoint: NovaEndpoint, minor: number, { query }: Address, exchange: Exchange): Problems {
  const { status, requestBody, responseBody } = exchange;
  const [bodySchema, querySchema] = [at(endpoint.request, minor), at(endpoint.query, minor)];
  const ofBody = bodySchema === null ? [] : refusals(bodySchema, bodyOf(requestBody));
  const ofQuery = querySchema === null ? [] : refusals(querySchema, query);
  if (ofBody.length > 0 || ofQuery.length > 0) {
    const what = ofBody.length > 0 ? 'body' : 'query';
    return BEFORE_VALIDATION.has(status)
      ? NONE
      : problem(
          `${what}-should-be-rejected`,
          `${endpoint.id} at 2.${minor}, ${status}: ${listed([...ofBody, ...ofQuery])}`,
        );
  }
  const [fault] = Object.values((responseBody ?? {}) as Readonly<Record<string, { message?: string } | undefined>>);
  const message = fault?.message ?? '';
  return status === 400 && (bodySchema ?? querySchema) !== null && OF_VALIDATION.test(message)
    ? problem('request-should-be-accepted', `${bodySchema ?? querySchema} takes it: ${message}`)
    : NONE;
}

function successProblems(endpoint: NovaEndpoint, minor: number, { status, responseBody }: Exchange): Problems {
  const expected = [at(endpoint.success, minor), ...(endpoint.alsoReturns ?? [])];
  if (!expected.includes(status))
    return problem('unexpected-status', `${endpoint.id} at 2.${minor}: ${status}, not ${expected.join(' or ')}`);
  const schema = at(endpoint.response, minor);
  const known = LOOSE.filter(({ id }) => id.test(endpoint.id));
  const wrong = (schema === null ? [] : refusals(schema, bodyOf(responseBody))).filter(
    (one) => !known.some(({ problem: pattern }) => pattern.test(one)),
  );
  return wrong.length === 0 ? NONE : problem('response-schema', `${schema}: ${listed(wrong)}`);
}

function failureProblems(endpoint: NovaEndpoint, minor: number, status: number): Problems {
  const declared = at(endpoint.errors, minor) ?? [];
  if (OF_ANY_REQUEST.has(status) || declared.includes(status)) return NONE;
  if (status >= 500 && !DECLARABLE.has(status)) return NONE;
  return problem('undeclared-error', `${endpoint.id} at 2.${minor} declares no ${status}, but ${declared.join(', ')}`);
}

/** Which of a template's endpoints a body means: for an action the one key that it has. */
function endpointIn({ endpoints }: Template, body: unknown): NovaEndpoint | null {
  const plain = endpoints.get(null);
  if (plain !== undefined) return plain;
  const keys = keysOf(body);
  return keys.length === 1 ? (endpoints.get(keys[0] as string) ?? null) : null;
}

/** Of a request that meets an endpoint at a version. */
function endpointProblems(endpoint: NovaEndpoint, minor: number, address: Address, exchange: Exchange): Problems {
  const { status } = exchange;
  const [first, last] = spanOf(endpoint);
  const mustBe = (codes: readonly number[], why: string): Problems =>
    codes.includes(status) ? NONE : problem('unexpected-status', `${endpoint.id} ${why}: ${status}`);
  if (minor < first || minor > last) return mustBe([404], `is of 2.${first} to 2.${last}, not of 2.${minor}`);
  if (endpoint.removed !== undefined) return mustBe([410, 400], `was removed in ${endpoint.removed}`);
  if (endpoint.errors === undefined) return NONE;
  const isLegacy = address.api === 'v2';
  return [
    ...(isLegacy ? NONE : requestProblems(endpoint, minor, address, exchange)),
    ...(status < 400 ? successProblems(endpoint, minor, exchange) : failureProblems(endpoint, minor, status)),
    ...(isLegacy ? NONE : headerProblems(exchange.responseHeaders, minor)),
  ];
}

function rootProblems(address: Address, exchange: Exchange): Checked {
  const id = address.path === '/' ? 'GET (root) /' : 'GET (root) /{any}';
  const endpoint = novaEndpoints().find((one) => one.id === id) as NovaEndpoint;
  return { id, minor: null, problems: successProblems(endpoint, 1, exchange) };
}

/** What is wrong with an exchange. */
export function checkExchange(exchange: Exchange): Checked {
  const { status, responseBody, requestBody } = exchange;
  const method = exchange.method.toUpperCase();
  const address = addressOf(exchange.path);
  // what stands in front of Nova answers these
  if (method === 'OPTIONS' || (address.api === 'root' && method !== 'GET'))
    return { id: null, minor: null, problems: NONE };
  if (address.api === 'root') return rootProblems(address, exchange);
  const asked = address.api === 'v2' ? { minor: 1 } : minorAsked(askedVersion(exchange));
  const minor = 'minor' in asked ? asked.minor : null;
  const template = templateOf(method, address.path);
  const base: Problems = [
    // the words of a missing token, and of a missing route, are not Nova's own
    ...(status < 400 || status === 401 || (status === 404 && template === null)
      ? NONE
      : faultProblems(status, responseBody)),
    ...(status < 500 || DECLARABLE.has(status) ? NONE : problem('server-error', `${status} ${shortly(responseBody)}`)),
  ];
  const checked = (id: string | null, problems: Problems): Checked => ({ id, minor, problems: [...base, ...problems] });
  if (status === 401) return checked(null, NONE);
  if (template === null) {
    const right = status === 404;
    return checked(null, right ? NONE : problem('unknown-route', `${method} ${address.path}: ${status}, not 404`));
  }
  if ('refusedWith' in asked) {
    const { refusedWith } = asked;
    const right = status === refusedWith;
    return checked(null, right ? NONE : problem('unexpected-status', `the version wants ${refusedWith}: ${status}`));
  }
  const endpoint = endpointIn(template, requestBody);
  if (endpoint !== null) return checked(endpoint.id, endpointProblems(endpoint, asked.minor, address, exchange));
  // a body of nothing is no action, and so no route
  const isNothing = requestBody === null || requestBody === '' || requestBody === 'null';
  const right = OF_ANY_REQUEST.has(status) || (isNothing && status === 404);
  return checked(
    null,
    right ? NONE : problem('unexpected-status', `no such action, ${shortly(requestBody)}: ${status}, not 400`),
  );
}
