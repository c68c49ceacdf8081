// Why: what is built carries the dashboard's page ready made: where the program is installed nothing bundles.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeBundle } from '../src/faces/dashboard/bundle.ts';

const bundle = await makeBundle();
const path = join(import.meta.dirname, '..', 'dist', 'src', 'faces', 'dashboard', 'bundle.json');
writeFileSync(path, JSON.stringify(bundle));
process.stdout.write(
  `${bundle.script.name}, ${bundle.style.name}: ${bundle.script.text.length + bundle.style.text.length} bytes\n`,
);
