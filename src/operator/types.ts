// Why: a VirtualMachine is a contract with people and programs: what they may say of it, and what is told to them.

import type { V1ObjectMeta } from '@kubernetes/client-node';

export const GROUP = 'novacron.io';
export const VERSION = 'v1alpha1';
export const PLURAL = 'virtualmachines';
export const KIND = 'VirtualMachine';
/** Held until the machine's server is gone. */
export const FINALIZER = 'novacron.io/server';
/** An annotation that names a server which is there already, and which the machine shall be. */
export const ADOPT = 'novacron.io/adopt';

export interface Network {
  readonly name: string;
  readonly type: 'bridge' | 'sr-iov';
  readonly ipv4?: { readonly method: 'dhcp' | 'static'; readonly address?: string; readonly gateway?: string };
}

/** Whole vCPUs and Kubernetes quantities of bytes: `4Gi`. */
export interface Resources {
  readonly cpu: number | string;
  readonly memory: number | string;
  readonly disk: number | string;
  /** What it is guaranteed; default: one vCPU and 512 MiB, or less where the machine is smaller. */
  readonly floor?: { readonly cpu?: number | string; readonly memory?: number | string };
  /** As far as it may grow while it runs; default: what it was made with. */
  readonly ceiling?: { readonly cpu?: number | string; readonly memory?: number | string };
}

export interface MatchExpression {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

export interface Hook {
  readonly url: string;
  readonly timeoutSeconds?: number;
  readonly failurePolicy?: 'Fail' | 'Ignore';
}

export interface MachineSpec {
  readonly resources: Resources;
  readonly image: { readonly source: string };
  /** A flavor by name or id, instead of one made for the size: for devices and whatever else a flavor has. */
  readonly flavor?: string;
  readonly networks?: readonly Network[];
  readonly userData?: string;
  readonly userDataSecretRef?: { readonly name: string; readonly key?: string };
  readonly keyName?: string;
  readonly devices?: readonly {
    readonly type: string;
    readonly vendor?: string;
    readonly model?: string;
    readonly count?: number;
  }[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly affinity?: {
    readonly nodeAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: {
        readonly nodeSelectorTerms: readonly { readonly matchExpressions?: readonly MatchExpression[] }[];
      };
    };
  };
  readonly hooks?: { readonly preStart?: Hook; readonly preStop?: Hook };
}

export interface VirtualMachineSpec {
  readonly running?: boolean;
  readonly provider?: 'kvm' | 'vmware' | 'aws' | 'azure';
  readonly template: { readonly spec: MachineSpec };
  readonly migrationPolicy?: {
    readonly allowLiveMigration?: boolean;
    readonly compression?: boolean;
    readonly encrypted?: boolean;
    readonly bandwidth?: string;
  };
  readonly snapshotPolicy?: { readonly schedule: string; readonly retention?: number; readonly timeZone?: string };
}

export type Phase = 'Pending' | 'Provisioning' | 'Running' | 'Stopped' | 'Migrating' | 'Failed' | 'Terminating';

export type ConditionType = 'Accepted' | 'Ready' | 'Adjusted' | 'SnapshotsScheduled' | 'MigrationPolicyApplied';

export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

export interface Size {
  readonly cpu: number;
  readonly memoryMb: number;
}

/** Memory as a quantity: `512Mi`. */
export interface ShownSize {
  readonly cpu: number;
  readonly memory: string;
}

export interface VirtualMachineStatus {
  readonly phase?: Phase;
  readonly observedGeneration?: number;
  readonly serverID?: string;
  readonly node?: string;
  readonly addresses?: readonly string[];
  /** What was asked for, what is held of the host for it, and what the guest has by its own word. */
  readonly resources?: {
    readonly requested: ShownSize;
    readonly claimed: ShownSize;
    readonly confirmed: ShownSize;
    readonly floor: ShownSize;
    readonly ceiling: ShownSize;
  };
  readonly snapshots?: { readonly last?: string; readonly next?: string; readonly count: number };
  readonly conditions?: readonly Condition[];
}

export interface VirtualMachine {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: V1ObjectMeta & { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly spec: VirtualMachineSpec;
  readonly status?: VirtualMachineStatus;
}

/** `namespace/name` */
export type Key = string;

export const keyOf = ({ metadata }: Pick<VirtualMachine, 'metadata'>): Key => `${metadata.namespace}/${metadata.name}`;
