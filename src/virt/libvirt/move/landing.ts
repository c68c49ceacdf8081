// Why: the host that takes a guest as it runs looks first whether it can, and makes ready what the guest will find: files, empty disks
// to be filled on the way, networks, filters. It is no guest here before it came.

import { chmod, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isIPv6 } from 'node:net';
import { conflict, Fault, messageOf, unavailable } from '../../../base/errors.ts';
import { removeWritten, writeDurably } from '../../../base/durable-file.ts';
import type { AgentArgs, AgentVerbs } from '../../../domain/servers/agent-methods.ts';
import { type GuestSpec, type GuestView, type LiveLanding, liveDisksProblem } from '../../../domain/servers/guests.ts';
import { guestFiles, handOver, instanceDir, markComplete } from '../disks.ts';
import { isVirError } from '../errors.ts';
import { exists } from '../exists.ts';
import { findDomain, isArriving, isOff } from '../guest.ts';
import { domainOf, filesOf, type Host, noSuchGuest, preparePorts, view } from '../host.ts';
import { formatOf } from '../images.ts';
import { isOthers, ownFiles, undefine, xmlHere } from '../lifecycle.ts';
import { checkNics, writePorts } from '../nics.ts';
import { reachVolume } from '../volume-reach.ts';
import * as vir from '../rpc/constants.ts';
import { elementXml, find, readXml } from '../xml.ts';
import type { Arrival } from './arrivals.ts';
import { fetchFile, fetchManifest } from './fetch.ts';
import { type LiveFacts, type Manifest, markIn, type MovedFile } from './manifest.ts';
import { bringImage, imagesOf } from './receive.ts';
import { takeDisksOver } from './take-over.ts';
import { travelXml, writtenDisks } from './travel-xml.ts';

/** Disks that are filled on the way. */
const FILLED = /^disk(\.eph\d+|\.swap)?$/;
const isFilled = ({ name }: MovedFile): boolean => FILLED.test(name);

const cannot = (uuid: string, why: string) =>
  conflict(`Instance ${uuid} cannot move here as it runs: ${why}.`, { code: 'migration.precheck' });

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

/** Throws `conflict` where this host cannot run the guest on. */
async function check(host: Host, uuid: string, xml: string): Promise<void> {
  const root = readXml(xml);
  const [type, os, cpu] = [root.getAttribute('type'), find(root, 'os/type'), find(root, 'cpu')];
  const [arch, machine] = [os?.getAttribute('arch') ?? null, os?.getAttribute('machine') ?? null];
  if (find(root, 'devices/hostdev') !== null) throw cannot(uuid, 'a device of its host is its own');
  if (type === 'kvm' && host.choice.virtType !== 'kvm') throw cannot(uuid, 'this host runs no guests under KVM');
  const kind = [null, arch, machine, type] as const;
  try {
    await host.connection.connectGetDomainCapabilities(...kind);
    if (cpu === null) return;
    const strict = vir.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE;
    await host.connection.connectCompareHypervisorCPU(...kind, elementXml(cpu), strict);
  } catch (error) {
    if (!(error instanceof Fault) || error.kind === 'unavailable') throw error;
    if (isVirError(error, 'VIR_ERR_CPU_INCOMPATIBLE')) throw cannot(uuid, `its processor: ${error.message}`);
    // what libvirt cannot compare it finds out when the guest comes
    if (isVirError(error, 'VIR_ERR_CONFIG_UNSUPPORTED') || isVirError(error, 'VIR_ERR_NO_SUPPORT')) return;
    throw cannot(uuid, `machine ${machine} of ${arch} by ${type}: ${error.message}`);
  }
}

/** An empty disk as large as the guest's own. What an attempt that failed left is of no use: it lies over what will not be sent. */
async function makeEmpty(host: Host, spec: GuestSpec, { name, bytes }: MovedFile, manifest: Manifest): Promise<void> {
  const files = filesOf(host, spec.uuid);
  const path = join(instanceDir(host.instancesDir, spec.uuid), name);
  await rm(path, { force: true });
  if (path !== files.root) {
    await writeFile(path, '', { mode: 0o644 });
    return await truncate(path, bytes);
  }
  const { image } = spec.disks;
  const over = image !== null && image.diskFormat !== 'iso' && (await exists(files.base));
  const backing = over ? ['-b', files.base, '-F', formatOf(image)] : [];
  await host.run('qemu-img', ['create', '-q', '-f', 'qcow2', ...backing, '--', path, String(manifest.rootBytes)]);
}

/** What is made ready here, noted until the guest is here. */
interface Awaited {
  readonly live: true;
  readonly online: number | null;
}

async function makeReady(
  host: Host,
  spec: GuestSpec,
  { offer }: AgentArgs<'prepareLive'>['from'],
  manifest: Manifest,
): Promise<void> {
  const dir = instanceDir(host.instancesDir, spec.uuid);
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o711 });
  const awaited: Awaited = { live: true, online: manifest.live?.online ?? null };
  await writeDurably(guestFiles(dir).arriving, JSON.stringify(awaited));
  await ownFiles(host, spec.uuid);
  const arrival: Arrival = { signal: new AbortController().signal, expect: () => {}, advance: () => {} };
  if (offer === null) throw noSuchGuest(spec.uuid);
  const source = {
    manifest,
    bring: (file: MovedFile, path: string) => fetchFile(offer, file, path, arrival.advance, arrival.signal),
  };
  const images = imagesOf(spec);
  for (const file of manifest.files.filter((one) => !isFilled(one))) {
    const path = join(dir, file.name);
    if (images.has(file.name)) await bringImage(host, images.get(file.name) ?? null, file, path, source, arrival);
    else await source.bring(file, path);
  }
  for (const file of manifest.files.filter(isFilled)) await makeEmpty(host, spec, file, manifest);
  await chmod(dir, 0o711);
  await handOver(host, dir);
}

async function definitions(
  host: Host,
  spec: GuestSpec,
  live: LiveFacts,
): Promise<Pick<LiveLanding, 'xml' | 'persistentXml'>> {
  const there = await xmlHere(host, spec);
  const to = instanceDir(host.instancesDir, spec.uuid);
  return {
    xml: travelXml(live.xml, there, live.dir, to),
    persistentXml: travelXml(live.persistentXml, there, live.dir, to),
  };
}

async function prepare(host: Host, { spec, from, blockMigration }: AgentArgs<'prepareLive'>): Promise<LiveLanding> {
  const { uuid } = spec;
  checkNics(spec.nics);
  const present = await findDomain(host.connection, uuid);
  if (present !== null && (await isArriving(host.connection, present))) {
    throw unavailable(`Instance ${uuid} is on its way here already.`, { code: 'migration.arriving' });
  }
  if (present !== null && !(await isOff(host.connection, present))) throw cannot(uuid, 'it runs here');
  if (from.offer === null) throw noSuchGuest(uuid);
  if (isLoopback(host.live.address)) {
    throw cannot(uuid, 'nobody told at which address this host takes guests (compute.live_migration_inbound_addr)');
  }
  const dir = instanceDir(host.instancesDir, uuid);
  const manifest = await fetchManifest(from.offer, new AbortController().signal);
  const { live } = manifest;
  if (live === null) throw conflict(`Instance ${uuid} is not running.`, { code: 'virt.not_running' });
  await check(host, uuid, live.xml);
  const shared = (await markIn(dir)) === manifest.mark;
  // whoever begins this step anew writes a mark of his own: taken for another storage's, the directory would be removed under its guest
  if (!shared && (await isOthers(host, uuid)))
    throw unavailable(`Instance ${uuid} is offered anew.`, { code: 'migration.offered' });
  const problem = liveDisksProblem(blockMigration, shared, manifest.files.filter(isFilled).length);
  if (problem !== null) throw cannot(uuid, problem);
  // what an earlier stay left defined
  if (present !== null && !shared) await undefine(host, present);
  for (const disk of spec.disks.volumes ?? []) await reachVolume(host, disk);
  if (!shared) await makeReady(host, spec, from, manifest);
  await writePorts(dir, spec.nics);
  await preparePorts(host, spec.nics);
  const { address, scheme } = host.live;
  const place = isIPv6(address) ? `[${address}]` : address;
  const own = await definitions(host, spec, live);
  return {
    ...own,
    uri: `qemu+${scheme}://${place}/system`,
    address,
    disks: shared ? [] : writtenDisks(own.xml, dir),
  };
}

/** The guest came: from now on it is a guest of this host, of which nothing is thrown away. */
async function land(host: Host, spec: GuestSpec): Promise<GuestView> {
  const { uuid } = spec;
  const domain = await domainOf(host, uuid);
  if (await isArriving(host.connection, domain)) {
    throw unavailable(`Instance ${uuid} is still on its way.`, { code: 'migration.arriving' });
  }
  const files = filesOf(host, uuid);
  const noted = await readFile(files.arriving, 'utf8').catch(() => null);
  if (noted !== null) {
    const { online } = JSON.parse(noted) as Awaited;
    if (online !== null) host.offline.set(uuid, online);
  }
  await ownFiles(host, uuid);
  await markComplete(files);
  for (const note of [files.arriving, files.leaving]) await removeWritten(note);
  // its ports may have changed while it was on its way
  await writePorts(instanceDir(host.instancesDir, uuid), spec.nics);
  await preparePorts(host, spec.nics);
  await takeDisksOver(host.connection, domain).catch((error: unknown) => {
    host.log.warn(
      { uuid, error: messageOf(error) },
      'the disks of a guest that came as it stands still are not taken over',
    );
  });
  host.agent.forgive(uuid);
  const seen = await view(host, domain);
  host.log.info({ uuid, size: seen.size, online: seen.onlineVcpus }, 'a guest came as it ran');
  return seen;
}

export function landingVerbs(host: Host): Pick<AgentVerbs, 'prepareLive' | 'landLive'> {
  return {
    prepareLive: (args) => host.guests(args.spec.uuid, () => prepare(host, args)),
    landLive: ({ spec }) => host.guests(spec.uuid, () => land(host, spec)),
  };
}
