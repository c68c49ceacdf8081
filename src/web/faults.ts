// Why: the one place that knows which HTTP status a fault is. Each service's envelope (Nova's, Keystone's, Glance's,
// Neutron's) is a function of a fault and its status.

import type { Fault, FaultKind } from '../base/errors.ts';

const statusByKind: Readonly<Record<FaultKind, number>> = {
  badRequest: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  notAcceptable: 406,
  preconditionFailed: 412,
  conflict: 409,
  gone: 410,
  tooLarge: 413,
  badMediaType: 415,
  overLimit: 429,
  internal: 500,
  notImplemented: 501,
  unavailable: 503,
};

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  406: 'Not Acceptable',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition Failed',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};

export const statusOfFault = (fault: Fault): number => statusByKind[fault.kind];

const titleOf = (status: number): string => titles[status] ?? 'Error';

/** A body and its media type. */
export interface FaultBody {
  readonly type: string;
  readonly body: string;
}

/** @param requestId the request's, for those who show it in the body */
export type Envelope = (fault: Fault, status: number, requestId: string) => FaultBody;

const json = (value: unknown): FaultBody => ({ type: 'application/json; charset=UTF-8', body: JSON.stringify(value) });

const novaNames: Readonly<Record<number, string>> = {
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

/** Nova's: `{"itemNotFound": {"code": 404, "message": "…"}}`; 401 is keystonemiddleware's, as Keystone's. */
export const novaEnvelope: Envelope = (fault, status) => {
  if (status === 401) return keystoneEnvelope(fault, status);
  const retryAfter = fault.retryAfterSeconds === undefined ? {} : { retryAfter: String(fault.retryAfterSeconds) };
  const withRetry = status === 413 || status === 429 ? retryAfter : {};
  return json({ [novaNames[status] ?? 'computeFault']: { code: status, message: fault.message, ...withRetry } });
};

/** Keystone's: `{"error": {"code": 404, "title": "Not Found", "message": "…"}}`. */
export const keystoneEnvelope = (fault: Fault, status: number): FaultBody =>
  json({ error: { code: status, title: titleOf(status), message: fault.message } });

/** Neutron's: `{"NeutronError": {"type": "…", "message": "…", "detail": ""}}`; the type is the fault's code. */
export const neutronEnvelope: Envelope = (fault, status) =>
  status === 401
    ? keystoneEnvelope(fault, status)
    : json({ NeutronError: { type: fault.code, message: fault.message, detail: '' } });

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** WebOb's page, which Glance sends for every fault. */
export const htmlEnvelope: Envelope = (fault, status) => {
  const title = `${status} ${titleOf(status)}`;
  return {
    type: 'text/html; charset=UTF-8',
    body: `<html>\n <head>\n  <title>${title}</title>\n </head>\n <body>\n  <h1>${title}</h1>\n  ${escapeHtml(fault.message)}<br /><br />\n\n\n </body>\n</html>`,
  };
};
