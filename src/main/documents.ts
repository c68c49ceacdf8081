// Why: the documents that are derived from the program are written by one command (`make docs`), each under its name in docs/.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { computeRoutes } from '../api/compute/index.ts';
import { openapi } from '../api/openapi.ts';
import { novacronOpenapi } from '../faces/novacron/openapi.ts';
import { customResourceDefinition } from '../operator/crd.ts';
import { actionsPage } from './actions-page.ts';
import { sampleConfig } from './config.ts';
import { extraSpecsPage } from './extra-specs-page.ts';
import { microversionsPage } from './microversions-page.ts';
import { samplePolicyFile } from './policy-sample.ts';

const CRD = '../config/crd/bases/novacron.io_virtualmachines.yaml';

/** The text of each derived document by its path from docs/. */
export const documents: Readonly<Record<string, () => string>> = {
  'openapi.json': () => `${JSON.stringify(openapi(computeRoutes), null, 2)}\n`,
  'novacron-openapi.json': () => `${JSON.stringify(novacronOpenapi(), null, 2)}\n`,
  'actions.md': actionsPage,
  'extra-specs.md': extraSpecsPage,
  'microversions.md': microversionsPage,
  'policy.yaml.sample': samplePolicyFile,
  'xloud.yaml.sample': sampleConfig,
  [CRD]: () =>
    `# Made from src/operator/crd.ts by \`make docs\`.\n${stringify(customResourceDefinition, { aliasDuplicateObjects: false })}`,
};

if (import.meta.main) {
  const directory = join(import.meta.dirname, '..', '..', 'docs');
  for (const [name, text] of Object.entries(documents)) writeFileSync(join(directory, name), text());
}
