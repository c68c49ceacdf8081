// Why: templates for cloud-init are files, ours beside this one and the operator's where the configuration says. All are read at the start,
// and one that is wrong stops it: the creator of a server is no judge of a template.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { messageOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import {
  type CloudInitTemplate,
  type CloudInitTemplates,
  checkTemplate,
} from '../domain/servers/cloud-init-templates.ts';
import { bad } from './config-values.ts';

const BUILT_IN = join(import.meta.dirname, 'cloud-init');
const FILE = /\.ya?ml$/;

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readTemplate(path: string, source: CloudInitTemplate['source']): CloudInitTemplate {
  try {
    const text = readFileSync(path);
    if (text.length > limits.cloudInitTemplateBytes) {
      throw new Error(`it is longer than ${limits.cloudInitTemplateBytes} bytes`);
    }
    const given: unknown = parse(text.toString());
    if (!isMap(given)) throw new Error('a map is wanted');
    const { name, version, description, variables = {}, user_data: userData, ...others } = given;
    const [other] = Object.keys(others);
    if (other !== undefined) throw new Error(`there is no field '${other}'`);
    const template = { name, version, description, source, variables, userData } as CloudInitTemplate;
    checkTemplate(template);
    return template;
  } catch (error) {
    throw bad('compute.cloud_init_templates', `${path}: ${messageOf(error)}`);
  }
}

function readFolder(folder: string, source: CloudInitTemplate['source']): CloudInitTemplate[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw bad('compute.cloud_init_templates', messageOf(error));
  }
  return names.filter((name) => FILE.test(name)).map((name) => readTemplate(join(folder, name), source));
}

/**
 * Ours and the operator's.
 * @param folder of the operator's; empty: none
 * @throws what is wrong with which file
 */
export function readCloudInitTemplates(folder: string): CloudInitTemplates {
  const all = [...readFolder(BUILT_IN, 'built-in'), ...(folder === '' ? [] : readFolder(folder, 'operator'))];
  const seen = new Set<string>();
  for (const { name, version } of all) {
    const one = `${name}@${version}`;
    if (seen.has(one))
      throw bad('compute.cloud_init_templates', `there are two templates ${one}: give it a version of its own`);
    seen.add(one);
  }
  return all.toSorted((a, b) => (a.name === b.name ? b.version - a.version : a.name < b.name ? -1 : 1));
}
