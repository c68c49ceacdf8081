// Why: what a machine asks for is read once, into the service's words, with every reason against it: the webhook refuses by the same reading
// by which the controller acts.

import { Cron } from 'croner';
import { quantityOf } from './quantity.ts';
import type { MachineSpec, MatchExpression, Network, ShownSize, Size, VirtualMachineSpec } from './types.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const FLOOR: Size = { cpu: 1, memoryMb: 512 };
const SCHEDULE = /^(@[a-z]+|\S+( +\S+){4})$/;
const MOST_VCPUS = 1_024;

export interface Wanted {
  readonly running: boolean;
  readonly size: Size;
  readonly floor: Size;
  readonly ceiling: Size;
  readonly diskGb: number;
  /** An image's name or id. */
  readonly image: string;
  readonly flavor: string | null;
  readonly networks: readonly Network[];
  /** Which labels its host must have: of one of these terms all. */
  readonly hostLabels: readonly (readonly MatchExpression[])[];
}

/** What is wrong, each with the path of the field. */
export type Problems = readonly string[];

type Read =
  | { readonly wanted: Wanted; readonly problems: readonly [] }
  | { readonly wanted: null; readonly problems: Problems };

const mebibytes = (quantity: number | string): number => Math.ceil(quantityOf(quantity) / MIB);

export const shownSize = ({ cpu, memoryMb }: Size): ShownSize => ({ cpu, memory: `${memoryMb}Mi` });

function imageOf(source: string, say: (problem: string) => void): string {
  const [, scheme, name] = /^([a-z]+):\/\/(.+)$/.exec(source) ?? [];
  if ((scheme === 'marketplace' || scheme === 'image') && name !== undefined) return name;
  const why =
    scheme === undefined ? 'it must be marketplace://NAME or image://NAME-OR-ID' : `images are not had by ${scheme}://`;
  say(`image.source: ${why}`);
  return '';
}

function sizesOf({ resources: { cpu, memory, disk, floor, ceiling } }: MachineSpec, say: (problem: string) => void) {
  const size = { cpu: quantityOf(cpu), memoryMb: mebibytes(memory) };
  const most = { cpu: quantityOf(ceiling?.cpu ?? cpu), memoryMb: mebibytes(ceiling?.memory ?? memory) };
  const least = {
    cpu: floor?.cpu === undefined ? Math.min(FLOOR.cpu, size.cpu) : quantityOf(floor.cpu),
    memoryMb: floor?.memory === undefined ? Math.min(FLOOR.memoryMb, size.memoryMb) : mebibytes(floor.memory),
  };
  for (const [name, one] of Object.entries({ '': size, 'floor.': least, 'ceiling.': most })) {
    if (!Number.isInteger(one.cpu) || one.cpu < 1 || one.cpu > MOST_VCPUS)
      say(`resources.${name}cpu: it must be a whole number from 1 to ${MOST_VCPUS}`);
    if (!(one.memoryMb >= 1)) say(`resources.${name}memory: it must be a quantity of at least 1Mi`);
  }
  for (const [part, unit] of [
    ['cpu', ''],
    ['memoryMb', ' MiB'],
  ] as const) {
    if (size[part] < least[part]) say(`resources: ${size[part]}${unit} is below the floor, ${least[part]}${unit}`);
    if (size[part] > most[part]) say(`resources: ${size[part]}${unit} is above the ceiling, ${most[part]}${unit}`);
  }
  const diskGb = Math.ceil(quantityOf(disk) / GIB);
  if (!(diskGb >= 1)) say('resources.disk: it must be a quantity of at least 1Gi');
  return { size, floor: least, ceiling: most, diskGb };
}

function hostLabelsOf(
  { nodeSelector = {}, affinity }: MachineSpec,
  say: (problem: string) => void,
): Wanted['hostLabels'] {
  const fixed = Object.entries(nodeSelector).map(
    ([key, value]): MatchExpression => ({ key, operator: 'In', values: [value] }),
  );
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  // as in Kubernetes: no term is none that holds, and must not be as if nothing had been asked for
  if (terms?.length === 0) say('affinity.nodeAffinity: nodeSelectorTerms must have at least one term');
  if (terms !== undefined) return terms.map(({ matchExpressions = [] }) => [...fixed, ...matchExpressions]);
  return fixed.length === 0 ? [] : [fixed];
}

function checkSchedule({ snapshotPolicy }: VirtualMachineSpec, say: (problem: string) => void): void {
  if (snapshotPolicy === undefined) return;
  // a single date would be a schedule until it is over, and the machine refused from then on
  if (!SCHEDULE.test(snapshotPolicy.schedule))
    return say('snapshotPolicy.schedule: it must have five fields, or be as @daily');
  try {
    // five fields: a schedule of seconds would never rest
    const next = new Cron(snapshotPolicy.schedule, {
      mode: '5-part',
      timezone: snapshotPolicy.timeZone ?? 'UTC',
    }).nextRun();
    if (next === null) say('snapshotPolicy.schedule: it never comes');
  } catch (error) {
    say(`snapshotPolicy: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What no provider has, and what this one has not. */
function checkDevices({ devices = [], flavor }: MachineSpec, say: (problem: string) => void): void {
  if (devices.length > 0 && flavor === undefined)
    say('devices: devices of hosts are had by a flavor; name one that has them as `flavor`');
}

/** Reads a machine's spec. */
export function wantedOf(spec: VirtualMachineSpec): Read {
  const problems: string[] = [];
  const say = (problem: string): void => void problems.push(problem);
  const machine = spec.template.spec;
  if ((spec.provider ?? 'kvm') !== 'kvm')
    say(`provider: there is no provider ${spec.provider} yet; kvm is the one there is`);
  const sizes = sizesOf(machine, say);
  const image = imageOf(machine.image.source, say);
  checkDevices(machine, say);
  checkSchedule(spec, say);
  const hostLabels = hostLabelsOf(machine, say);
  for (const { name, ipv4 } of machine.networks ?? []) {
    if (ipv4?.method === 'static' && !/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/.test(ipv4.address ?? ''))
      say(`networks: the address of ${name} must be written as 10.0.1.10/24`);
  }
  if (problems.length > 0) return { wanted: null, problems };
  const wanted: Wanted = {
    ...{ running: spec.running ?? true, ...sizes, image, flavor: machine.flavor ?? null },
    ...{ networks: machine.networks ?? [], hostLabels },
  };
  return { wanted, problems: [] };
}
