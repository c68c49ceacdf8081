// Why: the few composite types of libvirt's protocol, each with its codec, shared by calls, events and errors.

import { XdrError, type XdrReader, type XdrWriter } from './xdr.ts';

/** libvirt finds a domain by its UUID; `id` is -1 while it does not run. */
export interface DomainRef {
  readonly name: string;
  /** With dashes, lower case. */
  readonly uuid: string;
  readonly id: number;
}

export interface NetworkRef {
  readonly name: string;
  readonly uuid: string;
}

export interface NwfilterRef {
  readonly name: string;
  readonly uuid: string;
}

/** A secret by its id and by what it is for, never its value. */
export interface SecretRef {
  readonly uuid: string;
  /** VIR_SECRET_USAGE_TYPE_*: 1 volume, 2 ceph, 3 iscsi. */
  readonly usageType: number;
  readonly usage: string;
}

export type TypedValue = number | string | boolean;
/** libvirt's virTypedParameter array as a record. 64-bit numbers above 2^53 are rounded. */
export type TypedParams = Readonly<Record<string, TypedValue>>;

export const writeDomain = (w: XdrWriter, domain: DomainRef): XdrWriter =>
  w.string(domain.name).uuid(domain.uuid).i32(domain.id);

export const readDomain = (r: XdrReader): DomainRef => ({ name: r.string(), uuid: r.uuid(), id: r.i32() });

export const writeSecret = (w: XdrWriter, secret: SecretRef): XdrWriter =>
  w.uuid(secret.uuid).i32(secret.usageType).string(secret.usage);

export const readSecret = (r: XdrReader): SecretRef => ({ uuid: r.uuid(), usageType: r.i32(), usage: r.string() });

/** Networks and network filters look alike on the wire. */
export const writeNamed = (w: XdrWriter, named: NetworkRef | NwfilterRef): XdrWriter =>
  w.string(named.name).uuid(named.uuid);

export const readNamed = (r: XdrReader): NetworkRef => ({ name: r.string(), uuid: r.uuid() });

// VIR_TYPED_PARAM_INT = 1 ... VIR_TYPED_PARAM_STRING = 7
function readTypedValue(r: XdrReader): TypedValue {
  const type = r.i32();
  switch (type) {
    case 1:
      return r.i32();
    case 2:
      return r.u32();
    case 3:
      return r.i64Number();
    case 4:
      return r.u64Number();
    case 5:
      return r.f64();
    case 6:
      return r.i32() !== 0;
    case 7:
      return r.string();
    default:
      throw new XdrError(`typed parameter of type ${type}`);
  }
}

/** A typed parameter to send; of one name there may be several. */
export type TypedParam = readonly [name: string, type: 'int' | 'ullong' | 'string', value: number | string];

export function writeTypedParams(w: XdrWriter, params: readonly TypedParam[]): XdrWriter {
  return w.list(params, ([name, type, value]) => {
    w.string(name);
    if (type === 'int') w.i32(1).i32(Number(value));
    else if (type === 'ullong') w.i32(4).u64(Number(value));
    else w.i32(7).string(String(value));
  });
}

export function readTypedParams(r: XdrReader): TypedParams {
  return Object.fromEntries(r.list(() => [r.string(), readTypedValue(r)] as const));
}

/** What libvirt says when a call fails. */
export interface RemoteError {
  readonly code: number;
  /** Which part of libvirt speaks (virErrorDomain). */
  readonly domain: number;
  readonly message: string;
  readonly level: number;
  readonly str1: string | null;
  readonly str2: string | null;
  readonly str3: string | null;
  readonly int1: number;
  readonly int2: number;
}

export function readRemoteError(r: XdrReader): RemoteError {
  const code = r.i32();
  const domain = r.i32();
  const message = r.optionalString() ?? 'no message';
  const level = r.i32();
  r.optional(() => readDomain(r));
  const error = {
    ...{ code, domain, message, level },
    ...{ str1: r.optionalString(), str2: r.optionalString(), str3: r.optionalString() },
    ...{ int1: r.i32(), int2: r.i32() },
  };
  r.optional(() => readNamed(r));
  return error;
}
