// Why: tests of the volume service make volumes, wait for the work on them, and look at the bytes, by QEMU's own tools.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Answer, Cloud, Who } from './cloud.ts';

const run = promisify(execFile);
const GIB = 1024 ** 3;
const OCTETS = { 'Content-Type': 'application/octet-stream' };

/** The JSON that `qemu-img info` tells. */
export async function imageInfo(path: string): Promise<{ 'virtual-size': number; format: string }> {
  return JSON.parse((await run('qemu-img', ['info', '-U', '--output=json', path])).stdout);
}

const pattern = async (
  verb: 'read' | 'write',
  path: string,
  byte: number,
  at: string,
  format: string,
): Promise<string> => (await run('qemu-io', ['-f', format, '-c', `${verb} -P ${byte} ${at} 64k`, path])).stdout;

/** Fills 64 KiB with a byte. @param at such as `0` or `1G` */
export async function writeBytes(path: string, byte: number, at = '0', format = 'qcow2'): Promise<void> {
  await pattern('write', path, byte, at, format);
}

/** That 64 KiB are this byte. */
export async function assertBytes(path: string, byte: number, at = '0', format = 'qcow2'): Promise<void> {
  const said = await pattern('read', path, byte, at, format).catch((error: { stdout: string }) => error.stdout);
  assert.ok(!said.includes('verification failed') && said.includes('read 65536/65536'), `${path} at ${at}: ${said}`);
}

/** That a guest would read the same in both. */
export async function assertSameBytes(one: string, other: string, formats = ['qcow2', 'qcow2']): Promise<void> {
  const { stdout } = await run('qemu-img', ['compare', '-f', formats[0] ?? '', '-F', formats[1] ?? '', one, other]);
  assert.match(stdout, /identical/);
}

/** Requests to the volume service as somebody. */
export interface VolumeClient {
  ask(method: string, path: string, body?: unknown, version?: string, who?: Who): Promise<Answer>;
  /** As `ask`, for what must succeed. */
  done(method: string, path: string, body?: unknown, who?: Who): Promise<Answer['json']>;
  /** `POST /volumes/{id}/action` */
  act(id: string, action: object, version?: string, who?: Who): Promise<Answer>;
  /** A volume whose bytes are there. */
  create(body: object, who?: Who): Promise<string>;
  snapshot(volumeId: string): Promise<string>;
  /** Waits for a status and resolves to the thing; `gone`: it is not there any more. */
  until(kind: 'volumes' | 'snapshots', id: string, status: string, who?: Who): Promise<Answer['json']>;
  fileOf(id: string, kind?: 'volume' | 'snapshot'): string;
  /** An active image of these bytes. */
  image(bytes: Uint8Array, format?: string, more?: object): Promise<string>;
}

export function volumeClient(cloud: Cloud): VolumeClient {
  const ask: VolumeClient['ask'] = (method, path, body, version = '3.68', who = 'demo') =>
    cloud.ask(who, method, `/volume/v3${path}`, body, { 'OpenStack-API-Version': `volume ${version}` });
  const done: VolumeClient['done'] = async (method, path, body, who) => {
    const { status, text, json } = await ask(method, path, body, undefined, who);
    assert.ok(status < 300, `${method} ${path}: ${status} ${text}`);
    return json;
  };
  const until: VolumeClient['until'] = async (kind, id, status, who) => {
    for (let tries = 0; ; tries += 1) {
      const answer = await ask('GET', `/${kind}/${id}`, undefined, undefined, who);
      if (answer.status === 404 && status === 'gone') return null;
      assert.equal(answer.status, 200, answer.text);
      const thing = answer.json[kind.slice(0, -1)];
      if (thing.status === status) return thing;
      assert.ok(tries < 2_000 && (status === 'error' || thing.status !== 'error'), `${kind} ${id} is ${thing.status}`);
      await sleep(25);
    }
  };
  return {
    ask,
    done,
    until,
    act: (id, action, version, who) => ask('POST', `/volumes/${id}/action`, action, version, who),
    async create(body, who) {
      const { id } = (await done('POST', '/volumes', { volume: body }, who)).volume;
      await until('volumes', id, 'available', who);
      return id;
    },
    async snapshot(volume_id) {
      const { id } = (await done('POST', '/snapshots', { snapshot: { volume_id } })).snapshot;
      await until('snapshots', id, 'available');
      return id;
    },
    fileOf: (id, kind = 'volume') => join(cloud.dir, 'volumes', `${kind}-${id}`),
    async image(bytes, format = 'raw', more = {}) {
      const body = { name: 'i', disk_format: format, container_format: 'bare', ...more };
      const { id } = (await cloud.ask('demo', 'POST', '/image/v2/images', body)).json;
      const sent = await cloud.ask('demo', 'PUT', `/image/v2/images/${id}/file`, bytes, OCTETS);
      assert.equal(sent.status, 204, sent.text);
      return id;
    },
  };
}

/** A file of a scratch directory. */
export async function madeImage(dir: string, ...words: string[]): Promise<string> {
  const path = join(await mkdtemp(join(dir, 'made-')), 'image');
  await run('qemu-img', ['create', '-q', ...words.map((word) => (word === '@' ? path : word))]);
  return path;
}

export const gib = (n: number): number => n * GIB;
