// Why: a call is one entry: what it is asked with, what it answers, and which calls of the compute API it is. It decides nothing itself.

import type { ComputeClient } from '../../client/compute.ts';
import { type JsonSchema, nodeName, uuid } from './schemas.ts';

export interface Call<B> {
  readonly compute: ComputeClient;
  readonly params: Readonly<Record<string, string>>;
  readonly body: B;
}

export interface FaceRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `/vms/{vm_id}`, below /api/v1. */
  readonly path: string;
  /** The section of the reference that it is in. */
  readonly tag: string;
  readonly summary: string;
  /** Undefined: it takes no body. */
  readonly body?: JsonSchema;
  /** Whether the body may be left out. */
  readonly bodyOptional?: true;
  readonly status: 200 | 201 | 202;
  readonly answer: JsonSchema;
  readonly run: (call: Call<unknown>) => Promise<unknown>;
}

/** Types the handler of a route by its body. */
export const route = <B = undefined>(
  definition: Omit<FaceRoute, 'run'> & { readonly run: (call: Call<B>) => Promise<unknown> },
): FaceRoute => definition as FaceRoute;

/** What stands in a path in place of a parameter. All are parts of addresses of the compute API, so none may be anything else. */
export const parameters: Readonly<Record<string, JsonSchema>> = {
  vm_id: uuid,
  deployment_id: uuid,
  snapshot_id: uuid,
  backup_id: uuid,
  migration_id: uuid,
  node_id: nodeName,
};

/** The parameter, which the path has. */
export const of = ({ params }: Pick<Call<never>, 'params'>, name: string): string => params[name] as string;
