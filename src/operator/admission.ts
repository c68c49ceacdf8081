// Why: what can never be right is refused when it is written, with every reason at once, and what was left to defaults is written down where it
// stays: a machine's ceiling must not move because its size does.

import { mayCall } from './hook.ts';
import type { MachineSpec, VirtualMachine } from './types.ts';
import { shownSize, wantedOf } from './wanted.ts';

export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly namespace?: string;
  readonly object?: VirtualMachine;
  readonly oldObject?: VirtualMachine;
}

export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly message: string };
  readonly patchType?: 'JSONPatch';
  /** Base64 of a JSON patch. */
  readonly patch?: string;
}

/** Every reason against a machine. */
function problemsOf({ spec }: VirtualMachine, namespace: string, hookPrefixes: readonly string[]): string[] {
  const hooks = Object.entries(spec.template.spec.hooks ?? {}).filter(
    ([, hook]) => !mayCall(hook.url, namespace, hookPrefixes),
  );
  return [
    ...wantedOf(spec).problems,
    ...hooks.map(
      ([name, { url }]) => `hooks.${name}: ${url} is neither a service of its namespace nor allowed by the operator`,
    ),
  ];
}

/** Allows or refuses a machine that is written. */
export function validate(
  { uid, namespace = '', object }: AdmissionRequest,
  hookPrefixes: readonly string[],
): AdmissionResponse {
  // what goes is not held up by what is wrong with it
  const problems =
    object === undefined || object.metadata.deletionTimestamp ? [] : problemsOf(object, namespace, hookPrefixes);
  if (problems.length === 0) return { uid, allowed: true };
  return { uid, allowed: false, status: { code: 422, message: problems.join('; ') } };
}

/** The bounds that a new machine gets where it names none. */
function boundsOf(machine: MachineSpec, spec: VirtualMachine['spec']): object | null {
  const { wanted } = wantedOf(spec);
  if (wanted === null) return null;
  const { floor, ceiling } = machine.resources;
  const filled = {
    ceiling: { ...shownSize(wanted.ceiling), ...ceiling },
    floor: { ...shownSize(wanted.floor), ...floor },
  };
  return { ...machine.resources, ...filled };
}

/** Writes down, in a machine that is new, what it leaves to defaults. */
export function mutate({ uid, operation, object }: AdmissionRequest): AdmissionResponse {
  const resources =
    operation === 'CREATE' && object !== undefined ? boundsOf(object.spec.template.spec, object.spec) : null;
  if (resources === null) return { uid, allowed: true };
  const patch = [{ op: 'replace', path: '/spec/template/spec/resources', value: resources }];
  return { uid, allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
}
