// Why: hosts that have something in common: a zone, a kind of disk, the projects or flavors that they are kept for.

export interface Aggregate {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  /** Hosts by name, in the order in which they were added. */
  readonly hosts: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly updatedAt: number | null;
}

/** The metadata key that puts an aggregate's hosts into a zone. */
export const ZONE_KEY = 'availability_zone';

/** The zone that an aggregate makes of its hosts; null: none. */
export const zoneOf = ({ metadata }: Pick<Aggregate, 'metadata'>): string | null => metadata[ZONE_KEY] ?? null;

/** The zone of the control plane's own services (Nova's `internal_service_availability_zone`): no server goes there. */
export const INTERNAL_ZONE = 'internal';
