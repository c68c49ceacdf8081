// Why: besides what goes wrong with what is under way there is what happens of its own accord: processes and machines die, are halted
// and come back, guests do what their users or somebody with virsh wants.

import type { Cloud, Program } from './cloud.ts';
import type { Dice } from './dice.ts';
import type { Host } from './host.ts';
import { oddity } from './users.ts';

/** Longer than a lease. */
const LONG_HALT_MS = 20_000;
const GRACE_MS = 2_000;

export class Disasters {
  readonly #cloud: Cloud;
  readonly #dice: Dice;
  /** Guests that somebody meddled with: they may have more than they claim until the next report of their host. */
  readonly meddled = new Set<string>();

  constructor(cloud: Cloud, dice: Dice) {
    this.#cloud = cloud;
    this.#dice = dice;
  }

  #tell(what: string): void {
    this.#cloud.trace.tell('world', `! ${what}`);
  }

  #program(): Program {
    return this.#dice.pick([this.#cloud.api, ...this.#cloud.workers]);
  }

  #killProgram(): void {
    const { life, name } = this.#program();
    this.#tell(`${name} is killed`);
    life.kill();
  }

  #killAgent(): void {
    const host = this.#dice.pick(this.#cloud.hosts);
    this.#tell(`the agent of ${host.name} is killed`);
    host.killAgent();
  }

  /** A process ends as it should, what it has under way is let go of, and another one starts. */
  #stop(): void {
    const program = this.#program();
    const { worker, life, name } = program;
    if (worker === null || !life.alive) return;
    this.#tell(`${name} is stopped`);
    void worker.close().then(() => life.kill());
  }

  #stopAgent(): void {
    const { agent, life, name } = this.#dice.pick(this.#cloud.hosts);
    if (agent === null || life === null) return;
    this.#tell(`the agent of ${name} is stopped`);
    void agent.close(GRACE_MS).then(() => life.kill());
  }

  #loseDatabase(): void {
    const { mishaps, timeline } = this.#cloud;
    const ms = this.#dice.between(500, 10_000);
    this.#tell(`the database is away for ${ms} ms`);
    mishaps.outageUntilMs = timeline.now() + ms;
  }

  #losePower(): void {
    const host = this.#dice.pick(this.#cloud.hosts);
    this.#tell(`${host.name} loses its power`);
    for (const { spec } of host.store.all()) this.meddled.add(spec.uuid);
    host.losePower();
  }

  #halt(): void {
    const { hosts, timeline } = this.#cloud;
    const lives = [this.#program().life, ...hosts.flatMap(({ life }) => life ?? [])].filter(({ alive }) => alive);
    const life = lives.length === 0 ? null : this.#dice.pick(lives);
    if (life === null) return;
    const ms = this.#dice.hits(0.5) ? LONG_HALT_MS : this.#dice.between(500, 5_000);
    this.#tell(`${life.name} is halted for ${ms} ms`);
    life.haltedUntilMs = timeline.now() + ms;
  }

  /** A guest on a host that has an agent to tell of it. */
  #guest(): { readonly host: Host; readonly uuid: string } | null {
    const guests = this.#cloud.hosts.flatMap((host) =>
      host.driver === null ? [] : host.store.all().map(({ spec }) => ({ host, uuid: spec.uuid })),
    );
    return guests.length === 0 ? null : this.#dice.pick(guests);
  }

  /** Whether another host has a guest of the server, or its disks. */
  #hasCopy(host: Host, uuid: string): boolean {
    const others = this.#cloud.hosts.filter((one) => one !== host);
    return others.some(({ store }) => store.get(uuid) !== undefined || store.aside.get(uuid) !== undefined);
  }

  #meddle(): void {
    const found = this.#guest();
    if (found === null) return;
    const { host, uuid } = found;
    const driver = host.driver;
    if (driver === null) return;
    const hand = driver.outOfBand;
    const deeds: Readonly<Record<string, () => void>> = {
      'is switched off from inside': () => driver.powerOffFromInside(uuid),
      crashes: () => driver.crashFromInside(uuid),
      'gets vCPUs by hand': () => hand.setvcpus(uuid, this.#dice.between(1, 4)),
      'gets memory by hand': () => hand.setmem(uuid, 256 * this.#dice.between(1, 4)),
      'is frozen by hand': () => hand.suspend(uuid),
      'is let run by hand': () => hand.resume(uuid),
      'is destroyed by hand': () => hand.destroy(uuid),
      // who starts one of two copies while its server moves has doubled it himself: nothing of ours could keep him from that
      'is started by hand': () => void (this.#hasCopy(host, uuid) || hand.start(uuid)),
      'changes its mind': () => driver.behave(uuid, oddity(this.#dice)),
    };
    const deed = this.#dice.pick(Object.keys(deeds));
    this.#tell(`guest ${uuid} on ${host.name} ${deed}`);
    this.meddled.add(uuid);
    deeds[deed]?.();
  }

  #lie(): void {
    const host = this.#dice.pick(this.#cloud.hosts);
    host.lies = !host.lies;
    this.#tell(`guests of ${host.name} ${host.lies ? 'begin' : 'cease'} to lie`);
  }

  /** One of them, by chance. */
  strike(): void {
    const kinds: readonly (() => void)[] = [
      () => this.#killProgram(),
      () => this.#killProgram(),
      () => this.#killAgent(),
      () => this.#stop(),
      () => this.#stopAgent(),
      () => this.#loseDatabase(),
      () => this.#losePower(),
      () => this.#halt(),
      () => this.#halt(),
      () => this.#meddle(),
      () => this.#meddle(),
      () => this.#meddle(),
      () => this.#lie(),
    ];
    this.#dice.pick(kinds)();
  }
}
