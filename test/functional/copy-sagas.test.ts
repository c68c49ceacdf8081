// The three laws of sagas for copies of a server's disk, made and put back.

import { copyCases } from '../support/saga-cases/copies.ts';
import { engines } from '../support/database.ts';
import { testSaga } from '../support/saga-suite.ts';

for (const engine of engines) for (const one of copyCases) testSaga({ ...one, engine });
