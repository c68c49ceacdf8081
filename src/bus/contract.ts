// Why: one table of what may be said to an agent, with its time limit; the buses, their clients and servers derive from it.

import { limits } from '../base/limits.ts';
import type {
  AdjustOutcome,
  AdjustRequest,
  DiskCopy,
  DiskSource,
  GuestEvent,
  GuestSpec,
  GuestView,
  LiveProgress,
  LiveTarget,
} from '../domain/servers/guest.ts';
import type { Diagnostics } from '../domain/servers/diagnostics.ts';
import type { ConsoleEndpoint, ConsoleProtocol } from '../domain/servers/remote-console.ts';
import type { HostInventory } from '../domain/placement/host.ts';
import type { ImageFacts } from '../domain/machines/image.ts';
import type { InterfacePlan } from '../domain/networks/interface-plan.ts';
import type { NicSpec } from '../domain/networks/nic.ts';

/** Arguments and reply of each agent method. All are absolute and safe to deliver twice. */
export interface AgentMethods {
  spawn: { args: { spec: GuestSpec }; reply: GuestView };
  destroy: { args: { uuid: string }; reply: null };
  powerOn: { args: { spec: GuestSpec }; reply: GuestView };
  powerOff: { args: { uuid: string; timeoutMs: number }; reply: GuestView };
  reboot: { args: { spec: GuestSpec; type: 'SOFT' | 'HARD'; timeoutMs: number }; reply: GuestView };
  pause: { args: { uuid: string }; reply: GuestView };
  unpause: { args: { uuid: string }; reply: GuestView };
  suspend: { args: { uuid: string }; reply: GuestView };
  resume: { args: { uuid: string }; reply: GuestView };
  snapshot: { args: { uuid: string; imageId: string; quiesce: boolean }; reply: DiskCopy };
  uploadSnapshot: { args: { uuid: string; imageId: string }; reply: null };
  dropSnapshot: { args: { uuid: string; imageId: string }; reply: null };
  rescue: { args: { spec: GuestSpec }; reply: GuestView };
  unrescue: { args: { spec: GuestSpec }; reply: GuestView };
  rebuild: { args: { spec: GuestSpec; preserveEphemeral: boolean }; reply: GuestView };
  setAdminPassword: { args: { uuid: string; user: string; password: string }; reply: null };
  injectNmi: { args: { uuid: string }; reply: null };
  attachNic: { args: { uuid: string; nic: NicSpec; plan: InterfacePlan }; reply: GuestView };
  detachNic: { args: { uuid: string; portId: string }; reply: GuestView };
  migrateDisk: { args: { uuid: string; timeoutMs: number }; reply: null };
  receiveDisk: { args: { spec: GuestSpec; from: DiskSource; on: boolean }; reply: GuestView };
  restoreDisk: { args: { spec: GuestSpec; on: boolean }; reply: GuestView };
  dropDisk: { args: { uuid: string }; reply: null };
  liveMigrate: { args: { uuid: string; to: LiveTarget }; reply: LiveProgress };
  liveProgress: { args: { uuid: string }; reply: LiveProgress };
  steerLive: { args: { uuid: string; wish: 'abort' | 'force' }; reply: null };
  adjust: { args: { uuid: string; request: AdjustRequest }; reply: AdjustOutcome };
  console: { args: { uuid: string; maxBytes: number }; reply: string };
  remoteConsole: { args: { uuid: string; protocol: ConsoleProtocol }; reply: ConsoleEndpoint | null };
  diagnostics: { args: { uuid: string }; reply: Diagnostics };
  /** Whether the image was fetched now; false: it was there. */
  cacheImage: { args: { image: ImageFacts }; reply: boolean };
  inspect: { args: { uuid: string }; reply: GuestView | null };
  list: { args: Record<string, never>; reply: readonly GuestView[] };
}

export type AgentMethod = keyof AgentMethods;
export type AgentArgs<M extends AgentMethod> = AgentMethods[M]['args'];
export type AgentReply<M extends AgentMethod> = AgentMethods[M]['reply'];

/** How long the caller waits for an answer before it treats the outcome as unknown, in milliseconds. */
export const agentTimeoutMs: Readonly<Record<AgentMethod, number>> = {
  spawn: limits.spawnMs,
  destroy: limits.libvirtSlowCallMs,
  powerOn: limits.spawnMs,
  powerOff: limits.libvirtSlowCallMs,
  reboot: limits.libvirtSlowCallMs,
  pause: limits.libvirtSlowCallMs,
  unpause: limits.libvirtSlowCallMs,
  suspend: limits.libvirtSlowCallMs,
  resume: limits.libvirtSlowCallMs,
  snapshot: limits.snapshotMs,
  uploadSnapshot: limits.imageTransferMs,
  dropSnapshot: limits.libvirtCallMs,
  rescue: limits.spawnMs,
  unrescue: limits.spawnMs,
  rebuild: limits.spawnMs,
  setAdminPassword: limits.libvirtSlowCallMs,
  injectNmi: limits.libvirtJobCallMs,
  attachNic: limits.libvirtSlowCallMs,
  detachNic: limits.libvirtSlowCallMs,
  migrateDisk: limits.libvirtSlowCallMs,
  receiveDisk: limits.spawnMs,
  restoreDisk: limits.spawnMs,
  dropDisk: limits.libvirtSlowCallMs,
  liveMigrate: limits.libvirtSlowCallMs,
  liveProgress: limits.libvirtCallMs,
  steerLive: limits.libvirtCallMs,
  adjust: limits.libvirtSlowCallMs,
  console: limits.libvirtCallMs,
  remoteConsole: limits.libvirtCallMs,
  diagnostics: limits.libvirtCallMs,
  cacheImage: limits.imageTransferMs,
  inspect: limits.libvirtCallMs,
  list: limits.libvirtCallMs,
};

/** What an agent says of its own accord. */
export type AgentReport =
  /** The host lives; what it has is what it told last. */
  | { readonly kind: 'heartbeat'; readonly host: string }
  /** All its guests, with what it has as it told last. */
  | { readonly kind: 'guests'; readonly host: string; readonly guests: readonly GuestView[] }
  | {
      readonly kind: 'inventory';
      readonly host: string;
      readonly inventory: HostInventory;
      readonly guests: readonly GuestView[];
    }
  | { readonly kind: 'guest'; readonly host: string; readonly event: GuestEvent; readonly view: GuestView | null };
