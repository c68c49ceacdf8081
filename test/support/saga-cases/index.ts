// Why: every saga has its case, and the test of totality counts them: here are all, as tables. Their tests are run by
// test/functional/*sagas.test.ts.

import type { SagaCase } from '../saga-suite.ts';
import { copyCases } from './copies.ts';
import { deferredDeleteCases } from './soft-delete.ts';
import { allImageCases } from './images.ts';
import { moveCases } from './moves.ts';
import { plainCases } from './plain.ts';
import { rebuildCases } from './rebuild.ts';
import { rescueCases } from './rescue.ts';
import { volumeCases } from './volumes.ts';

export const sagaCases: readonly SagaCase[] = [
  ...plainCases,
  ...rebuildCases,
  ...rescueCases,
  ...volumeCases,
  ...copyCases,
  ...deferredDeleteCases,
  ...allImageCases,
  ...moveCases,
];
