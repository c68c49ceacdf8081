// Why: stories are told by the thousand, from one command, and one of them again by its number.
//
// node test/sim/main.ts [--seeds N] [--from SEED] [--seconds S] [--seed SEED]

import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
  },
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function replay(seed: number): Promise<number> {
  const story = await simulate(seed);
  say(story.text);
  say(story.ledger);
  say(
    `seed ${seed}: ${story.steps} steps, ${story.accepted} accepted, ${story.refused} refused, digest ${story.digest}`,
  );
  for (const violation of story.violations) say(`BROKEN: ${violation}`);
  return story.violations.length;
}

async function many(): Promise<number> {
  const from = Number(values.from ?? 1);
  const seeds = Number(values.seeds ?? (values.seconds === undefined ? 200 : Infinity));
  const forMs = Number(values.seconds ?? Infinity) * 1000;
  const began = performance.now();
  let [done, steps, broken, accepted] = [0, 0, 0, 0];
  let toldAt = began;
  while (done < seeds && performance.now() - began < forMs) {
    const story = await simulate(from + done);
    done += 1;
    steps += story.steps;
    accepted += story.accepted;
    if (story.violations.length > 0) {
      broken += 1;
      say(`BROKEN: seed ${story.seed}: ${story.violations.join('; ').slice(0, 600)}`);
      say(`        again: make sim SEED=${story.seed}`);
    }
    if (performance.now() - toldAt > 5_000) {
      toldAt = performance.now();
      say(`sim: ${done} seeds, ${steps} steps, ${broken} broken`);
    }
  }
  const seconds = (performance.now() - began) / 1000;
  say(
    `sim: seeds ${from} to ${from + done - 1}: ${done} seeds, ${steps} steps, ${accepted} accepted, ${seconds.toFixed(1)} s, ` +
      `${(done / seconds).toFixed(1)} seeds/s, ${broken} violations`,
  );
  return broken;
}

process.exitCode = (await (values.seed === undefined ? many() : replay(Number(values.seed)))) === 0 ? 0 : 1;
