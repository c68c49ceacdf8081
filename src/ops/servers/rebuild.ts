// Why: a server keeps its name, host, ports and size, and gets its disks anew from an image. What is asked for is the row's from
// the beginning; the host makes of it what the row says.

import { badRequest, internal } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { lockCandidate } from '../../db/candidates.ts';
import { replaceMetadata } from '../../db/server-details.ts';
import { changeBuild, findBuild, findServer, updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { type FilledTemplate, templateAskedFor } from '../../domain/servers/cloud-init-templates.ts';
import { rootDeviceName } from '../../domain/servers/build-spec.ts';
import type { GuestView, InjectedFile } from '../../domain/servers/guests.ts';
import { autoDiskConfigOf, diskConfigProblem, imageProblem } from '../../domain/machines/image-fit.ts';
import { type ImageFacts } from '../../domain/machines/images.ts';
import { checkHardware, sameNuma } from '../../domain/machines/hardware.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { checkMergeable } from '../../domain/servers/user-data.ts';
import { isOfVolumes } from '../../domain/servers/image-devices.ts';
import { bootsFromVolume } from '../../domain/servers/server-volumes.ts';
import { imageRefusal, noValidHost } from '../../scheduler/select.ts';
import { judgedImage } from '../../scheduler/spec.ts';
import { wakeWorkers, checkTransition, enqueueAction, lockServerFor } from '../engine/begin.ts';
import { activeImage, bootParts, checkBelongings, keypairNamed, needsConfigDrive } from './boot-source.ts';
import { type BuildRequest, guestSpec } from './build.ts';
import type { OpsDeps } from '../deps.ts';
import { optionsOf } from '../placement/place.ts';
import { hostOf } from './host-of.ts';
import { imageOnVolume } from './new-volumes.ts';
import { endReimage, type Reimage, reimage, reimaged, rootChange } from './root-volume.ts';
import { type Saga, step, type StepContext } from '../engine/saga.ts';
import { settleFailed, settleFromView } from '../engine/settle.ts';
import type { ServerChange } from './update.ts';
import { forgetAside, makeWay } from './whereabouts.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { defineAction } from '../engine/action.ts';

/** What is absent stays as it is. */
export interface RebuildRequest {
  readonly imageRef: string;
  readonly adminPass: string;
  readonly change: ServerChange & { readonly userData?: string | null };
  /** Null: none from now on. */
  readonly keyName?: string | null;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Those of before are gone with the disks. */
  readonly files: readonly InjectedFile[];
  readonly preserveEphemeral: boolean;
}

/** What says of which image a server's disks are made. */
interface MadeOf {
  readonly row: Pick<Server, 'image' | 'imageRef' | 'rootDeviceName' | 'configDrive'>;
  readonly build: Pick<BuildRequest, 'kernel' | 'ramdisk'>;
}

interface Input {
  /** What the disks were made of where it is another image now; null: it is the same. */
  readonly before: MadeOf | null;
  readonly adminPass: string | null;
  readonly preserveEphemeral: boolean;
  /** It was off, and shall be again. */
  readonly stopped: boolean;
  /** Of a server that boots from a volume: the data that the volume gets; null: none. */
  readonly reimage: Reimage | null;
}

async function keyOf(deps: OpsDeps, op: Op, { keyName }: RebuildRequest) {
  if (keyName === undefined) return null;
  const keypair = keyName === null ? null : await keypairNamed(deps, op, keyName);
  return {
    row: { keyName: keypair?.name ?? null, keyData: keypair?.publicKey ?? null },
    build: { keyType: keypair?.type ?? null },
  };
}

/** Throws 400 for an image that a server of this flavor cannot have. */
function checkFit({ flavor, image, imageRef }: Server, next: ImageFacts): void {
  // a volume's size is the volume service's to compare
  const misfit = imageProblem(bootsFromVolume({ imageRef }) ? { ...flavor, rootGb: 0 } : flavor, next);
  if (misfit !== null) throw badRequest(misfit);
  checkHardware(flavor, next);
  if (!sameNuma(flavor, image, next)) {
    throw badRequest(
      "An instance's NUMA topology cannot be changed as part of a rebuild. The image provided is invalid for this instance.",
    );
  }
}

/** The template that it has from now on: that of new metadata, or else that of before; none: null. */
async function templateOf(
  deps: OpsDeps,
  { id, userData }: Server,
  { metadata, change }: RebuildRequest,
): Promise<FilledTemplate | null> {
  const template =
    metadata === undefined
      ? ((await findBuild<BuildRequest>(deps.database.read, id)).template ?? null)
      : templateAskedFor(deps.config.cloudInitTemplates, metadata);
  checkMergeable(template, change.userData === undefined ? userData : change.userData);
  return template;
}

async function madeOf(t: Tx, { id, image, imageRef, rootDeviceName: root, configDrive }: Server): Promise<MadeOf> {
  const { kernel, ramdisk } = await findBuild<BuildRequest>(t, id);
  return { row: { image, imageRef, rootDeviceName: root, configDrive }, build: { kernel, ramdisk } };
}

/**
 * Begins to build a server anew and returns its row as it is then. Throws 400 (image, key), 403 (quota), 404, 409 (state,
 * lock), 501.
 */
export async function rebuildServer(deps: OpsDeps, op: Op, target: Server, request: RebuildRequest): Promise<Server> {
  await checkTransition(deps.database.read, op, target, rebuildAction.transitions.rebuild);
  const key = await keyOf(deps, op, request);
  const image = await activeImage(deps, op.caller, request.imageRef, 'Cannot find image for rebuild');
  const asked = request.change.autoDiskConfig ?? null;
  const disabled = diskConfigProblem(image, asked);
  if (disabled !== null) throw badRequest(disabled);
  if (isOfVolumes(image)) {
    throw badRequest(
      `Image ${image.id} is unacceptable: it has no data, it stands for snapshots of volumes. Create a server from it.`,
    );
  }
  const root = bootsFromVolume(target) ? await rootChange(deps, op, target, image.id) : null;
  const { files, metadata } = request;
  await checkBelongings(deps, op, { metadata: metadata ?? {}, files });
  checkFit(target, image);
  const template = (await templateOf(deps, target, request)) ?? undefined;
  const build: Partial<BuildRequest> = { ...(await bootParts(deps, op.caller, image)), ...key?.build, files, template };

  const id = await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, target.uuid, rebuildAction.transitions.rebuild);
    // a resize may have ended since the row was read
    checkFit(server, image);
    const nowMs = deps.clock.now();
    const differs = root === null ? server.imageRef !== request.imageRef : root.differs;
    const before = differs ? await madeOf(t, server) : null;
    const next = {
      ...request.change,
      ...key?.row,
      autoDiskConfig: autoDiskConfigOf(image, asked),
      ...(root === null ? { imageRef: request.imageRef, image } : { image: imageOnVolume(image) }),
      rootDeviceName: root === null ? rootDeviceName(image) : server.rootDeviceName,
      configDrive: server.configDrive || needsConfigDrive(deps.config, image, files),
      taskState: 'rebuilding' as const,
      progress: 0,
    };
    await updateServer(t, server.id, next, nowMs);
    await changeBuild<BuildRequest>(t, server.id, build);
    if (metadata !== undefined) await replaceMetadata(t, server.id, metadata);
    const { adminPass, preserveEphemeral } = request;
    const stopped = server.vmState === 'stopped';
    const input: Input = { before, adminPass, preserveEphemeral, stopped, reimage: root?.reimage ?? null };
    return enqueueAction(t, op, server, rebuildAction, input, nowMs);
  });
  // read before the workers hear of it: the answer shows REBUILD
  const changed = await findServer(deps.database.read, target.uuid, { deleted: true });
  wakeWorkers(deps, rebuildAction, [id]);
  if (changed === null) throw internal(`Instance ${target.uuid} has no row.`);
  return changed;
}

const IMAGE_TRAITS =
  'No valid host was found. Image traits cannot be satisfied by the current resource providers. Either specify a different ' +
  'image during rebuild or create a new server with the specified image.';

/**
 * The host is asked whether it takes the image, where it is another one; what the flavor asks of it was judged when the server came.
 * Throws `internal` with the code `noValidHost`.
 */
async function judge({ deps, server, input, commit }: StepContext<Input>): Promise<void> {
  if (input.before === null) return;
  const host = await commit((t) => lockCandidate(t, hostOf(server)));
  const flavor = { name: server.flavor.name, extraSpecs: {} };
  const spec = { ...judgedImage(server.image, server.imageRef), flavor };
  const refusal = host === null ? null : imageRefusal(host, spec, optionsOf(deps));
  if (refusal === null) return;
  const { message, detail } = noValidHost([refusal]);
  const said = refusal.filter === 'TraitsFilter' ? IMAGE_TRAITS : message;
  throw internal(said, { code: 'noValidHost', detail });
}

const build = step({
  name: 'build',
  event: 'compute_rebuild_instance',
  async run(context: StepContext<Input>) {
    await makeWay(context);
    const { deps, server, input, commit, call } = context;
    await commit((t, nowMs) => updateServer(t, server.id, { taskState: 'rebuild_spawning' }, nowMs));
    const spec = await guestSpec(deps.database.read, server, input.adminPass);
    const view = await call(hostOf(server), 'rebuild', { spec, preserveEphemeral: input.preserveEphemeral });
    await forgetAside(context);
    return view;
  },
  undo: 'the disks of before are gone: the server is in ERROR until it is rebuilt',
});

/** What was off is off again. */
const power = step({
  name: 'power',
  async run({ server, input, commit, call, output }: StepContext<Input>) {
    if (!input.stopped) return output(build);
    await commit((t, nowMs) => updateServer(t, server.id, { taskState: 'powering-off' }, nowMs));
    return call(hostOf(server), 'powerOff', { uuid: server.uuid, timeoutMs: 0 });
  },
  undo: 'the host is asked what became of the guest when the failure is written',
});

const place = step({ name: 'place', event: 'rebuild_server', run: judge, undo: 'the host was only asked' });

/** Until these are over, what the server was made of is there. */
const harmless: readonly string[] = [place, reimage, reimaged].map(({ name }) => name);

const plain: Saga<Input> = {
  name: 'rebuild',
  notification: 'rebuild',
  secrets: ['adminPass'],
  steps: [place, build, power],
  async settle(t, { server, output }, nowMs) {
    await settleFromView(t, server, output(power), nowMs, true, { launchedAt: nowMs });
    return null;
  },
  observe: ({ server, call }) => call(hostOf(server), 'inspect', { uuid: server.uuid }),
  async failed(t, { server, input }, failure, nowMs, seen) {
    // a host that refused the image still has the disks of before, and so has a volume that did not get its data
    const kept = harmless.includes(failure.step ?? '') ? input.before : null;
    if (kept !== null) await changeBuild<BuildRequest>(t, server.id, kept.build);
    await settleFailed(t, server, failure, nowMs, { ...kept?.row, vmState: 'error' }, seen as GuestView | null);
  },
};

/** The same of a server whose root volume gets the image's data first. */
export const rebuildOfVolumeSaga: Saga<Input> = {
  ...plain,
  steps: [place, reimage, reimaged, build, power],
  overtaken: endReimage,
};

export const rebuildAction = defineAction<Input>()({
  ...plain,
  transitions: {
    rebuild: defineTransition('rebuild', 'Build the server anew from an image.', ['active', 'stopped', 'error'], {
      task: 'rebuilding',
      to: 'active',
      verb: 'rebuild',
    }),
  },
  variant: (input) => (input.reimage ? rebuildOfVolumeSaga : null),
});
