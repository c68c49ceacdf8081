// Why: what users do, what goes wrong and what is judged is the same on every hypervisor; what a host is, is not, and is told here.

import type { Cluster } from '../support/cluster.ts';
import type { Held } from '../support/held.ts';
import type { Books } from './books.ts';
import type { Flavors } from './deeds.ts';
import type { Part, Victim } from './ways.ts';

/** What two processors can bear. */
export interface Burden {
  readonly users: number;
  readonly serversEach: number;
  /** A disaster every so many seconds, and so many of quiet after them. */
  readonly everyS: number;
  readonly quietS: number;
}

/** The hosts of all agents. */
export interface Hosts {
  readonly driver: 'fake' | 'libvirt';
  readonly burden: Burden;
  readonly flavors: Flavors;
  /** What an agent's disk has room for. */
  readonly diskMib: number;
  /** Names of an agent's hosts. */
  readonly of: (agent: string) => readonly string[];
  /** More for every configuration. */
  readonly config: Readonly<Record<string, object>>;
  /** More for the configuration of an agent. */
  readonly agentConfig: (agent: string) => Readonly<Record<string, object>>;
  /** The id of an image that boots here, which is made. */
  readonly upload: (cluster: Cluster) => Promise<string>;
  /** Where servers move as they like: zones, each with its hosts. Null: all hosts are in the one that there is. */
  readonly zones: ReadonlyMap<string, readonly string[]> | null;
  /** What each holds, by its name, read anew. */
  readonly held: () => Promise<ReadonlyMap<string, Held>>;
  /** What is on hosts and belongs to no guest there; each names whose it was, where that is known. */
  readonly strays: () => Promise<readonly string[]>;
  /** What can happen to them beside what happens to their agents. */
  readonly victims: (around: Around) => ReadonlyMap<Part, () => readonly Victim[]>;
  /** Begins what agents find when they begin; their disks are there. */
  readonly start: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What a host's disasters may concern. */
export interface Around {
  readonly cluster: Cluster;
  readonly books: Books;
}
