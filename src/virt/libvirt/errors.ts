// Why: whatever goes wrong with libvirt reaches the rest of the program as a Fault whose code keeps libvirt's number, since
// the driver decides by it (67 is not 68 is not 55), and which says whether the call may have had an effect.

import { Fault, type FaultKind } from '../../base/errors.ts';
import type { RemoteError } from './rpc/types.ts';

/** libvirt's error codes that the program knows, by libvirt's names (virterror.h). */
export const virError = {
  VIR_ERR_INTERNAL_ERROR: 1,
  VIR_ERR_NO_MEMORY: 2,
  VIR_ERR_NO_SUPPORT: 3,
  VIR_ERR_INVALID_CONN: 6,
  VIR_ERR_INVALID_DOMAIN: 7,
  VIR_ERR_INVALID_ARG: 8,
  VIR_ERR_OPERATION_FAILED: 9,
  VIR_ERR_XML_ERROR: 27,
  VIR_ERR_DOM_EXIST: 28,
  VIR_ERR_OPERATION_DENIED: 29,
  VIR_ERR_XML_DETAIL: 35,
  VIR_ERR_INVALID_NETWORK: 36,
  VIR_ERR_NETWORK_EXIST: 37,
  VIR_ERR_SYSTEM_ERROR: 38,
  VIR_ERR_RPC: 39,
  VIR_ERR_NO_DOMAIN: 42,
  VIR_ERR_NO_NETWORK: 43,
  VIR_ERR_AUTH_FAILED: 45,
  VIR_ERR_NO_NODE_DEVICE: 53,
  VIR_ERR_OPERATION_INVALID: 55,
  VIR_ERR_INVALID_NWFILTER: 61,
  VIR_ERR_NO_NWFILTER: 62,
  VIR_ERR_NO_SECRET: 66,
  VIR_ERR_CONFIG_UNSUPPORTED: 67,
  VIR_ERR_OPERATION_TIMEOUT: 68,
  VIR_ERR_NO_DOMAIN_SNAPSHOT: 72,
  VIR_ERR_ARGUMENT_UNSUPPORTED: 74,
  VIR_ERR_OPERATION_ABORTED: 78,
  VIR_ERR_NO_DOMAIN_METADATA: 80,
  VIR_ERR_MIGRATE_UNSAFE: 81,
  VIR_ERR_OVERFLOW: 82,
  VIR_ERR_OPERATION_UNSUPPORTED: 84,
  VIR_ERR_AGENT_UNRESPONSIVE: 86,
  VIR_ERR_RESOURCE_BUSY: 87,
  VIR_ERR_ACCESS_DENIED: 88,
  VIR_ERR_CPU_INCOMPATIBLE: 91,
  VIR_ERR_XML_INVALID_SCHEMA: 92,
  VIR_ERR_AUTH_UNAVAILABLE: 94,
  VIR_ERR_AGENT_UNSYNCED: 97,
  VIR_ERR_DEVICE_MISSING: 99,
  VIR_ERR_NO_DOMAIN_CHECKPOINT: 103,
} as const;

export type VirErrorName = keyof typeof virError;

// Whoever asked did something wrong (bad value, wrong state, no such thing), or the host cannot do it (now, or ever). What
// is not in the table is `internal`: a mistake of ours, such as XML that libvirt does not take, or a surprise of the host's.
const kinds: Readonly<Partial<Record<VirErrorName, FaultKind>>> = {
  VIR_ERR_NO_DOMAIN: 'notFound',
  VIR_ERR_NO_NETWORK: 'notFound',
  VIR_ERR_NO_NWFILTER: 'notFound',
  VIR_ERR_NO_SECRET: 'notFound',
  VIR_ERR_NO_NODE_DEVICE: 'notFound',
  VIR_ERR_NO_DOMAIN_SNAPSHOT: 'notFound',
  VIR_ERR_NO_DOMAIN_METADATA: 'notFound',
  VIR_ERR_DEVICE_MISSING: 'notFound',
  VIR_ERR_NO_DOMAIN_CHECKPOINT: 'notFound',
  VIR_ERR_OPERATION_INVALID: 'conflict',
  VIR_ERR_DOM_EXIST: 'conflict',
  VIR_ERR_NETWORK_EXIST: 'conflict',
  VIR_ERR_RESOURCE_BUSY: 'conflict',
  VIR_ERR_INVALID_ARG: 'badRequest',
  VIR_ERR_OVERFLOW: 'badRequest',
  VIR_ERR_NO_SUPPORT: 'notImplemented',
  VIR_ERR_CONFIG_UNSUPPORTED: 'notImplemented',
  VIR_ERR_ARGUMENT_UNSUPPORTED: 'notImplemented',
  VIR_ERR_OPERATION_UNSUPPORTED: 'notImplemented',
  VIR_ERR_OPERATION_TIMEOUT: 'unavailable',
  VIR_ERR_AGENT_UNRESPONSIVE: 'unavailable',
  VIR_ERR_AGENT_UNSYNCED: 'unavailable',
  VIR_ERR_NO_MEMORY: 'unavailable',
};

/** Whether the daemon left a call unanswered for too long: it, a guest's QEMU, or whoever goes first there, is busy or hangs. */
export const isUnanswered = (error: unknown): boolean => error instanceof Fault && error.code === 'libvirt.deadline';

const kindByCode: ReadonlyMap<number, FaultKind> = new Map(
  Object.entries(kinds).map(([name, kind]) => [virError[name as VirErrorName], kind]),
);

/**
 * `failed`: libvirt said no. `unknown`: the call was sent and nobody knows what became of it (connection lost, deadline,
 * or a time-out within libvirt such as that of an unplug). `notSent`: it never left.
 */
export type Outcome = 'failed' | 'unknown' | 'notSent';

export interface LibvirtDetail {
  /** libvirt's name of the call, as in the table of procedures. */
  readonly procedure: string;
  readonly outcome: Outcome;
  /** The rest of what libvirt said, when it was libvirt that failed the call. */
  readonly error?: RemoteError;
}

/** The fault for what libvirt answered: code `libvirt.<number>`, libvirt's own text. */
export function libvirtFault(procedure: string, error: RemoteError): Fault {
  const outcome: Outcome = error.code === virError.VIR_ERR_OPERATION_TIMEOUT ? 'unknown' : 'failed';
  const detail: LibvirtDetail = { procedure, outcome, error };
  return new Fault(kindByCode.get(error.code) ?? 'internal', error.message, { code: `libvirt.${error.code}`, detail });
}

/** What kept a call from an answer, apart from libvirt itself. All are `unavailable`. */
export type LinkTrouble = 'connection' | 'deadline' | 'queue' | 'protocol' | 'auth' | 'closed';

/** The fault of a call without an answer: kind `unavailable`, code `libvirt.connection`, `libvirt.deadline`, ... */
export function linkFault(trouble: LinkTrouble, message: string, procedure: string, outcome: Outcome): Fault {
  const detail: LibvirtDetail = { procedure, outcome };
  return new Fault('unavailable', `libvirt: ${message}`, { code: `libvirt.${trouble}`, detail });
}

/** Whether libvirt itself answered with that error. */
export function isVirError(error: unknown, name: VirErrorName): boolean {
  return error instanceof Fault && error.code === `libvirt.${virError[name]}`;
}

/** What became of the call that threw this; undefined when the error is not of this module. */
export function outcomeOf(error: unknown): Outcome | undefined {
  if (!(error instanceof Fault) || !error.code.startsWith('libvirt.')) return undefined;
  return (error.detail as LibvirtDetail | undefined)?.outcome;
}
