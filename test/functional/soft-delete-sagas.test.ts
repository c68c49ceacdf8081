// The three laws of sagas for deletions that are deferred and for what brings their servers back.

import { deferredDeleteCases } from '../support/saga-cases/soft-delete.ts';
import { engines } from '../support/database.ts';
import { testSaga } from '../support/saga-suite.ts';

for (const engine of engines) for (const one of deferredDeleteCases) testSaga({ ...one, engine });
