// Why: the three laws of every saga, for each of ours, on both engines.

import { plainCases } from '../support/saga-cases/plain.ts';
import { engines } from '../support/database.ts';
import { testSaga } from '../support/saga-suite.ts';

for (const engine of engines) for (const one of plainCases) testSaga({ ...one, engine });
