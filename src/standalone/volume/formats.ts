// Why: which images a volume's data can be made of, for whoever refuses one and whoever reads it.

import { badRequest } from '../../base/errors.ts';

const FORMATS: Readonly<Record<string, 'raw' | 'qcow2'>> = { raw: 'raw', qcow2: 'qcow2', iso: 'raw' };

/** How the data of an image of this format is read. @throws badRequest for one that is not read here */
export function formatOf(diskFormat: string | null): 'raw' | 'qcow2' {
  const format = FORMATS[diskFormat ?? ''];
  if (format === undefined) throw badRequest(`No volume can be made of an image of format ${diskFormat}.`);
  return format;
}
