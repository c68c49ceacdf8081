// The three laws of sagas for servers that are built anew.

import { rebuildCases } from '../support/saga-cases/rebuild.ts';
import { engines } from '../support/database.ts';
import { testSaga } from '../support/saga-suite.ts';

for (const engine of engines) for (const one of rebuildCases) testSaga({ ...one, engine });
