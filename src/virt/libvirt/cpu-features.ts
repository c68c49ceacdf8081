// Why: flavors ask for what a guest's processor can do (`trait:HW_CPU_X86_AVX2`), which is what its model stands for, and not what
// the host's own processor has beside it.

import { guestCpuModel } from './machine/processor.ts';
import type { HostChoice } from './host-choice.ts';
import type { LibvirtCalls } from './rpc/procedures.ts';
import { children, endXml, leaf, readXml, startXml, text } from './xml.ts';

/** VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES: the features that a model stands for are named as well. */
const EXPAND = 1;

interface Cpu {
  readonly arch: string;
  readonly model: string;
  readonly features: readonly string[];
}

function cpuXml({ arch, model, features }: Cpu): string {
  const cpu = startXml('cpu');
  text(cpu, 'arch', arch);
  text(cpu, 'model', model);
  for (const name of features) leaf(cpu, 'feature', { name });
  return endXml(cpu);
}

/**
 * The features of the processor that guests get on an x86 host: of a model by name, else of the host's own.
 * @param own the host's processor, as libvirt's capabilities have it
 */
export async function readCpuFeatures(calls: LibvirtCalls, host: HostChoice, own: Cpu): Promise<readonly string[]> {
  const model = guestCpuModel(host);
  if (own.arch !== 'x86_64' || own.model === '') return [];
  const expanded = await calls.connectBaselineCpu(
    [cpuXml(model === null ? own : { ...own, model, features: [] })],
    EXPAND,
  );
  return children(readXml(expanded), 'feature').flatMap((feature) =>
    ['disable', 'forbid'].includes(feature.getAttribute('policy') ?? '') ? [] : [feature.getAttribute('name') ?? ''],
  );
}
