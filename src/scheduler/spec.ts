// Why: what a request asks of a host, reduced to what the filters and weighers read, and what these are.

import type { FlavorSnapshot } from '../domain/machines/flavors.ts';
import type { Candidate } from '../domain/placement/hosts.ts';
import type { ImageFacts } from '../domain/machines/images.ts';
import { archAliases, hypervisorAliases, modeAliases } from '../domain/machines/machine-words.ts';
import type { GroupPlacement } from '../domain/servers/server-groups.ts';
import type { NumaRequest } from '../domain/numa/numa-request.ts';
import type { PciRequest } from '../domain/pci/pci-alias.ts';
import type { Resources } from '../domain/placement/resource-specs.ts';
import type { Size } from '../domain/adjustment/size.ts';

/** What a request asks of a host. */
export interface PlacementRequest {
  /** What is claimed. */
  readonly minimum: Size;
  /** What the server may grow to. */
  readonly maximum: Size;
  /** Root, ephemeral and swap together, in GiB. */
  readonly diskGb: number;
  /** The NUMA nodes that it shall have; null: it leaves them to its host. */
  readonly numa: NumaRequest | null;
  /** What else it takes of its host; null: nothing. */
  readonly resources: Resources | null;
  /** The devices of its host that it shall have; null: none. */
  readonly pci: PciRequest | null;
  readonly zone: string | null;
  /** From `availability_zone: zone:host:node`: only this host, past the filters that are matters of taste. */
  readonly forcedHost: string | null;
  readonly forcedNode: string | null;
  /** From `host` and `hypervisor_hostname` (2.74): only this host, through all filters. */
  readonly requestedHost: string | null;
  readonly requestedNode: string | null;
  readonly image: ImageNeeds;
  /** Empty: none. */
  readonly imageId: string;
  readonly imageProperties: Readonly<Record<string, string>>;
  readonly projectId: string;
  readonly flavor: Pick<FlavorSnapshot, 'name' | 'extraSpecs'>;
  /** As the user wrote them. */
  readonly hints: Readonly<Record<string, unknown>>;
  /** How many servers of this kind are placed together. */
  readonly count: number;
}

/** Where other servers are that this one shall be with, or apart from. */
export interface AffinityContext {
  /** What the server's group says; null: it is in none. */
  readonly group: GroupPlacement | null;
  /** The hosts of the servers that the hint `different_host` names; null: it was not given. */
  readonly differentHost: ReadonlySet<string> | null;
  /** The hosts of those that `same_host` names. */
  readonly sameHost: ReadonlySet<string> | null;
}

/** What the filters and weighers read of a request. */
export type PlacementSpec = PlacementRequest & AffinityContext;

/** What an image says of the machine that it needs; null: says nothing. In canonical form. */
export interface ImageNeeds {
  readonly arch: string | null;
  readonly hypervisorType: string | null;
  readonly vmMode: string | null;
  readonly diskFormat: string | null;
  /** Bounds of the hypervisor's version: `>=6.0,<9.0`. */
  readonly hypervisorVersion: string | null;
}

/** What filters read of the configuration. */
export interface FilterSettings {
  readonly maxIoOpsPerHost: number;
  readonly maxInstancesPerHost: number;
  readonly isolatedHosts: readonly string[];
  readonly isolatedImages: readonly string[];
  /** Whether hosts set apart take only the images that they are set apart for. */
  readonly restrictIsolatedHosts: boolean;
  /** Only keys that begin with it and the separator are compared; empty: all. */
  readonly imageIsolationNamespace: string;
  readonly imageIsolationSeparator: string;
  /** Whether aggregates with `trait:X` = `required` take only servers that require X. */
  readonly isolatedAggregates: boolean;
}

/** Nova's defaults. */
export const defaultSettings: FilterSettings = {
  maxIoOpsPerHost: 8,
  maxInstancesPerHost: 50,
  isolatedHosts: [],
  isolatedImages: [],
  restrictIsolatedHosts: true,
  imageIsolationNamespace: '',
  imageIsolationSeparator: '.',
  isolatedAggregates: false,
};

/** What a filter may read beside the request and the hosts: time and configuration. */
export interface FilterContext {
  readonly nowMs: number;
  readonly hostDownMs: number;
  readonly settings: FilterSettings;
}

/** Null: the host passes. A string: why not, as a clause for people. */
export type Check = (host: Candidate) => string | null;

/**
 * What a filter makes of a request: its check of each host, or null where the request gives it nothing to check. What can be
 * worked out once for a request is worked out here and not for each of ten thousand hosts.
 */
export type Filter = (spec: PlacementSpec, context: FilterContext) => Check | null;

/** What there is to judge where a server that is on its host already is built anew from another image. */
export type ImageSpec = Pick<PlacementSpec, 'image' | 'imageId' | 'imageProperties' | 'flavor'>;

/** A filter that reads no more than that. */
export type ImageFilter = (spec: ImageSpec, context: FilterContext) => Check | null;

/** A raw weight; higher is better. The pass normalises it over the hosts that are left. */
export type Weight = (host: Candidate) => number;

/** As `Filter`: the weight of each host for a request, or null where it weighs them all alike. */
export type Weigher = (spec: PlacementSpec) => Weight | null;

function canonical(value: string | undefined, aliases: Readonly<Record<string, string>>): string | null {
  if (value === undefined || value === '') return null;
  const lower = value.toLowerCase();
  return aliases[lower] ?? lower;
}

/** An image as filters read it; without one a server has its own disks. */
export const judgedImage = (image: ImageFacts | null, imageId: string): Omit<ImageSpec, 'flavor'> => ({
  image: imageNeedsOf(image),
  imageId,
  imageProperties: image?.properties ?? {},
});

/** Reads the image's properties under their present and their older names. */
export function imageNeedsOf(image: ImageFacts | null): ImageNeeds {
  const properties = image?.properties ?? {};
  return {
    arch: canonical(properties['hw_architecture'] ?? properties['architecture'], archAliases),
    hypervisorType: canonical(properties['img_hv_type'] ?? properties['hypervisor_type'], hypervisorAliases),
    vmMode: canonical(properties['hw_vm_mode'] ?? properties['vm_mode'], modeAliases),
    diskFormat: image?.diskFormat ?? null,
    hypervisorVersion: properties['img_hv_requested_version'] ?? properties['hypervisor_version_requires'] ?? null,
  };
}
