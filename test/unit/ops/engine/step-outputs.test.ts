// What a step returned is read by the step's value, so that its type is what `run` returns. The functions here are for the compiler
// (`make lint`) and are never called: an expected error that is none is an error of its own.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Saga, step, type StepContext } from '../../../../src/ops/engine/saga.ts';

interface Input {
  readonly ports: number;
}
type Context = StepContext<Input>;

const undo = 'nothing was done';
const count = step({ name: 'count', run: async ({ input }: Context) => ({ made: input.ports }), undo });
const look = step({ name: 'look', run: async () => 'seen', undo });
const foreign = step({ name: 'count', run: async ({ input }: StepContext<{ host: string }>) => input.host, undo });

export function compiles({ output, outputIfDone }: Context): readonly unknown[] {
  const made: number = output(count).made;
  const seen: string = output(look);
  const perhaps: string | null = outputIfDone(look);
  return [made, seen, perhaps];
}

export function doesNotCompile({ output, outputIfDone }: Context): readonly unknown[] {
  // @ts-expect-error: a name says nothing of what is read
  const named: string = output('look');
  // @ts-expect-error: another type than `run` returns
  const wrong: number = output(look);
  // @ts-expect-error: what `run` does not return
  const missing: unknown = output(count).removed;
  // @ts-expect-error: a step of a saga with another input
  const other: string = output(foreign);
  // @ts-expect-error: it may not be done
  const sure: string = outputIfDone(look);
  return [named, wrong, missing, other, sure];
}

// @ts-expect-error: no saga has a step that reads another input
export const steps: Saga<Input>['steps'] = [foreign];

describe('a step', () => {
  it('is what it was made of', () => assert.deepEqual([count.name, look.undo], ['count', undo]));
});
