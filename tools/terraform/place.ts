// Why: acceptance tests of a provider name it by one word, and terraform adds where it comes from.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Where the program looks for a provider of which a configuration tells only the name, as those of the tests do: Terraform and OpenTofu
 * differ in it, and the tests' own provider has to stand there.
 */
export async function placeOfProvider(terraform: string, provider: string): Promise<Record<string, string>> {
  const dir = mkdtempSync(join(tmpdir(), 'xloud-terraform-'));
  try {
    writeFileSync(join(dir, 'main.tf'), `provider "${provider}" {}\n`);
    const { stdout } = await run(terraform, ['providers', '-no-color'], { cwd: dir });
    const [, host, namespace] = new RegExp(`\\[([^/\\]]+)/([^/\\]]+)/${provider}\\]`).exec(stdout) ?? [];
    if (host === undefined || namespace === undefined) throw new Error(`of a provider it says: ${stdout}`);
    return { TF_ACC_PROVIDER_HOST: host, TF_ACC_PROVIDER_NAMESPACE: namespace };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
