// Why: browsers want one small script where the page is written in many small files. In a checkout it is made when the first one asks, so
// that what is served is what stands there; a build makes it once and writes it down.

import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the page consists of, besides the document that names them: a name with a hash of the content in it, and the content. */
export interface Bundle {
  readonly script: BundleFile;
  readonly style: BundleFile;
  /** The licences of what is bundled with it, which go where it goes. */
  readonly licences: string;
}

export interface BundleFile {
  /** `app-3f2a9c1b.js` */
  readonly name: string;
  readonly text: string;
}

const PAGE = join(import.meta.dirname, 'page');

const named = (stem: string, extension: string, text: string): BundleFile => ({
  name: `${stem}-${hash('sha256', text, 'hex').slice(0, 12)}.${extension}`,
  text,
});

/** Packages of which something is in the script. */
const PACKAGES = ['preact', '@preact/signals', '@preact/signals-core'];

/** The licence of a package stands in its folder, above whatever file its name leads to. */
async function licenceOf(name: string): Promise<string> {
  const entry = fileURLToPath(import.meta.resolve(name));
  const end = join('node_modules', ...name.split('/'));
  const folder = entry.slice(0, entry.lastIndexOf(end) + end.length);
  return `${name}\n\n${await readFile(join(folder, 'LICENSE'), 'utf8')}`;
}

/** Makes script and style of the page's sources; throws what does not compile. */
export async function makeBundle(): Promise<Bundle> {
  const { build, stop } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [join(PAGE, 'main.tsx'), join(PAGE, 'style', 'app.css')],
    outdir: 'out',
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    banner: { js: '/* with preact and its signals, MIT: see licences.txt beside this */' },
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'silent',
  });
  // it would go on as a process beside this one
  await stop();
  const textOf = (extension: string): string => {
    const file = outputFiles.find(({ path }) => path.endsWith(extension));
    if (file === undefined) throw new Error(`no ${extension} was made of the page`);
    return file.text;
  };
  const licences = (await Promise.all(PACKAGES.map(licenceOf))).join('\n');
  return { script: named('app', 'js', textOf('.js')), style: named('app', 'css', textOf('.css')), licences };
}
