// Why: `make horizon`. OpenStack's dashboard, Debian's, against `xloud serve` on the fake driver: its pages show what is there and no error,
// and servers, volumes and networks live their lives by its forms and buttons; our own panel is in it. Then pictures of that panel.
//
//   node tools/horizon/run.ts [--sizes]     --sizes: our own panel alone

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { takePictures } from './pictures.ts';
import { PYTHON, startDashboard } from './start.ts';

const dashboard = await startDashboard();
try {
  const clouds = join(dashboard.service.dataDir, 'clouds.yaml');
  const words = [join(import.meta.dirname, 'walk.py'), dashboard.site, clouds, ...process.argv.slice(2)];
  const walk = spawn(PYTHON, words, { stdio: 'inherit' });
  const [status] = (await once(walk, 'exit')) as [number | null];
  process.exitCode = status ?? 1;
  if (status !== 0) console.log(dashboard.log());
  await takePictures(dashboard, join(import.meta.dirname, '..', '..', '.cache', 'horizon')).catch((error: unknown) => {
    console.log(dashboard.log());
    throw error;
  });
} finally {
  await dashboard.close();
}
