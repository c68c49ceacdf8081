// Why: what a request asks of a host, reduced to what the filters and weighers read.

import type { ImageFacts } from '../domain/image.ts';
import type { Host } from '../domain/host.ts';
import type { Size } from '../domain/size.ts';

export interface PlacementSpec {
  /** What is claimed. */
  readonly minimum: Size;
  /** What the server may grow to. */
  readonly maximum: Size;
  /** Root, ephemeral and swap together, in GiB. */
  readonly diskGb: number;
  readonly zone: string | null;
  /** From `availability_zone: zone:host:node`: only this host, past the filters that are matters of taste. */
  readonly forcedHost: string | null;
  readonly forcedNode: string | null;
  /** From `host` and `hypervisor_hostname` (2.74): only this host, through all filters. */
  readonly requestedHost: string | null;
  readonly requestedNode: string | null;
  readonly image: ImageNeeds;
  /** How many servers of this kind are placed together. */
  readonly count: number;
}

/** What an image says of the machine that it needs; null: says nothing. In canonical form. */
export interface ImageNeeds {
  readonly arch: string | null;
  readonly hypervisorType: string | null;
  readonly vmMode: string | null;
  readonly diskFormat: string | null;
}

/** What a filter may read beside host and spec: time. */
export interface FilterContext {
  readonly nowMs: number;
  readonly hostDownMs: number;
}

/** Null: the host passes. A string: why not, as a clause for people. */
export type Filter = (host: Host, spec: PlacementSpec, context: FilterContext) => string | null;

/** A raw weight; higher is better. The pass normalises it over the hosts that are left. */
export type Weigher = (host: Host, spec: PlacementSpec) => number;

const archAliases: Readonly<Record<string, string>> = {
  i386: 'i686',
  i486: 'i686',
  i586: 'i686',
  x86_32: 'i686',
  x86_32p: 'i686',
  amd64: 'x86_64',
};
const hypervisorAliases: Readonly<Record<string, string>> = { xapi: 'xen' };
const modeAliases: Readonly<Record<string, string>> = { hv: 'hvm', baremetal: 'hvm', pv: 'xen' };

function canonical(value: string | undefined, aliases: Readonly<Record<string, string>>): string | null {
  if (value === undefined || value === '') return null;
  const lower = value.toLowerCase();
  return aliases[lower] ?? lower;
}

/** Reads the image's properties under their present and their older names. */
export function imageNeedsOf(image: ImageFacts | null): ImageNeeds {
  const properties = image?.properties ?? {};
  return {
    arch: canonical(properties['hw_architecture'] ?? properties['architecture'], archAliases),
    hypervisorType: canonical(properties['img_hv_type'] ?? properties['hypervisor_type'], hypervisorAliases),
    vmMode: canonical(properties['hw_vm_mode'] ?? properties['vm_mode'], modeAliases),
    diskFormat: image?.diskFormat ?? null,
  };
}
