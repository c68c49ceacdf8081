// The three laws of every saga, for those that make an image of a server: there is a whole image or none, and the server is what it
// was, shelved, or back.

import { allImageCases } from '../support/saga-cases/images.ts';
import { engines } from '../support/database.ts';
import { testSaga } from '../support/saga-suite.ts';

for (const engine of engines) for (const one of allImageCases) testSaga({ ...one, engine });
