// The three laws of sagas for servers that are rescued and brought back.

import { rescueCases } from '../support/saga-cases/rescue.ts';
import { engines } from '../support/database.ts';
import { testSaga } from '../support/saga-suite.ts';

for (const engine of engines) for (const one of rescueCases) testSaga({ ...one, engine });
