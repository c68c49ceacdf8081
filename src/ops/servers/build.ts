// Why: what was asked for at a server's creation and no view shows; kept with the row, so that any worker can tell the host
// what the guest shall be, at its creation and at every power cycle after it.

import type { NetworkPlan, PortTarget } from '../../cloud/network.ts';
import { type Claim, findClaim, findHeldClaim } from '../../db/claims.ts';
import type { Reader } from '../../db/engine.ts';
import { loadDetails } from '../../db/server-details.ts';
import { findBuild } from '../../db/servers.ts';
import { buildSpec } from '../../domain/servers/build-spec.ts';
import type { FilledTemplate } from '../../domain/servers/cloud-init-templates.ts';
import type { GuestSpec, InjectedFile } from '../../domain/servers/guests.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import type { Server, ServerDetail } from '../../domain/servers/servers.ts';
import type { PlannedVolume } from '../../domain/servers/server-volumes.ts';
import type { LocalDisks } from '../../domain/servers/local-disks.ts';
import type { NumaTopology } from '../../domain/numa/numa.ts';

export interface BuildRequest {
  readonly network: NetworkPlan;
  readonly kernel: ImageFacts | null;
  readonly ramdisk: ImageFacts | null;
  readonly keyType: string | null;
  /** Who made the server; its images say so. */
  readonly userName: string;
  readonly roles: readonly string[];
  readonly projectName: string | null;
  readonly forcedHost: string | null;
  readonly forcedNode: string | null;
  readonly requestedHost: string | null;
  readonly requestedNode: string | null;
  readonly files: readonly InjectedFile[];
  /** Absent: nothing was said of its disks. */
  readonly disks?: LocalDisks;
  /** Absent: it began with none. */
  readonly volumes?: readonly PlannedVolume[];
  /** What its user data are merged with; absent: nothing. */
  readonly template?: FilledTemplate | undefined;
}

/** What a server has of its host, or will have of the host where a migration holds a claim. */
const claimFor = (reader: Reader, { id }: Pick<Server, 'id'>, heldBy?: number): Promise<Claim | null> =>
  heldBy === undefined ? findClaim(reader, id) : findHeldClaim(reader, heldBy);

/** Its part of the host's NUMA nodes. */
export async function placementFor(
  reader: Reader,
  server: Pick<Server, 'id'>,
  heldBy?: number,
): Promise<NumaTopology | null> {
  return (await claimFor(reader, server, heldBy))?.numa ?? null;
}

/**
 * The guest as it shall be, from the rows alone.
 * @param heldBy the migration that holds the claim of the host that the spec is for; absent: it is the server's own
 */
export const guestSpec = async (
  reader: Reader,
  server: Server,
  adminPass: string | null,
  heldBy?: number,
): Promise<GuestSpec> => {
  const build = await findBuild<BuildRequest>(reader, server.id);
  return specToBuild(reader, { server, build, claim: await claimFor(reader, server, heldBy) }, adminPass);
};

/** As `guestSpec`, where its claim and what was asked for at its creation are at hand. */
export async function specToBuild(
  reader: Reader,
  { server, build, claim }: { readonly server: Server; readonly build: BuildRequest; readonly claim: Claim | null },
  adminPass: string | null,
): Promise<GuestSpec> {
  // a server that is being made has those that it was asked for with, and no others
  const volumes = server.launchedAt !== null || build.volumes !== undefined;
  const [detail] = (await loadDetails(reader, [server], { metadata: true, nics: true, volumes })) as [ServerDetail];
  return buildSpec({
    server,
    metadata: detail.metadata,
    nics: detail.nics,
    numa: claim?.numa ?? null,
    hostDevices: (claim?.pci ?? []).map(({ address }) => address),
    disks: build.disks,
    volumes: detail.volumes.flatMap(({ disk }) => (disk === null ? [] : [disk])),
    kernel: build.kernel,
    ramdisk: build.ramdisk,
    keyType: build.keyType,
    adminPass,
    projectName: build.projectName,
    files: build.files,
    template: build.template,
  });
}

/** A server as the network service makes ports for it. */
export const portTargetOf = ({ uuid, projectId, host, availabilityZone, hostname }: Server): PortTarget => ({
  uuid,
  projectId,
  host: host ?? '',
  zone: availabilityZone ?? '',
  hostname,
});
