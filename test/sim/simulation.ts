// Why: one seed is one story: a cloud begins, its users do what they like while things go wrong, the weather turns, and in the end all
// is in order. At every moment between, the laws hold.

import { takeChanceFrom } from '../../src/base/chance.ts';
import { takeSlicesOf } from '../../src/base/fair-turn.ts';
import { limits } from '../../src/base/limits.ts';
import { readRows } from '../../src/db/engine.ts';
import { makeFlavors } from './flavors.ts';
import { ANSWER_MS } from './bus.ts';
import { Cloud } from './cloud.ts';
import { type Dice, makeDice } from './dice.ts';
import { Disasters } from './disasters.ts';
import { ledgerOf } from './ledger.ts';
import { brokenNow } from './laws.ts';
import { brokenInTheEnd, leftOfAll } from './quiet.ts';
import { Users } from './users.ts';
import { calm, type Weather, weatherOf } from './weather.ts';
import { requestOf } from '../support/request-of.ts';

export interface Story {
  readonly seed: number;
  readonly steps: number;
  /** Requests that were accepted, and those that were not. */
  readonly accepted: number;
  readonly refused: number;
  /** Laws that were broken; none: all is well. */
  readonly violations: readonly string[];
  readonly digest: string;
  /** What happened, line by line. */
  readonly text: string;
  /** What the rows said in the end. */
  readonly ledger: string;
}

const SECOND_MS = 1_000;
/** How long the story may go on once nothing goes wrong any more, until nothing is under way. */
const PATIENCE_MS = 1_200 * SECOND_MS;
/** Rounds of reports and reconcilers in a quiet cloud, after which it must be in order. */
const ROUNDS = 2;
const ROUND_MS = 8 * SECOND_MS;
/** What is not over after so many steps never will be. */
const MAX_STEPS = 60_000;

/** Actions that are not over, and starts that have not settled. */
const UNDER_WAY = `
  select (select count(*) from instance_actions where state <> 'done') as actions,
    (select count(*) from servers where deleted = 0 and adjust_status = 'adjusting') as starts`;

/** Somebody broke a law, or the program made a mistake; the story ends here. */
class Broken extends Error {
  readonly laws: readonly string[];
  constructor(laws: readonly string[]) {
    super(laws.join('\n'));
    this.laws = laws;
  }
}

class Simulation {
  readonly #cloud: Cloud;
  readonly #users: Users;
  readonly #disasters: Disasters;
  readonly #dice: Dice;
  #wild = true;
  /** A mistake that surfaced in nobody's call. */
  failed: unknown = null;

  constructor(cloud: Cloud, dice: Dice) {
    this.#cloud = cloud;
    this.#dice = dice;
    this.#users = new Users(cloud, dice);
    this.#disasters = new Disasters(cloud, dice);
  }

  get users(): Users {
    return this.#users;
  }

  async #check(): Promise<void> {
    const { timeline, database, hosts } = this.#cloud;
    if (this.failed !== null) throw this.failed;
    if (timeline.steps > MAX_STEPS) throw new Broken([`not over after ${MAX_STEPS} steps`]);
    if (this.#cloud.broken.length > 0) throw new Broken(this.#cloud.broken);
    if (!this.#cloud.changed) return;
    this.#cloud.changed = false;
    const isHonest = (uuid: string): boolean =>
      this.#wild && !this.#disasters.meddled.has(uuid) && !this.#odd.has(uuid);
    const broken = await brokenNow({ database, hosts, isHonest, nowMs: timeline.now() });
    if (broken.length > 0) throw new Broken(broken);
  }

  /** Guests that were odd from their birth. */
  get #odd(): ReadonlySet<string> {
    const odd = new Set<string>();
    for (const host of this.#cloud.hosts) {
      for (const { spec } of host.store.all()) if ('xloud_fake' in spec.metadata) odd.add(spec.uuid);
    }
    return odd;
  }

  /** Lets time pass until a moment, or until something is so; whether that came. */
  async #pass(ms: number, until: () => Promise<boolean> | boolean = () => false): Promise<boolean> {
    const { timeline } = this.#cloud;
    const endMs = timeline.now() + ms;
    for (;;) {
      if (await until()) return true;
      if (!(await timeline.step(endMs))) break;
      await this.#check();
    }
    // nothing else is due until then
    void timeline.sleep(Math.max(0, endMs - timeline.now()), null);
    await timeline.step(endMs);
    return false;
  }

  /** Something that users or the world do meanwhile; what it throws ends the story. */
  #begin(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.failed ??= error;
    });
  }

  async #allUp(): Promise<boolean> {
    const rows = await readRows(this.#cloud.database.read, 'select count(*) as hosts from hosts');
    return Number(rows[0]?.['hosts']) === this.#cloud.hosts.length;
  }

  async begin(): Promise<void> {
    const { hosts, workers } = this.#cloud;
    for (const worker of workers) this.#cloud.revive(worker);
    for (const host of hosts) this.#begin(host.start());
    if (!(await this.#pass(60 * SECOND_MS, () => this.#allUp()))) throw new Broken(['the hosts never came']);
    let ready = false;
    this.#begin(makeFlavors(this.#cloud, this.#users).then(() => (ready = true)));
    if (!(await this.#pass(60 * SECOND_MS, () => ready))) throw new Broken(['the flavors were never made']);
  }

  /** Whatever died starts again some time. */
  #watchOver(): void {
    const { api, workers, hosts, timeline, trace } = this.#cloud;
    for (const program of [api, ...workers]) {
      if (!program.life.alive && this.#dice.hits(0.3)) this.#cloud.revive(program);
    }
    for (const host of hosts) {
      if (host.life !== null || !this.#dice.hits(host.hasPower ? 0.3 : 0.03)) continue;
      trace.tell(host.name, 'starts');
      this.#begin(host.start());
    }
    timeline.after(SECOND_MS, null, () => this.#wild && this.#watchOver());
  }

  #strikeAgain(): void {
    const { timeline, mishaps } = this.#cloud;
    const { disasterMs } = mishaps.weather;
    if (disasterMs === 0) return;
    timeline.after(this.#dice.between(disasterMs / 4, disasterMs * 2), null, () => {
      if (!this.#wild) return;
      this.#disasters.strike();
      this.#strikeAgain();
    });
  }

  async live(weather: Weather): Promise<void> {
    const { timeline, mishaps, trace } = this.#cloud;
    mishaps.weather = weather;
    trace.tell('world', `weather ${JSON.stringify(weather)}`);
    this.#watchOver();
    this.#strikeAgain();
    const wishes = this.#dice.between(8, 30);
    const pauseMs = this.#dice.pick([300, 2_000, 6_000]);
    const atOnce = weather.crowded ? 4 : this.#dice.pick([1, 1, 3]);
    for (let count = 0; count < wishes; count += 1) {
      await this.#pass(this.#dice.below(pauseMs));
      for (let left = this.#dice.between(1, atOnce); left > 0; left -= 1) this.#begin(this.#users.next());
      await timeline.settle();
    }
    await this.#pass(this.#dice.below(10 * SECOND_MS));
  }

  #reviveAll(): void {
    const { api, workers, hosts } = this.#cloud;
    for (const program of [api, ...workers]) if (!program.life.alive) this.#cloud.revive(program);
    for (const host of hosts) if (host.life === null) this.#begin(host.start());
  }

  /** Everybody is there again, and nobody lies. */
  async #heal(): Promise<void> {
    const { api, workers, hosts, mishaps, timeline, trace } = this.#cloud;
    trace.tell('world', 'the weather turns');
    this.#wild = false;
    mishaps.weather = calm;
    mishaps.outageUntilMs = 0;
    for (const host of hosts) host.lies = false;
    this.#reviveAll();
    // whoever waits for an answer that was lost hears of that first, and whoever was ending has ended
    await this.#pass(ANSWER_MS + SECOND_MS);
    const isAwake = ({ haltedUntilMs }: { readonly haltedUntilMs: number }): boolean => haltedUntilMs < timeline.now();
    const lives = [api, ...workers, ...hosts].flatMap(({ life }) => life ?? []);
    await this.#pass(PATIENCE_MS, () => lives.every(isAwake));
    this.#reviveAll();
    for (const host of hosts) for (const { spec } of host.store.all()) host.driver?.behave(spec.uuid, '');
  }

  async #isQuiet(): Promise<boolean> {
    const { read } = this.#cloud.database;
    const [row] = await readRows(read, UNDER_WAY);
    return Number(row?.['actions']) === 0 && Number(row?.['starts']) === 0;
  }

  /** Reports and reconcilers have their turn, a few times, until nothing is under way. */
  async #rest(): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) {
      if (!(await this.#pass(PATIENCE_MS, () => this.#isQuiet()))) break;
      for (const host of this.#cloud.hosts) this.#begin(host.agent?.reportNow() ?? Promise.resolve());
      for (const { worker } of this.#cloud.workers) this.#begin(worker?.reconcile() ?? Promise.resolve());
      await this.#pass(ROUND_MS);
      for (const host of this.#cloud.hosts) for (const { spec } of host.store.all()) host.driver?.behave(spec.uuid, '');
    }
    await this.#pass(PATIENCE_MS, () => this.#isQuiet());
  }

  /** The laws that are broken in a quiet cloud, and what is left of it when everything is deleted. */
  async end(): Promise<readonly string[]> {
    await this.#heal();
    await this.#rest();
    const found = await brokenInTheEnd(this.#cloud, this.#users);
    if (found.length > 0) return found;
    this.#cloud.trace.tell('world', 'everything is deleted');
    for (const { uuid } of await this.#users.living()) {
      this.#begin(
        this.#users.ask(`delete ${uuid}`, (op, ops) => ops.requestAction(op, { uuid }, requestOf('forceDelete')), uuid),
      );
    }
    await this.#pass(SECOND_MS);
    await this.#rest();
    return leftOfAll(this.#cloud, this.#users);
  }
}

const wrong = (error: unknown): readonly string[] =>
  error instanceof Broken ? error.laws : [error instanceof Error ? (error.stack ?? error.message) : String(error)];

/** Plays the story of a seed. */
export async function simulate(seed: number): Promise<Story> {
  takeSlicesOf(Infinity);
  takeChanceFrom(makeDice(seed, 1));
  const weather = weatherOf(makeDice(seed, 4));
  const cloud = await Cloud.open(makeDice(seed, 2), weather.crowded);
  const simulation = new Simulation(cloud, makeDice(seed, 3));
  const onMistake = (error: unknown): void => {
    simulation.failed ??= error;
  };
  process.on('unhandledRejection', onMistake);
  let violations: readonly string[];
  try {
    await simulation.begin();
    await simulation.live(weather);
    violations = await simulation.end();
  } catch (error) {
    violations = wrong(error);
  } finally {
    process.off('unhandledRejection', onMistake);
  }
  for (const violation of violations) cloud.trace.tell('LAW', violation);
  const { requests } = simulation.users;
  const accepted = requests.filter(({ promised }) => promised).length;
  const story = {
    seed,
    steps: cloud.timeline.steps,
    accepted,
    refused: requests.length - accepted,
    violations,
    digest: cloud.trace.digest(),
    text: cloud.trace.text(),
    ledger: cloud.trace.named(await ledgerOf(cloud.database.read)),
  };
  await cloud.close();
  takeChanceFrom(null);
  takeSlicesOf(limits.sliceMs);
  return story;
}
