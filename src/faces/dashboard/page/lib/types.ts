// Why: what of the API's answers the page reads, named once.

export interface Server {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly tenant_id: string;
  readonly user_id: string;
  readonly hostId: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly image: { readonly id: string } | '';
  readonly flavor: {
    readonly vcpus: number;
    readonly ram: number;
    readonly disk: number;
    readonly original_name: string;
    readonly extra_specs?: Readonly<Record<string, string>>;
  };
  readonly addresses: Readonly<
    Record<string, readonly { readonly addr: string; readonly 'OS-EXT-IPS:type'?: string }[]>
  >;
  readonly created: string;
  readonly updated: string;
  readonly key_name: string | null;
  readonly locked: boolean;
  readonly locked_reason: string | null;
  readonly description: string | null;
  readonly tags?: readonly string[];
  readonly progress?: number;
  readonly fault?: { readonly message: string };
  readonly 'OS-EXT-STS:task_state': string | null;
  readonly 'OS-EXT-STS:power_state': number;
  readonly 'OS-EXT-AZ:availability_zone'?: string;
  readonly 'OS-EXT-SRV-ATTR:host'?: string | null;
  readonly 'os-extended-volumes:volumes_attached'?: readonly { readonly id: string }[];
}

export interface Amounts {
  readonly current: number;
  readonly target: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly claimed: number;
}

/** A server's size; memory in MiB. */
export interface Adjustment {
  readonly server_id: string;
  readonly status: 'idle' | 'adjusting' | 'partial' | 'error' | 'pending_reboot';
  readonly vcpus: Amounts & { readonly guest_online: number | null };
  readonly memory_mb: Amounts & {
    readonly guest_available: number | null;
    readonly method: string;
    readonly block_mb: number;
  };
  readonly persist: boolean;
  readonly request_id: string | null;
  readonly updated_at: string | null;
  readonly message: string | null;
}

export interface Way {
  readonly possible: boolean;
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
}

export interface Plan {
  readonly result: 'live' | 'live_after_migration' | 'next_boot' | 'refused';
  readonly target: { readonly vcpus: number; readonly memory_mb: number };
  readonly growth: { readonly vcpus: number; readonly memory_mb: number };
  readonly ways: {
    readonly live: Way;
    readonly live_after_migration: Way & { readonly automatic?: boolean };
    readonly next_boot: Way;
  };
  readonly largest: { readonly vcpus: number; readonly memory_mb: number } | null;
}

export interface ServerCost {
  readonly currency: string;
  /** Null: its flavor had none. */
  readonly prices: { readonly hour: string; readonly vcpu_hour: string; readonly memory_gb_hour: string } | null;
  readonly cost_per_hour: string;
  readonly cost: string;
}

/** What a server took: an average of five minutes, or a look of a second; each second. */
export interface Usage {
  readonly at?: string;
  readonly vcpus: number;
  readonly cpu: number;
  readonly steal: number | null;
  readonly memory_mb: {
    readonly balloon: number | null;
    readonly total: number | null;
    readonly available: number | null;
  };
  readonly disk: { readonly read_bytes: number; readonly write_bytes: number };
  readonly network: { readonly received_bytes: number; readonly sent_bytes: number };
}

export interface ActionRecord {
  readonly action: string;
  readonly request_id: string;
  readonly user_id: string | null;
  readonly start_time: string;
  readonly message: string | null;
  readonly updated_at?: string | null;
  readonly events?: readonly {
    readonly event: string;
    readonly start_time: string | null;
    readonly finish_time: string | null;
    readonly result: string | null;
    readonly details?: string | null;
  }[];
}

/** A snapshot or a backup of a server. */
export interface Copy {
  readonly id: string;
  readonly server_id: string;
  readonly name: string;
  readonly status: string;
  readonly reason: string | null;
  readonly verifying: boolean;
  readonly disk_bytes: number | null;
  readonly file_bytes: number | null;
  readonly created_at: string;
  readonly verified_at: string | null;
  readonly kind?: 'full' | 'incremental';
  readonly scheduled?: boolean;
}

export interface PricedPlan {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly vcpus: number;
  readonly memory_mb: number;
  readonly disk_gb: number;
  readonly floor: { readonly vcpus: number; readonly memory_mb: number };
  readonly price_per_hour: string;
  readonly above_floor: { readonly vcpu_per_hour: string; readonly memory_gb_per_hour: string };
}

export interface TemplateVariable {
  readonly type: 'string' | 'integer' | 'boolean' | 'array';
  readonly description?: string;
  readonly default?: string | number | boolean | readonly string[] | null;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface Template {
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly variables: {
    readonly properties: Readonly<Record<string, TemplateVariable>>;
    readonly required: readonly string[];
  };
}

export interface Image {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly min_disk: number;
  readonly min_ram: number;
  readonly size: number | null;
  readonly image_type?: string;
}

export interface Flavor {
  readonly id: string;
  readonly name: string;
  readonly vcpus: number;
  readonly ram: number;
  readonly disk: number;
  readonly extra_specs?: Readonly<Record<string, string>>;
}

export interface Network {
  readonly id: string;
  readonly name: string;
  readonly shared: boolean;
  readonly status: string;
  readonly 'router:external'?: boolean;
  readonly subnets: readonly string[];
}
